/**
 * Holding B shows A, the pinned look: its kept picture at once, the live one when it comes. Letting go leads
 * back in the same way.
 */

import { onAbort } from "../host.ts";
import { isGenerating } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { button, h, mark, show, write } from "../view/dom.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";
import { deckIcon } from "./icons.ts";
import { liveOf, looksOf, nameOf } from "./looks.ts";
import type { Pictures } from "./pictures.ts";
import type { Watcher } from "./watch.ts";

/** How long a kept picture is shown at most after letting go, where the live one isn't recognised. */
const BACK_MS = 2000;

/** What shows A while it is held. */
export interface Hold extends Updatable {
  button: HTMLElement;
  begin(): void;
  end(): void;
}

/** Adds the button and the kept picture to a view, until the signal. */
export function holdToCompare(
  session: Session,
  { root, stage, still, video }: Slots,
  pictures: Pictures,
  watcher: Watcher,
  signal: AbortSignal,
): Hold {
  const { model } = session;
  const label = h("span", {}, "Hold to see A");
  const element = button(
    "dw-hold",
    deckIcon("swap"),
    label,
    h("kbd", { class: "dw-roomy", "aria-hidden": "true" }, "B"),
  );
  element.setAttribute("aria-pressed", "false");
  const picture = h("div", { class: "dw-was", hidden: true });
  const words = h("div", { class: "dw-pill dw-ab", hidden: true, role: "status" });
  still.after(picture, words);
  onAbort(signal, () => {
    picture.remove();
    words.remove();
    clearTimeout(timer);
  });
  /** The look that was live when A was asked for; null while nothing is held. */
  let back: { live: number | null; prompt: HTMLCanvasElement | null } | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const pinned = () => looksOf(model).find((look) => look.pin && look.status === "applied");
  const cover = (shown: HTMLCanvasElement | string | null) => {
    clearTimeout(timer);
    const content =
      typeof shown === "string" ? h("img", { src: shown, alt: "" }) : shown === null ? [] : shown;
    picture.replaceChildren(...[content].flat());
    show(picture, shown !== null);
  };
  const uncover = () => cover(null);

  const begin = () => {
    const a = pinned();
    if (back || !a) return;
    const live = liveOf(model);
    if (live !== null) pictures.keep(live, video);
    back = { live, prompt: live === null ? null : pictures.kept(live) };
    if (live === a.number) return;
    cover(pictures.kept(a.number) ?? pictures.small(a.number));
    write(words, `A: ${nameOf(a)}`);
    show(words, true);
    mark(root, "hold", true);
    element.setAttribute("aria-pressed", "true");
    if (!isGenerating(model)) return;
    watcher.expect();
    watcher.onceSeen(a.number, () => back && uncover());
    session.kernel.send({ type: "switch", number: a.number });
  };
  const end = () => {
    if (!back) return;
    const { live, prompt } = back;
    const a = pinned();
    back = null;
    show(words, false);
    mark(root, "hold", false);
    element.setAttribute("aria-pressed", "false");
    if (a?.number === live || live === null || !isGenerating(model)) {
      uncover();
      return;
    }
    cover(prompt);
    timer = setTimeout(uncover, BACK_MS);
    watcher.expect();
    watcher.onceSeen(live, () => !back && uncover());
    session.kernel.send({ type: "switch", number: live });
  };

  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture?.(event.pointerId);
    begin();
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
    element.addEventListener(type, end);
  }
  element.addEventListener("keydown", (event) => {
    if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      begin();
    }
  });
  element.addEventListener("keyup", (event) => {
    if (event.key === " " || event.key === "Enter") end();
  });
  window.addEventListener("blur", end, { signal });
  mark(stage, "deck", true);

  return {
    button: element,
    begin,
    end,
    update() {
      const a = pinned();
      element.disabled = !a;
      element.title = a ? `A: ${nameOf(a)}` : "Pin a prompt as A first";
      if (back && !a) end();
    },
  };
}
