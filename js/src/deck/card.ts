/** One card of the deck: a look with its picture, effect, seconds, star and pin. */

import type { Session } from "../session/session.ts";
import { h, mark, show, write } from "../view/dom.ts";
import { deckIcon } from "./icons.ts";
import { billed, effectWords, type Look, nameOf, sentence, tone } from "./looks.ts";

/** How the kernel begins the reason, which the card says anyway. */
const PREFIX = /^The service refused the prompt: /;

/** An element that shows a look; it is updated in place, so that it keeps the focus. */
export interface Card {
  element: HTMLElement;
  shot: HTMLElement;
  update(look: Look, state: CardState): void;
}

/** What a card shows besides its look. */
interface CardState {
  isLive: boolean;
  /** The address of its thumbnail. */
  picture: string | null;
  /** Seconds that were billed while it was live, until now. */
  billedS: number;
}

/** A card, empty until its first update. */
export function makeCard(session: Session, onChoose: (number: number) => void): Card {
  let shown: Look | null = null;
  const image = h("img", { class: "dw-thumb", alt: "" });
  const key = h("span", { class: "dw-key", "aria-hidden": "true" });
  const tagText = h("span");
  const tag = h(
    "span",
    { class: "dw-pill dw-tag", "aria-hidden": "true" },
    deckIcon("live"),
    tagText,
  );
  const shot = h("button", { type: "button", class: "dw-shot" }, image, key, tag);
  const reason = h("span");
  const why = h("div", { class: "dw-why" }, deckIcon("ban"), reason);
  const pin = markButton("pin");
  const star = markButton("star");
  const marks = h("span", { class: "dw-marks" }, pin, star);
  const bar = h("i");
  const words = h("p", { class: "dw-said", dir: "auto" });
  const effect = h("span", { class: "dw-effect" });
  const cost = h("span");
  const element = h(
    "li",
    { class: "dw-card" },
    shot,
    why,
    marks,
    h("span", { class: "dw-took", "aria-hidden": "true" }, bar),
    words,
    h("p", { class: "dw-facts" }, effect, cost),
  );
  shot.addEventListener("click", () => shown && onChoose(shown.number));
  const send = (changes: { star?: boolean; pin?: boolean }) => {
    if (!shown) return;
    const { number, star: isStarred, pin: isPinned } = shown;
    session.kernel.send({ type: "mark", number, star: isStarred, pin: isPinned, ...changes });
  };
  star.addEventListener("click", () => send({ star: !shown?.star }));
  pin.addEventListener("click", () => send({ pin: !shown?.pin }));

  return {
    element,
    shot,
    update(look, { isLive, picture, billedS }) {
      shown = look;
      const isRefused = look.status === "refused";
      mark(element, "number", look.number);
      mark(element, "live", isLive);
      show(shot, !isRefused);
      show(why, isRefused);
      show(marks, !isRefused);
      write(reason, look.reason.replace(PREFIX, "") || "Refused by the service.");
      why.title = look.reason;
      if (picture && image.src !== picture) image.src = picture;
      show(image, picture !== null);
      show(key, look.key !== null);
      write(key, String(look.key ?? ""));
      show(tag, isLive || look.pin);
      mark(tag, "live", isLive);
      write(tagText, [isLive ? "live" : "", look.pin ? "A" : ""].filter(Boolean).join(" · "));
      const name = sentence({ ...look, billed_s: billedS }, isLive);
      if (shot.getAttribute("aria-label") !== name) shot.setAttribute("aria-label", name);
      shot.title = `${nameOf(look)}${look.enrich ? "" : "\nenrich off"}`;
      shot.setAttribute("aria-pressed", String(isLive));
      press(star, look.star, `Star: ${nameOf(look)}`);
      press(pin, look.pin, `Pin as A: ${nameOf(look)}`);
      // The whole width stands for a second.
      bar.style.inlineSize = `${100 * Math.min(1, look.effect_s ?? 0)}%`;
      write(words, nameOf(look));
      write(effect, effectWords(look, isLive));
      mark(effect, "tone", tone(look));
      write(cost, isRefused ? "0 s" : `${billed(billedS)} billed`);
    },
  };
}

function markButton(name: "pin" | "star"): HTMLButtonElement {
  return h("button", { type: "button", class: `dw-mark dw-${name}` }, deckIcon(name));
}

function press(element: HTMLElement, on: boolean, name: string): void {
  element.setAttribute("aria-pressed", String(on));
  if (element.getAttribute("aria-label") !== name) element.setAttribute("aria-label", name);
}
