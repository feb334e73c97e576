/**
 * Compare: what was sent beside what came of it, divided by a wipe that is dragged.
 *
 * What is shown of the input is as old as the output is late, so that both sides show the same moment.
 * Nothing of this runs while it is off.
 */

import { eachFrame } from "../media/each-frame.ts";
import type { Session } from "../session/session.ts";
import { h, mark, show, write } from "../view/dom.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";
import { delayOf, MotionNotes } from "./delay.ts";
import { sign } from "./icons.ts";

/** Pixels of the pictures that are kept, and how many: a second and a half at 30 frames/s, 40 MB. */
const WIDTH = 640;
const KEPT = 45;
/** How often the delay is found anew, in ms. */
const EVERY_MS = 500;

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
        "aria-label": "Wipe between what is sent and what comes back",
      },
      ...{ "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal" },
    },
    sign("sides"),
  );
  const left = h("span", { class: "dw-pill" }, "sent");
  const right = h("span", { class: "dw-pill" }, "comes back");
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
    handle.setAttribute("aria-valuetext", `${Math.round(at)} % is what is sent`);
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
    signal.addEventListener("abort", () => own.abort(), { once: true, signal: own.signal });
    run(session, video, canvas, own.signal, (found) => {
      delay = found ?? delay;
      mark(root, "delayMs", delay ?? "");
      // Less than a frame can't be told from nothing.
      write(right, delay ? `comes back after ${delay} ms` : "comes back");
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
      else if (session.source.capture?.preview) begin();
      mark(root, "compare", running !== null);
      show(element, running !== null);
      session.changed();
    },
    update() {
      if (!running || (session.attempt?.revealed && session.source.capture?.preview)) return;
      end();
      mark(root, "compare", false);
      show(element, false);
    },
  };
}

interface Kept {
  at: number;
  picture: ImageBitmap;
}

/** Keeps what is sent, finds the delay, and draws what belongs to what is shown; until the signal. */
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
  const moved = { input: new MotionNotes(), output: new MotionNotes() };
  let delay = 0;
  const context = canvas.getContext("2d");

  const bind = () => {
    const preview = session.source.capture?.preview ?? null;
    if (input.srcObject === preview) return;
    input.srcObject = preview;
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
    moved.input.look(input, now);
    const width = Math.min(WIDTH, input.videoWidth);
    const height = Math.round((input.videoHeight * width) / input.videoWidth);
    const picture = await createImageBitmap(input, { resizeWidth: width, resizeHeight: height });
    if (signal.aborted) {
      picture.close();
      return;
    }
    kept.push({ at: now, picture });
    while (kept.length > KEPT) kept.shift()?.picture.close();
  });
  eachFrame(output, signal, (now) => {
    moved.output.look(output, now);
    draw(now);
  });
  const timer = setInterval(() => {
    const measured = delayOf(moved.input.notes, moved.output.notes);
    if (measured !== null) delay = measured;
    else if (!delay) delay = 1000 * (session.attempt?.reading?.rtt_s ?? 0);
    found(measured);
  }, EVERY_MS);
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
