/** The opened cell, docked under the sheet: large, wiped against the input or another cell, with all figures. */

import { h, show, write } from "../view/dom.ts";
import { type CellDocument, isShown, labels, type SheetDocument, shortName } from "./document.ts";
import { film } from "./film.ts";
import { sheetIcon } from "./icons.ts";
import { arrange, attribute, button, clamp, fill, meter, percentAt, property } from "./parts.ts";
import type { Part } from "./plan.ts";
import { largeName, type Port } from "./port.ts";
import type { ViewState } from "./state.ts";

/** How far an arrow moves the wipe, in percent. */
const WIPE_STEP = 2;

export interface Inspector extends Part {
  /** Puts the focus on the button that repeats the opened cell: its price is read before it is pressed. */
  focusRepeat(): void;
}

export function inspector(port: Port, state: ViewState): Inspector {
  const right = film(port);
  const left = film(port, "ds-left");
  const handle = h(
    "button",
    { type: "button", class: "ds-handle", role: "slider", "aria-label": "Wipe" },
    sheetIcon("sides"),
  );
  attribute(handle, "aria-valuemin", "0");
  attribute(handle, "aria-valuemax", "100");
  const leftTag = h("span", { class: "ds-tag", dir: "auto" });
  const rightTag = h("span", { class: "ds-tag", dir: "auto" });
  const large = h(
    "div",
    { class: "ds-large" },
    right.element,
    left.element,
    h("i"),
    handle,
    h("div", { class: "ds-sides", "aria-hidden": "true" }, leftTag, rightTag),
  );
  right.element.setAttribute("role", "img");
  const names = h("div", { class: "ds-names" });
  const input = h("button", { type: "button" }, "Input");
  const other = h("button", { type: "button", dir: "auto" });
  const choice = h(
    "span",
    { class: "ds-seg", role: "group", "aria-label": "Wipe against" },
    input,
    other,
  );
  const verdict = h("p", { class: "ds-small ds-verdict", role: "status" });
  const table = h("ul", { class: "ds-table" });
  const reason = h("p", { class: "ds-small ds-quiet", dir: "auto" });
  const live = button("ds-main", "live", "Use live");
  const star = button("ds-square", "star");
  star.setAttribute("aria-label", "Star");
  const repeat = button("", "again", "Repeat");
  const element = h(
    "div",
    { class: "ds-inspect", role: "group", "aria-label": "Opened cell", hidden: true },
    large,
    h(
      "div",
      { class: "ds-about" },
      names,
      choice,
      verdict,
      table,
      reason,
      h("div", { class: "ds-do" }, live, star, repeat),
    ),
  );
  let document: SheetDocument | null = null;
  /** The other cell, kept as a choice while the input is shown. */
  let remembered: string | null = null;

  const opened = () => document?.cells.find(({ key }) => key === state.values.opened);
  const move = (percent: number) => state.set({ wipe: Math.round(clamp(percent, 0, 100)) });
  large.addEventListener("pointerdown", (event) => {
    move(percentAt(event, large));
    large.setPointerCapture?.(event.pointerId);
    handle.focus({ preventScroll: true });
    event.preventDefault();
  });
  large.addEventListener("pointermove", (event) => {
    if (event.buttons || event.pointerType === "mouse") move(percentAt(event, large));
  });
  handle.addEventListener("keydown", (event) => {
    const { wipe } = state.values;
    const to: Record<string, number> = {
      ...{ ArrowLeft: wipe - WIPE_STEP, ArrowRight: wipe + WIPE_STEP, Home: 0, End: 100 },
    };
    const next = to[event.key];
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    move(next);
  });
  input.addEventListener("click", () => state.set({ against: null }));
  other.addEventListener("click", () => state.set({ against: remembered }));
  star.addEventListener("click", () => {
    const cell = opened();
    if (cell) port.ask({ type: "sheet-star", key: cell.key, on: !cell.starred });
  });
  live.addEventListener("click", () => {
    const cell = opened();
    if (cell) port.ask({ type: "sheet-live", key: cell.key });
  });
  repeat.addEventListener("click", () => {
    const cell = opened();
    if (cell) port.ask({ type: "sweep-retry", key: cell.key });
  });

  return {
    element,
    focusRepeat() {
      repeat.focus({ preventScroll: true });
      repeat.scrollIntoView?.({ block: "nearest" });
    },
    update(next) {
      document = next;
      const cell = opened();
      show(element, cell !== undefined);
      if (!cell) return;
      const { against, wipe } = state.values;
      if (against) remembered = against;
      if (remembered === cell.key || !next.cells.some(({ key }) => key === remembered))
        remembered = null;
      const beside = next.cells.find(({ key }) => key === against);
      const offered = next.cells.find(({ key }) => key === remembered);
      property(large, "--w", `${wipe}%`);
      attribute(handle, "aria-valuenow", String(wipe));
      const name = beside ? shortName(next, beside) : "the input";
      attribute(handle, "aria-valuetext", `${wipe} % shows ${name}`);
      showLarge(right, isShown(cell) ? cell.picture : null, port);
      showLarge(left, beside && isShown(beside) ? beside.picture : next.input, port);
      attribute(right.element, "aria-label", shortName(next, cell));
      write(leftTag, beside ? shortName(next, beside) : "sent");
      write(rightTag, shortName(next, cell));
      fillNames(names, labels(next, cell));
      attribute(input, "aria-pressed", String(!beside));
      attribute(other, "aria-pressed", String(beside !== undefined));
      show(choice, offered !== undefined);
      if (offered) write(other, shortName(next, offered));
      write(verdict, verdictWords(next, cell, against, state.values.score));
      show(verdict, verdict.textContent !== "");
      fillTable(table, next, cell, state.values.score);
      write(reason, cell.reason);
      show(reason, cell.reason !== "");
      show(live, next.can.use_live);
      attribute(star, "aria-pressed", String(cell.starred));
      show(star, port.isLive);
      repeat.querySelector("span")?.replaceChildren(repeatWords(next, cell));
      show(repeat, port.isLive);
      repeat.disabled = next.state === "running" || next.state === "planned";
    },
  };
}

function showLarge(shown: ReturnType<typeof film>, name: string | null, port: Port): void {
  if (name && port.isLive) shown.show(name, largeName(name));
  else shown.show(name);
}

function fillNames(element: HTMLElement, texts: readonly string[]): void {
  const key = JSON.stringify(texts);
  if (element.dataset.drawn === key) return;
  element.dataset.drawn = key;
  element.replaceChildren(...texts.filter(Boolean).map((text) => h("h3", { dir: "auto" }, text)));
}

function verdictWords(
  document: SheetDocument,
  cell: CellDocument,
  against: string | null,
  score: string,
): string {
  const found = document.comparison;
  const fits = found?.key === cell.key && found.against === against && found.score === score;
  return fits ? found.text : "";
}

function repeatWords(document: SheetDocument, cell: CellDocument): string {
  const bill = cell.status === "done" ? cell.billed : "";
  return bill ? `Repeat, ${bill}` : `Repeat, ${document.plan.cell_s.toFixed(1)} s`;
}

function fillTable(
  table: HTMLElement,
  document: SheetDocument,
  cell: CellDocument,
  score: string,
): void {
  const known = new Map(
    [...table.children].map((row) => [(row as HTMLElement).dataset.score, row as HTMLElement]),
  );
  const rows = document.scores.flatMap(({ name, label }) => {
    const figure = cell.figures[name];
    if (!figure) return [];
    const row =
      known.get(name) ??
      h("li", {}, h("span", { class: "ds-quiet" }), meter(), h("span", { class: "ds-value" }));
    row.dataset.score = name;
    row.dataset.chosen = String(name === score);
    const [title, line, value] = [...row.children] as [HTMLElement, HTMLElement, HTMLElement];
    write(title, label);
    fill(line, figure.share, figure.low, figure.high);
    write(value, figure.detail);
    return [row];
  });
  arrange(table, rows);
}
