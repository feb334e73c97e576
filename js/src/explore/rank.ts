/** Blind ranking: two cells without their names, again and again; then how strong each one is. */

import { h, show, write } from "../view/dom.ts";
import {
  type CellDocument,
  type RankingDocument,
  type SheetDocument,
  shortName,
} from "./document.ts";
import { film } from "./film.ts";
import { arrange, button, fill, meter } from "./parts.ts";
import type { Part } from "./plan.ts";
import type { Port, RankAnswer } from "./port.ts";

export interface RankView extends Part {
  /** Handles a key; whether it was one of the ranking's. */
  key(name: string): boolean;
}

/** What a key answers while a pair is shown. */
const KEYS: Record<string, RankAnswer> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowDown: "tie",
  Backspace: "undo",
  Escape: "close",
};

export function rankView(port: Port): RankView {
  const [left, right] = [film(port), film(port)];
  const choice = (shown: HTMLElement, answer: RankAnswer, name: string) => {
    const element = h("button", { type: "button", class: "ds-choice", "aria-label": name }, shown);
    element.addEventListener("click", () => send(answer));
    return element;
  };
  const pair = h(
    "div",
    { class: "ds-pair" },
    choice(left.element, "left", "The left one is better"),
    choice(right.element, "right", "The right one is better"),
  );
  const title = h("h3", {}, "Which one is better?");
  const count = h("span", { class: "ds-small ds-quiet", role: "status" });
  const tie = button("", null, "No difference");
  const undo = button("ds-bare ds-named", "undo", "Undo");
  const close = button("ds-bare ds-named", null, "Close");
  const list = h("ol", { class: "ds-strengths", "aria-label": "Strengths, best first" });
  const element = h(
    "section",
    { class: "ds-rank", "aria-label": "Blind ranking", tabindex: "-1", hidden: true },
    h("div", { class: "ds-rows" }, title, count, h("span", { class: "ds-gap" }), undo, close),
    pair,
    h("div", { class: "ds-rows ds-answers" }, tie),
    list,
  );
  let ranking: RankingDocument | null = null;
  const send = (answer: RankAnswer) => {
    if (ranking) port.ask({ type: "sheet-rank", answer, number: ranking.number });
  };
  tie.addEventListener("click", () => send("tie"));
  undo.addEventListener("click", () => send("undo"));
  close.addEventListener("click", () => send("close"));

  return {
    element,
    key(name) {
      const answer = KEYS[name];
      if (!answer || !ranking?.is_open) return false;
      if (answer === "undo" && !ranking.can_undo) return true;
      if (!ranking.pair && answer !== "undo" && answer !== "close") return false;
      send(answer);
      return true;
    },
    update(document) {
      const wasOpen = ranking?.is_open ?? false;
      ranking = document.ranking;
      const isOpen = ranking?.is_open ?? false;
      show(element, isOpen);
      if (!ranking || !isOpen) return;
      const cells = ranking.pair?.map((key) => document.cells.find((cell) => cell.key === key));
      show(pair, ranking.pair !== null);
      show(tie, ranking.pair !== null);
      show(list, ranking.pair === null);
      left.show(cells?.[0]?.picture ?? null);
      right.show(cells?.[1]?.picture ?? null);
      write(title, ranking.pair ? "Which one is better?" : "What you prefer");
      const of = Math.max(ranking.expected, ranking.number);
      write(
        count,
        ranking.pair
          ? `answer ${ranking.number + 1} of about ${of}; the names are hidden`
          : `after ${ranking.number} answers; the thin lines are 90 % intervals`,
      );
      undo.disabled = !ranking.can_undo;
      fillList(list, document, ranking);
      if (!wasOpen) element.focus({ preventScroll: true });
    },
  };
}

function fillList(list: HTMLElement, document: SheetDocument, ranking: RankingDocument): void {
  const byKey = new Map(document.cells.map((cell): [string, CellDocument] => [cell.key, cell]));
  const rows = [...ranking.strengths]
    .sort((one, other) => other.share - one.share)
    .flatMap(({ key, share, low, high }) => {
      const cell = byKey.get(key);
      if (!cell) return [];
      const line = meter();
      fill(line, share, low, high);
      const name = h("span", { dir: "auto" }, shortName(document, cell));
      return [h("li", {}, name, line, h("span", { class: "ds-value" }, share.toFixed(2)))];
    });
  arrange(list, rows);
}
