/** One cell of a sheet. Its elements stay the same whatever happens to it, so that it keeps the focus. */

import { h, mark, show, write } from "../view/dom.ts";
import {
  type CellDocument,
  isBelow,
  isShown,
  labels,
  type SheetDocument,
  sentence,
  twinWords,
} from "./document.ts";
import { film } from "./film.ts";
import { sheetIcon } from "./icons.ts";
import { arrange, attribute, fill, meter, property } from "./parts.ts";
import type { Port } from "./port.ts";
import type { Choices } from "./state.ts";

/** Scores whose bars a cell shows; the others are in the opened cell. */
const MAX_BARS = 4;

export interface CellView {
  readonly element: HTMLElement;
  readonly frame: HTMLElement;
  update(document: SheetDocument, cell: CellDocument, choices: Choices, isBest: boolean): void;
}

interface Bar {
  element: HTMLElement;
  label: HTMLElement;
  meter: HTMLElement;
}

export function cellView(port: Port, key: string): CellView {
  const picture = film(port);
  const over = film(port, "ds-over");
  const best = h("span", { class: "ds-tag ds-best", hidden: true }, "best");
  const against = h("span", { class: "ds-tag ds-right", hidden: true }, "wiped against");
  const starred = h("span", { class: "ds-starred", hidden: true }, sheetIcon("star"));
  const message = h("span");
  const bar = h("span", { class: "ds-bar" }, h("i"));
  const cover = h("div", { class: "ds-cover", hidden: true }, sheetIcon("ban"), message, bar);
  const frame = h(
    "div",
    { class: "ds-frame" },
    picture.element,
    over.element,
    best,
    against,
    starred,
    cover,
  );
  const named = h("p", { class: "ds-named", dir: "auto" });
  const figure = h("b");
  const settled = h("span");
  const clock = h("span", { class: "ds-with" }, sheetIcon("clock"), settled);
  const billed = h("span");
  const figures = h("p", { class: "ds-figures" }, figure, clock, billed);
  const bars = h("div", { class: "ds-bars" });
  const remark = h("p", { class: "ds-tiny ds-remark", dir: "auto" });
  const hidden = h("div", { "aria-hidden": "true" }, frame, named, figures, bars, remark);
  const element = h("div", { class: "ds-cell", tabindex: "-1" }, hidden);
  element.dataset.key = key;
  const known = new Map<string, Bar>();

  const barOf = (name: string): Bar => {
    let found = known.get(name);
    if (!found) {
      const [label, line] = [h("span"), meter()];
      found = { element: h("div", {}, label, line), label, meter: line };
      known.set(name, found);
    }
    return found;
  };

  return {
    element,
    frame,
    update(document, cell, choices, isBest) {
      const { score } = choices;
      const hasPicture = isShown(cell);
      attribute(element, "role", choices.mode === "axes" ? "gridcell" : "option");
      attribute(element, "aria-label", sentence(document, cell, score));
      attribute(element, "aria-selected", String(cell.key === choices.opened));
      attribute(element, "tabindex", cell.key === choices.focus ? "0" : "-1");
      mark(element, "status", cell.status);
      mark(element, "out", isBelow(cell, score, choices.least));
      mark(element, "against", cell.key === choices.against);
      const shownName = hasPicture
        ? cell.picture
        : cell.status === "running"
          ? document.input
          : null;
      picture.show(shownName);
      show(picture.element, shownName !== null);
      over.show(hasPicture ? document.input : null);
      show(best, isBest && hasPicture);
      show(against, cell.key === choices.against);
      show(starred, cell.starred);
      show(cover, !hasPicture);
      mark(cover, "status", cell.status);
      write(message, coverWords(cell));
      show(bar, cell.status === "running");
      property(bar, "--v", cell.share.toFixed(2));
      write(named, labels(document, cell).join(" · "));
      write(figure, cell.figures[score]?.text ?? (hasPicture ? "–" : ""));
      write(settled, cell.settled);
      show(clock, hasPicture && cell.settled !== "");
      write(billed, cell.billed && `${cell.billed} billed`);
      show(bars, hasPicture);
      const shown = document.scores.filter(({ name }) => cell.figures[name]).slice(0, MAX_BARS);
      const chosen = document.scores.find(({ name }) => name === score);
      if (chosen && cell.figures[score] && !shown.includes(chosen)) shown.splice(-1, 1, chosen);
      const elements = shown.map(({ name, label }) => {
        const one = barOf(name);
        const value = cell.figures[name];
        write(one.label, label);
        mark(one.element, "chosen", name === score);
        if (value) fill(one.meter, value.share, value.low, value.high);
        return one.element;
      });
      arrange(bars, elements);
      write(remark, twinWords(document, cell) || (hasPicture ? cell.reason : remarkWords(cell)));
      show(remark, remark.textContent !== "");
    },
  };
}

function coverWords(cell: CellDocument): string {
  switch (cell.status) {
    case "running":
      return cell.phase || "running";
    case "waiting":
      return cell.phase || "waits";
    case "refused":
    case "failed":
      return cell.reason || cell.status;
    case "left":
      return "not run";
    case "planned":
      return "";
    default:
      return "no picture";
  }
}

function remarkWords(cell: CellDocument): string {
  if (cell.status === "refused") return "Edit the prompt, or repeat this cell";
  return cell.status === "failed" ? "Repeat this cell" : "";
}
