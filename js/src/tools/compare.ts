/**
 * Compare: the sent and the received video side by side, divided by a line that can be dragged.
 *
 * The sent video is delayed by as much as the received one is late, so that both sides show the same moment.
 * Nothing of this runs while it is off.
 */

import { eachFrame } from "../media/each-frame.ts";
import type { Session } from "../session/session.ts";
import { h, mark, show, write } from "../view/dom.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";
import { delayOf, MotionNotes } from "./delay.ts";
import { toolIcon } from "./icons.ts";

/** Width at most of the sent frames that are kept, in pixels. */
const KEPT_WIDTH_PX = 640;
/** Frames that are kept: a second and a half at 30 frames/s, 40 MB. */
const MAX_KEPT = 45;
/** How often the delay is measured, in ms. */
const MEASURE_MS = 500;

export interface Compare extends Updatable {
  readonly on: boolean;
  toggle(): void;
}

export function compare(session: Session, slots: Slots, signal: AbortSignal): Compare {
  const { root, stage, video, still } = slots;
  const canvas = h("canvas", { "aria-hidden": "true" });
  const line = h("i");
  const handle = h(
    "button",
    {
      ...{
        type: "button",
        class: "dw-handle",
        role: "slider",
        "aria-label": "Divider between the sent and the received video",
      },
      ...{ "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal" },
    },
    toolIcon("sides"),
  );
  const left = h("span", { class: "dw-pill" }, "sent");
  const right = h("span", { class: "dw-pill" }, "received");
  const element = h(
    "div",
    { class: "dw-compare", hidden: true },
    canvas,
    line,
    h("div", { class: "dw-sides" }, left, right),
    handle,
  );
  still.after(element);
  signal.addEventListener("abort", () => element.remove(), { once: true });

  let running: AbortController | null = null;
  let at = 50;
  let delay: number | null = null;

  const place = (percent: number) => {
    at = Math.min(100, Math.max(0, percent));
    element.style.setProperty("--dw-wipe", `${at}%`);
    handle.setAttribute("aria-valuenow", String(Math.round(at)));
    handle.setAttribute("aria-valuetext", `${Math.round(at)} % shows the sent video`);
  };
  place(at);
  const drag = (event: PointerEvent) => {
    const { left: from, width } = stage.getBoundingClientRect();
    place(((event.clientX - from) / width) * 100);
  };
  element.addEventListener("pointerdown", (event) => {
    drag(event);
    element.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
    event.preventDefault();
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) drag(event);
  });
  const KEYS: Record<string, number> = {
    ArrowLeft: -2,
    ArrowRight: 2,
    ArrowDown: -2,
    ArrowUp: 2,
    PageDown: -10,
    PageUp: 10,
    Home: -100,
    End: 100,
  };
  handle.addEventListener("keydown", (event) => {
    const step = KEYS[event.key];
    if (step === undefined) return;
    place(at + step);
    event.preventDefault();
  });

  const begin = () => {
    const own = new AbortController();
    running = own;
    session.attempt?.connection.showSent?.(own.signal);
    signal.addEventListener("abort", () => own.abort(), { once: true, signal: own.signal });
    run(session, video, canvas, own.signal, (found) => {
      delay = found ?? delay;
      mark(root, "delayMs", delay ?? "");
      // A delay below one frame is measured as 0.
      write(right, delay ? `received after ${delay} ms` : "received");
    });
  };
  const end = () => {
    running?.abort();
    running = null;
    delay = null;
    delete root.dataset.delayMs;
  };

  return {
    get on() {
      return running !== null;
    },
    toggle() {
      if (running) end();
      else if (session.isKernelSource || sentOf(session)) begin();
      mark(root, "compare", running !== null);
      show(element, running !== null);
      session.changed();
    },
    update() {
      const goesOn = session.isKernelSource || sentOf(session);
      if (!running || (session.attempt?.revealed && goesOn)) return;
      end();
      mark(root, "compare", false);
      show(element, false);
    },
  };
}

/** The video that is sent: by this page, or by the kernel, which shows it on request. */
function sentOf({ attempt, source }: Session): MediaStream | null {
  return source.capture?.preview ?? attempt?.sent ?? null;
}

/** A sent frame; `at` is in ms on the clock of `performance.now()`. */
interface Kept {
  at: number;
  picture: ImageBitmap;
}

/** Keeps sent frames, measures the delay, and draws the frame that belongs to the received one. */
function run(
  session: Session,
  output: HTMLVideoElement,
  canvas: HTMLCanvasElement,
  signal: AbortSignal,
  found: (delay: number | null) => void,
): void {
  const input = h("video", { muted: true, playsinline: true });
  input.muted = true;
  const kept: Kept[] = [];
  const motion = { input: new MotionNotes(), output: new MotionNotes() };
  let delay = 0;
  const context = canvas.getContext("2d");

  const bind = () => {
    const sent = sentOf(session);
    if (input.srcObject === sent) return;
    input.srcObject = sent;
    void input.play().catch(() => undefined);
  };
  bind();
  session.onChange(bind, signal);

  const draw = (now: number) => {
    const wanted = now - delay;
    let best: Kept | undefined;
    for (const one of kept) {
      if (!best || Math.abs(one.at - wanted) < Math.abs(best.at - wanted)) best = one;
    }
    if (!best || !context) return;
    const { width, height } = best.picture;
    if (canvas.width !== width || canvas.height !== height)
      Object.assign(canvas, { width, height });
    context.drawImage(best.picture, 0, 0);
  };

  eachFrame(input, signal, async (now) => {
    motion.input.add(input, now);
    const width = Math.min(KEPT_WIDTH_PX, input.videoWidth);
    const height = Math.round((input.videoHeight * width) / input.videoWidth);
    const picture = await createImageBitmap(input, {
      resizeWidth: width,
      resizeHeight: height,
    }).catch(() => null); // the element may have lost its frame meanwhile: the next one comes soon
    if (!picture) return;
    if (signal.aborted) {
      picture.close();
      return;
    }
    kept.push({ at: now, picture });
    while (kept.length > MAX_KEPT) kept.shift()?.picture.close();
  });
  eachFrame(output, signal, (now) => {
    motion.output.add(output, now);
    draw(now);
  });
  const timer = setInterval(() => {
    const exact_s = session.attempt?.reading?.delay_s ?? null;
    const measured =
      exact_s === null
        ? delayOf(motion.input.notes, motion.output.notes)
        : Math.round(1000 * exact_s);
    if (measured !== null) delay = measured;
    else if (!delay) delay = 1000 * (session.attempt?.reading?.rtt_s ?? 0);
    found(measured);
  }, MEASURE_MS);
  signal.addEventListener(
    "abort",
    () => {
      clearInterval(timer);
      input.srcObject = null;
      for (const one of kept.splice(0)) one.picture.close();
    },
    { once: true },
  );
}
