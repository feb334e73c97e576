/**
 * The only connection to Python: nothing else in the front end sends or receives messages.
 *
 * It sends `hello` until the kernel welcomes this page (a message that is sent while a cell runs may
 * wait for the cell, or be lost), sends heartbeats while an attempt exists, and drops messages of
 * earlier attempts.
 */

import { type HostModel, listen, onAbort, randomId } from "../host.ts";
import { desktopSafari } from "../media/safari.ts";
import { trait } from "../session/model.ts";
import { storeFormerPage, takeFormerPages } from "./former-pages.ts";
import { PageLog } from "./log.ts";
import {
  type AttemptMessage,
  type ImageState,
  PROTOCOL,
  type Prepare,
  parse,
  type TapMessage,
  type ToKernel,
  type Welcome,
} from "./messages.ts";

declare const __VERSION__: string;

/**
 * Waits before `hello` is sent again; the last one repeats.
 *
 * The retries are bounded in rate, not in number: a cell may keep the kernel from answering for hours,
 * and a page that had given up by then would never get a session. They keep no idle kernel from being
 * culled, for a kernel that is idle answers, which ends them; so does the end of the model.
 */
const HELLO_WAITS_MS = [250, 500, 1000, 2000];
/** The kernel ends an attempt of which it receives nothing for 20 s. */
const HEARTBEAT_INTERVAL_MS = 5000;

/**
 * How long after `beforeunload` this page says hello, if it still runs: a person has canceled a dialog, or
 * the navigation is a download. More than closing a page takes on a busy machine: a hello that comes too
 * early makes the kernel wait for heartbeats that never come.
 */
const STAYING_AFTER_MS = 2000;
/** How long a page that is left is held: Firefox loses what its process has not passed on when it ends. */
const LEAVING_HOLD_MS = 100;
/** Ends that also where the clock stands still. */
const LEAVING_HOLD_TURNS = 3e6;

/** The types that a viewer doesn't send: its kernel must be free to be culled. */
const NOT_SENT_BY_VIEWERS = new Set(["heartbeat", "stats", "log"]);

/** The ids that this page had before it was reloaded. */
const FORMER = takeFormerPages();

/** Called with what the kernel sends to this page. */
export interface KernelEvents {
  /** Any message: the kernel is alive. */
  onMessage(): void;
  onWelcome(message: Welcome): void;
  onPrepare(message: Prepare): void;
  /** A message of the attempt that exists; `data` is the binary part of a picture. */
  onAttemptMessage(message: AttemptMessage, data?: BufferSource): void;
  /** @param isOwner whether the session belongs to this page now */
  onOwner(isOwner: boolean): void;
  /** @param request the kernel's number for its request */
  onSwitchCamera(request: number): void;
  onImageState(message: ImageState, thumbnail?: BufferSource): void;
  onTap(message: TapMessage): void;
  /** The host lost its connection to the kernel, or has it back. */
  onInterrupted(): void;
}

/** The connection of one model to its kernel. */
export class Kernel {
  /** Names this page's instance of the model among all pages that show it. */
  readonly pageId: string = randomId();
  /** Messages of other attempts, messages that are unknown, and those that the host did not send. */
  readonly counts = { dropped: 0, unknown: 0, unsent: 0 };
  /** What happened in this page, for the kernel's log. */
  readonly log = new PageLog(this);

  readonly #events: KernelEvents;
  readonly #isViewer: boolean;
  #attempt: number | null = null;
  #lastAttempt = Number.NEGATIVE_INFINITY;
  #heartbeatTimer: ReturnType<typeof setInterval> | undefined;
  #helloTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly model: HostModel,
    events: KernelEvents,
    signal: AbortSignal,
  ) {
    this.#events = events;
    this.#isViewer = trait(model, "_kind") === "viewer";
    listen(model, "msg:custom", (message, data) => this.#onMessage(message, data?.[0]), signal);
    // The kernel was restarted, or the host's connection to it was lost and is back.
    listen(
      model,
      "comm_live_update",
      () => {
        this.log.add("warning", "interrupted");
        this.#sendHello();
        events.onInterrupted();
      },
      signal,
    );
    const onHide = () => {
      this.send({ type: "pagehide" });
      storeFormerPage(this.pageId);
    };
    window.addEventListener("pagehide", onHide, { signal });
    const onShow = ({ persisted }: PageTransitionEvent) => {
      if (!persisted) return;
      takeFormerPages();
      this.#sendHello();
    };
    window.addEventListener("pageshow", onShow, { signal });
    onAbort(signal, () => {
      this.attempt = null;
      clearTimeout(this.#helloTimer);
    });
    this.#sendHello();
  }

  /** The number of this page's attempt, kept until the next one begins; heartbeats are sent for it. */
  get attempt(): number | null {
    return this.#attempt;
  }

  set attempt(attempt: number | null) {
    // What was logged belongs to the attempt before, or led to this one: it is sent now.
    if (attempt !== this.#attempt) this.log.flush();
    this.#attempt = attempt;
    clearInterval(this.#heartbeatTimer);
    // Without an attempt there is no listener: it keeps pages out of some browsers' back-forward cache.
    window.removeEventListener("beforeunload", this.#onLeaving);
    if (attempt === null) return;
    window.addEventListener("beforeunload", this.#onLeaving);
    this.#lastAttempt = attempt;
    const sendHeartbeat = () => this.send({ type: "heartbeat", attempt });
    this.#heartbeatTimer = setInterval(sendHeartbeat, HEARTBEAT_INTERVAL_MS);
  }

  /**
   * Sends a message with this page's id.
   *
   * @param data at most 1 MB of bytes, sent beside the message
   */
  send(message: ToKernel, data?: ArrayBuffer | ArrayBufferView): void {
    if (this.#isViewer && NOT_SENT_BY_VIEWERS.has(message.type)) return;
    try {
      this.model.send({ ...message, page_id: this.pageId }, undefined, data && [data]);
    } catch {
      // The host has closed its channel. Nothing in this page depends on the kernel to stop.
      this.counts.unsent++;
    }
  }

  /** The page may be left. Firefox closes its socket before `pagehide`, so what is sent there is lost. */
  readonly #onLeaving = () => {
    this.send({ type: "leaving" });
    const dueMs = performance.now() + LEAVING_HOLD_MS;
    let turns = 0;
    while (performance.now() < dueMs && turns < LEAVING_HOLD_TURNS) turns++;
    clearTimeout(this.#helloTimer);
    this.#helloTimer = setTimeout(() => this.#sendHello(), STAYING_AFTER_MS);
  };

  /** Sends `hello`, and again after each wait, until the welcome. */
  #sendHello(round = 0): void {
    clearTimeout(this.#helloTimer);
    this.send({
      type: "hello",
      protocol: PROTOCOL,
      version: __VERSION__,
      page: {
        secure: window.isSecureContext === true,
        host: location.host,
        visible: document.visibilityState === "visible",
        safari: desktopSafari(navigator),
        agent: navigator.userAgent,
        former: FORMER,
      },
    });
    const waitMs = HELLO_WAITS_MS[Math.min(round, HELLO_WAITS_MS.length - 1)];
    this.#helloTimer = setTimeout(() => this.#sendHello(round + 1), waitMs);
  }

  #onMessage(content: unknown, data?: BufferSource): void {
    const events = this.#events;
    const message = parse(content);
    if (!message) {
      this.counts.unknown++;
      return;
    }
    events.onMessage();
    const isForThisPage = !("page_id" in message) || message.page_id === this.pageId;
    if (message.type === "owner") {
      events.onOwner(isForThisPage);
      return;
    }
    if (!isForThisPage) return;
    switch (message.type) {
      case "welcome":
        clearTimeout(this.#helloTimer);
        events.onWelcome(message);
        return;
      case "switch-camera":
        events.onSwitchCamera(message.request);
        return;
      case "image-state":
        events.onImageState(message, data);
        return;
      case "tap":
      case "credit":
      case "untap":
      case "recording":
        events.onTap(message);
        return;
      case "prepare":
        if (message.attempt <= this.#lastAttempt) this.counts.dropped++;
        else {
          this.#lastAttempt = message.attempt;
          events.onPrepare(message);
        }
        return;
      default:
        // The others are for the loader and the chunk `deck`, or just say that the kernel is alive.
        if (!("attempt" in message)) return;
        if (message.attempt !== this.#attempt) this.counts.dropped++;
        else events.onAttemptMessage(message, data);
    }
  }
}
