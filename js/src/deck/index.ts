/** The chunk `deck`: the template's sentence above the prompt box, and the prompts below it as cards. */

import { listen, onAbort } from "../host.ts";
import { isActiveState, trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { h, mark, show, write } from "../view/dom.ts";
import { injectStyles } from "../view/inject-styles.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";
import { type Card, makeCard } from "./card.ts";
import { holdToCompare } from "./hold.ts";
import { deckIcon } from "./icons.ts";
import { deckKeys } from "./keys.ts";
import { type Filter, type Look, liveOf, looksOf, passes } from "./looks.ts";
import { Pictures } from "./pictures.ts";
import { templateRow } from "./template.ts";
import { watchEffects } from "./watch.ts";

/** The minified styles.css of this folder. */
declare const __DECK_STYLES__: string;
const STYLES: string = __DECK_STYLES__;

const FILTERS: [Filter, string][] = [
  ["all", "All"],
  ["starred", "Starred"],
  ["refused", "Refused"],
];

/** Adds template and deck to a view of a session, until the signal. */
export function mountDeck(session: Session, slots: Slots, signal: AbortSignal): Updatable {
  const { model } = session;
  const { root, prompt, video } = slots;
  const form = prompt.closest("form") as HTMLElement;
  injectStyles(root, signal, STYLES);
  const template = templateRow(session, form, signal);
  const pictures = new Pictures(session, () => update(), signal);
  const watcher = watchEffects(session, video, pictures, signal);
  const hold = holdToCompare(session, slots, pictures, watcher, signal);

  let filter: Filter = "all";
  const find = h("input", { type: "search", placeholder: "Find", "aria-label": "Find a prompt" });
  const filters = FILTERS.map(([value, name]) => {
    const count = h("span");
    const element = h("button", { type: "button", "aria-pressed": "false" }, `${name} `, count);
    element.addEventListener("click", () => {
      filter = value;
      update();
    });
    return { value, element, count };
  });
  const list = h("ul", { class: "dw-cards", "aria-label": "Prompts, newest first" });
  const nothing = h("p", { class: "dw-nothing" });
  const element = h(
    "section",
    { class: "dw-deck", "aria-label": "Prompts", hidden: true },
    h(
      "div",
      { class: "dw-deckhead" },
      h("h2", {}, "Prompts"),
      h(
        "span",
        { class: "dw-filters", role: "group", "aria-label": "Show" },
        ...filters.map((one) => one.element),
      ),
      h("label", { class: "dw-find" }, deckIcon("find"), find),
      h("span", { class: "dw-gap" }),
      h(
        "span",
        { class: "dw-hint dw-roomy" },
        h("kbd", {}, "1"),
        " to ",
        h("kbd", {}, "9"),
        " switch",
      ),
      hold.button,
    ),
    list,
    nothing,
  );
  form.after(element);
  onAbort(signal, () => element.remove());
  find.addEventListener("input", () => update());

  const cards = new Map<number, Card>();
  /** The seconds billed by the session when the looks came, which include them. */
  let tickAtLooks = trait(model, "generation_tick");

  const choose = (number: number) => {
    watcher.expect();
    session.kernel.send({ type: "switch", number });
  };
  deckKeys(root, hold, signal, (key) => {
    const look = looksOf(model).find((one) => one.key === key);
    if (!look) return;
    choose(look.number);
    const card = cards.get(look.number)?.element;
    // Scrolls the deck alone, and not the notebook.
    if (card) list.scrollLeft = card.offsetLeft - list.clientWidth / 2 + card.clientWidth / 2;
  });

  /** Puts the cards of these looks in their order, moving only what is elsewhere. */
  const place = (looks: Look[]) => {
    const live = liveOf(model);
    const extra = Math.max(0, trait(model, "generation_tick") - tickAtLooks);
    let before: Element | null = null;
    for (const look of looks) {
      let card = cards.get(look.number);
      if (!card) {
        card = makeCard(session, choose);
        cards.set(look.number, card);
      }
      const isLive = look.number === live;
      card.update(look, {
        isLive,
        picture: pictures.small(look.number) ?? saved(look.number),
        billedS: look.billed_s + (isLive ? extra : 0),
      });
      const next: Element | null = before ? before.nextElementSibling : list.firstElementChild;
      if (next !== card.element) list.insertBefore(card.element, next);
      before = card.element;
    }
    const kept = new Set(looks.map(({ number }) => number));
    for (const [number, card] of cards) if (!kept.has(number)) card.element.remove();
  };
  /** A thumbnail that the notebook was told to save. */
  const saved = (number: number) => {
    const data = (model.get("_thumbnails") as Record<string, string> | undefined)?.[number];
    return data ? `data:image/jpeg;base64,${data}` : null;
  };

  function update(): void {
    const looks = looksOf(model);
    const isActive = isActiveState(session.state);
    show(element, looks.length > 0 || isActive);
    const counts = {
      all: looks.length,
      starred: looks.filter(({ star }) => star).length,
      refused: looks.filter(({ status }) => status === "refused").length,
    };
    for (const one of filters) {
      write(one.count, String(counts[one.value]));
      one.element.setAttribute("aria-pressed", String(one.value === filter));
    }
    const shown = looks.filter((look) => passes(look, filter, find.value));
    place(shown);
    const numbers = new Set(looks.map(({ number }) => number));
    pictures.keepOnly(numbers);
    for (const number of cards.keys()) if (!numbers.has(number)) cards.delete(number);
    show(nothing, shown.length === 0);
    write(
      nothing,
      looks.length ? "No prompt like that." : "Each prompt that is applied becomes a card here.",
    );
    mark(root, "looks", looks.length);
    hold.update();
    template.update();
  }
  const onLooks = () => {
    tickAtLooks = trait(model, "generation_tick");
    update();
  };
  listen(model, "change:_looks", onLooks, signal);
  for (const name of ["_live", "_thumbnails"]) listen(model, `change:${name}`, update, signal);
  update();
  return { update };
}
