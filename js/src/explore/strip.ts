/** The first row of a sheet: the untouched input, which is its time line as well. */

import { h, mark, write } from "../view/dom.ts";
import type { SheetDocument } from "./document.ts";
import { film } from "./film.ts";
import { sheetIcon } from "./icons.ts";
import { attribute, button, partAt } from "./parts.ts";
import type { Part } from "./plan.ts";
import type { Port } from "./port.ts";
import type { ViewState } from "./state.ts";

/** Moments that the strip has room for; of more, it shows some, evenly apart. */
const MAX_PICTURES = 8;
/** Shortest and longest time for which Play shows a moment, in ms. */
const STEP_MS = [60, 600] as const;

export interface Strip extends Part {
  /** Starts or ends playing. */
  play(on: boolean): void;
}

export function strip(port: Port, state: ViewState, signal: AbortSignal): Strip {
  const playButton = button("ds-square", "play");
  playButton.setAttribute("aria-label", "Play all cells");
  const now = h("b");
  const pictures = h("div", { class: "ds-reel" });
  const ticks = h("ol", { "aria-hidden": "true" });
  const slider = h(
    "div",
    { class: "ds-strip", role: "slider", tabindex: "0", "aria-label": "Moment" },
    pictures,
    h("span", { class: "ds-head" }),
    ticks,
  );
  slider.setAttribute("aria-valuemin", "0");
  const element = h(
    "div",
    { class: "ds-times" },
    h(
      "div",
      { class: "ds-corner" },
      h("span", { class: "ds-title" }, "Sent, untouched"),
      h("span", {}, playButton, now),
    ),
    slider,
  );
  let document: SheetDocument | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });

  const count = () => document?.moments.length ?? 1;
  const go = (event: PointerEvent) => state.set({ moment: partAt(event, slider, count()) });
  slider.addEventListener("pointerdown", (event) => {
    play(false);
    go(event);
    slider.setPointerCapture?.(event.pointerId);
  });
  slider.addEventListener("pointermove", (event) => {
    if (event.buttons) go(event);
  });
  slider.addEventListener("keydown", (event) => {
    const last = count() - 1;
    const { moment } = state.values;
    const next: Record<string, number> = {
      ArrowLeft: moment - 1,
      ArrowDown: moment - 1,
      ArrowRight: moment + 1,
      ArrowUp: moment + 1,
      Home: 0,
      End: last,
    };
    const to = next[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    state.set({ moment: Math.min(last, Math.max(0, to)) });
  });
  playButton.addEventListener("click", () => play(!state.values.isPlaying));

  function play(on: boolean): void {
    clearTimeout(timer);
    state.set({ isPlaying: on });
    playButton.replaceChildren(sheetIcon(on ? "pause" : "play"));
    attribute(playButton, "aria-pressed", String(on));
    if (on) next();
  }

  /** Shows the next moment after as long as the clip has between them. */
  function next(): void {
    const { moment } = state.values;
    const [at = 0, then = at + 0.4] = (document?.moments ?? []).slice(moment, moment + 2);
    const waitMs = Math.min(STEP_MS[1], Math.max(STEP_MS[0], (then - at) * 1000));
    timer = setTimeout(() => {
      state.set({ moment: (moment + 1) % count() });
      if (state.values.isPlaying) next();
    }, waitMs);
  }

  const showMoment = () => {
    if (!document) return;
    const { moment } = state.values;
    const text = momentText(document, moment);
    write(now, text);
    attribute(slider, "aria-valuenow", String(moment));
    attribute(slider, "aria-valuetext", text);
    for (const tick of ticks.children) {
      const isNow = Number((tick as HTMLElement).dataset.until) > moment;
      mark(
        tick as HTMLElement,
        "now",
        isNow && Number((tick as HTMLElement).dataset.from) <= moment,
      );
    }
  };
  state.onChange((changed) => {
    if (changed.has("moment")) showMoment();
  });

  let drawn = "";
  return {
    element,
    play,
    update(next_) {
      document = next_;
      attribute(slider, "aria-valuemax", String(count() - 1));
      const key = JSON.stringify([next_.moments, next_.input]);
      if (key !== drawn) {
        drawn = key;
        draw(port, next_, pictures, ticks);
      }
      showMoment();
    },
  };
}

function draw(
  port: Port,
  document: SheetDocument,
  pictures: HTMLElement,
  ticks: HTMLElement,
): void {
  const all = document.moments.length;
  const count = Math.min(MAX_PICTURES, all);
  const first = (part: number) => Math.floor((part * all) / count);
  const parts = Array.from({ length: count }, (_, part) => {
    const [from, until] = [first(part), first(part + 1)];
    const shown = film(port);
    shown.element.style.setProperty("--t", String(Math.floor((from + until - 1) / 2)));
    shown.show(document.input);
    const tick = h("li", {}, momentText(document, Math.floor((from + until - 1) / 2)));
    tick.dataset.from = String(from);
    tick.dataset.until = String(until);
    return { element: shown.element, tick };
  });
  pictures.style.setProperty("--count", String(count));
  ticks.style.setProperty("--count", String(count));
  pictures.replaceChildren(...parts.map(({ element }) => element));
  ticks.replaceChildren(...parts.map(({ tick }) => tick));
}

/** "1.0 s". */
export function momentText(document: SheetDocument, moment: number): string {
  return `${(document.moments[moment] ?? 0).toFixed(1)} s`;
}
