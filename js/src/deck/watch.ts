/** Watches the displayed picture for the effect of each prompt, and takes its thumbnail. */

import { listen, onAbort } from "../host.ts";
import type { DeckMessage, Effect } from "../kernel/messages.ts";
import { eachFrame } from "../media/each-frame.ts";
import type { Session } from "../session/session.ts";
import { type Pictures, thumbnail } from "./pictures.ts";
import { ChangeWatch, GIVE_UP_MS, SAMPLE, type Sample, signature } from "./signature.ts";

/** Between samples while nothing is expected: reading a frame costs a few ms. */
const IDLE_MS = 200;
/** How long every frame is sampled after something that a prompt may follow. */
const ALERT_MS = 1500;
/** How far samples reach back. */
const KEPT_MS = 4000;
/** A message that seems to be later than this tells that a clock was set. */
const MAX_LATE_MS = 10_000;
/** From the change until the look has settled and its thumbnail is taken. */
const SETTLE_MS = 700;

/** The look that is watched. */
interface Watched {
  number: number;
  watch: ChangeWatch | null;
  seconds: number | null;
  changed: boolean | null;
  /** When its thumbnail is due, in ms. */
  dueAt: number;
}

/** What others ask of the watcher. */
export interface Watcher {
  /** A prompt is likely to follow: every frame counts now. */
  expect(): void;
  /** Calls back once, when the change to a look is seen or given up. */
  onceSeen(number: number, callback: () => void): void;
}

/**
 * Tells when looks were asked for, on the clock of `performance.now()`.
 *
 * The kernel's messages are late: a little always, and more beside other work, while the picture may have
 * changed already. The clocks of kernel and page differ, but always by the same, so a message is late by
 * what it exceeds the quickest one.
 */
export class AskedTimes {
  #quickest = Number.POSITIVE_INFINITY;

  /**
   * @param agoS seconds until the kernel sent its message
   * @param askedMs when that was, on the kernel's clock
   * @param now when it came
   */
  when(agoS: number, askedMs: number, now: number): number {
    const latest = now - 1000 * agoS;
    const took = Date.now() - 1000 * agoS - askedMs;
    if (!(took - this.#quickest <= MAX_LATE_MS)) this.#quickest = took;
    this.#quickest = Math.min(this.#quickest, took);
    return latest - (took - this.#quickest);
  }
}

/**
 * Watches a view's picture until the signal, and reports to the kernel.
 *
 * Two reports are made for a look: of the change when it is seen, and with the thumbnail when it has settled.
 */
export function watchEffects(
  session: Session,
  video: HTMLVideoElement,
  pictures: Pictures,
  signal: AbortSignal,
): Watcher {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, SAMPLE);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let samples: Sample[] = [];
  let watched: Watched | null = null;
  let alertUntil = 0;
  const askedTimes = new AskedTimes();
  let waiting: { number: number; callback: () => void } | null = null;

  const isSeeing = () => session.attempt?.revealed === true && session.isOwner !== false;
  const seen = (number: number) => {
    if (waiting?.number !== number) return;
    const { callback } = waiting;
    waiting = null;
    callback();
  };
  const report = ({ number, seconds, changed }: Watched, data?: ArrayBuffer) => {
    const message: Effect = { type: "effect", number, seconds, changed };
    session.kernel.send(message, data);
  };
  const finish = async (done: Watched) => {
    watched = null;
    pictures.keep(done.number, video);
    const data = await thumbnail(video);
    if (data && !signal.aborted) report(done, data);
  };
  const judge = (sample: Sample) => {
    if (!watched) return;
    if (watched.watch && watched.changed === null) {
      const seconds = watched.watch.add(sample);
      const isOver = sample.at - watched.watch.askedAt > GIVE_UP_MS;
      if (seconds !== null) Object.assign(watched, { seconds, changed: true });
      else if (isOver) watched.changed = false;
      if (watched.changed === null) return;
      watched.dueAt = sample.at + (watched.changed ? SETTLE_MS : 0);
      report(watched);
      seen(watched.number);
    }
    if (sample.at >= watched.dueAt) void finish(watched);
  };
  eachFrame(video, signal, () => {
    const now = performance.now();
    const isDue = watched?.watch && watched.changed === null ? true : now < alertUntil;
    const last = samples.at(-1);
    if (!isSeeing() || !context) {
      samples = [];
      return;
    }
    if (last && !isDue && now - last.at < IDLE_MS) return;
    context.drawImage(video, 0, 0, SAMPLE.width, SAMPLE.height);
    const { data } = context.getImageData(0, 0, SAMPLE.width, SAMPLE.height);
    const sample = { at: now, value: signature(data) };
    samples = [...samples.filter(({ at }) => now - at < KEPT_MS), sample];
    judge(sample);
  });

  const onLook = (content: unknown) => {
    const message = content as DeckMessage | null;
    if (message?.type !== "look" || typeof message.number !== "number") return;
    const now = performance.now();
    const askedAt = askedTimes.when(message.ago_s ?? 0, message.asked_ms, now);
    const before = samples.filter(({ at }) => at <= askedAt);
    const watch = message.ago_s === null ? null : new ChangeWatch(askedAt, before);
    const canSee = watch?.canSee === true;
    watched = {
      number: message.number,
      watch: canSee ? watch : null,
      ...{ seconds: null, changed: null, dueAt: now + SETTLE_MS },
    };
    if (!canSee) seen(message.number);
    for (const sample of samples) if (sample.at > askedAt) judge(sample);
  };
  listen(session.model, "msg:custom", onLook, signal);
  const expect = () => {
    alertUntil = performance.now() + ALERT_MS;
  };
  for (const name of ["prompt", "enrich", "prompt_status"]) {
    listen(session.model, `change:${name}`, expect, signal);
  }
  onAbort(signal, () => {
    watched = waiting = null;
  });
  return {
    expect,
    onceSeen(number, callback) {
      waiting = { number, callback };
    },
  };
}
