/** The cells of a sheet, between the legends of its axes or, ranked, best first. */

import { h, mark, write } from "../view/dom.ts";
import { type CellView, cellView } from "./cell.ts";
import { type CellDocument, isShown, mean, ranked, rows, type SheetDocument } from "./document.ts";
import { sheetIcon } from "./icons.ts";
import { arrange, attribute, fill, meter, partAt, percentAt, property } from "./parts.ts";
import type { Part } from "./plan.ts";
import type { Port } from "./port.ts";
import type { ViewState } from "./state.ts";

export interface Grid extends Part {
  /** The cells' keys in the order in which they stand. */
  order(): string[];
  /** How many stand in one row. */
  columns(): number;
  focus(key: string): void;
  cell(target: EventTarget | null): HTMLElement | null;
}

/** A legend with its text and the mean of its cells. */
interface Legend {
  element: HTMLElement;
  update(text: string, cells: readonly CellDocument[], score: string): void;
}

export function grid(port: Port, state: ViewState): Grid {
  const element = h("div", { class: "ds-body" });
  const views = new Map<string, CellView>();
  const legends = new Map<string, Legend>();
  const corner = h("div", { class: "ds-corner", role: "columnheader" });
  const lines = new Map<string, HTMLElement>();
  let document: SheetDocument | null = null;

  const view = (key: string): CellView => {
    const found = views.get(key) ?? cellView(port, key);
    views.set(key, found);
    return found;
  };
  const legend = (key: string, role: string): Legend => {
    const found = legends.get(key) ?? legendView(role);
    legends.set(key, found);
    return found;
  };
  const line = (key: string): HTMLElement => {
    const found = lines.get(key) ?? h("div", { class: "ds-row", role: "row" });
    lines.set(key, found);
    return found;
  };

  function updateCells(next: SheetDocument, order: readonly CellDocument[]): void {
    const [best] = ranked(next, state.values.score);
    for (const cell of order) {
      view(cell.key).update(next, cell, state.values, cell.key === best?.key && isCompared(next));
    }
  }

  function layAxes(next: SheetDocument): void {
    const [across, ...down] = next.axes;
    const { score } = state.values;
    const names = down.map(({ name }) => name).join(", ");
    attribute(element, "role", "grid");
    attribute(element, "aria-label", `${across?.name ?? ""} across, ${names} down`);
    fillCorner(corner, across?.name ?? "", names);
    const head = (across?.labels ?? []).map((text, index) => {
      const one = legend(`column ${index}`, "columnheader");
      one.update(
        text,
        next.cells.filter((cell) => cell.place[0] === index),
        score,
      );
      return one.element;
    });
    const top = line("head");
    arrange(top, [corner, ...head]);
    const body = rows(next).map(({ label, cells }, index) => {
      const one = legend(`row ${index}`, "rowheader");
      one.element.classList.add("ds-side");
      one.update(label, cells, score);
      const row = line(`row ${index}`);
      arrange(row, [one.element, ...cells.map(({ key }) => view(key).element)]);
      return row;
    });
    arrange(element, [top, ...body]);
    updateCells(next, next.cells);
  }

  function layList(next: SheetDocument): void {
    const isRanked = state.values.mode === "ranked";
    const order = isRanked ? ranked(next, state.values.score) : next.cells;
    attribute(element, "role", "listbox");
    attribute(element, "aria-label", isRanked ? "Cells, best first" : "Cells");
    updateCells(next, order);
    for (const { key } of order) attribute(view(key).element, "role", "option");
    arrange(
      element,
      order.map(({ key }) => view(key).element),
    );
  }

  const isGrid = () =>
    document !== null && document.axes.length > 1 && state.values.mode === "axes";

  element.addEventListener("pointermove", (event) => {
    const frame = (event.target as Element).closest<HTMLElement>(".ds-frame");
    const cell = frame?.closest<HTMLElement>(".ds-cell") ?? null;
    for (const other of element.querySelectorAll<HTMLElement>("[data-wipe]")) {
      if (other !== cell || !event.shiftKey) delete other.dataset.wipe;
    }
    if (!frame || !cell || !document) return;
    if (event.shiftKey) {
      cell.dataset.wipe = "";
      property(cell, "--w", `${percentAt(event, frame).toFixed(1)}%`);
    } else if (event.pointerType !== "touch" && !state.values.isPlaying) {
      state.set({ moment: partAt(event, frame, document.moments.length) });
    }
  });
  element.addEventListener("pointerleave", () => {
    for (const cell of element.querySelectorAll<HTMLElement>("[data-wipe]"))
      delete cell.dataset.wipe;
  });

  return {
    element,
    update(next) {
      document = next;
      const { values } = state;
      mark(element, "mode", isGrid() ? "axes" : "list");
      mark(element, "input", values.showsInput);
      property(element, "--columns", String(next.axes[0]?.labels.length ?? 1));
      if (isGrid()) layAxes(next);
      else layList(next);
    },
    order: () =>
      [...element.querySelectorAll<HTMLElement>(".ds-cell")].map((cell) => cell.dataset.key ?? ""),
    columns() {
      if (isGrid()) return document?.axes[0]?.labels.length ?? 1;
      const cells = [...element.querySelectorAll<HTMLElement>(".ds-cell")];
      const top = cells[0]?.offsetTop;
      return Math.max(1, cells.filter((cell) => cell.offsetTop === top).length);
    },
    focus(key) {
      state.set({ focus: key });
      const cell = views.get(key)?.element;
      cell?.focus({ preventScroll: true });
      cell?.scrollIntoView?.({ block: "nearest", inline: "nearest" });
    },
    cell: (target) => (target instanceof Element ? target.closest<HTMLElement>(".ds-cell") : null),
  };
}

/** Whether there are two cells to choose the best of. */
function isCompared(document: SheetDocument): boolean {
  return document.cells.filter(isShown).length > 1;
}

function fillCorner(corner: HTMLElement, across: string, down: string): void {
  const key = `${across} ${down}`;
  if (corner.dataset.drawn === key) return;
  corner.dataset.drawn = key;
  const name = (icon: "right" | "below", text: string) =>
    h("span", {}, sheetIcon(icon), h("bdi", {}, text));
  corner.replaceChildren(name("right", across), name("below", down));
}

function legendView(role: string): Legend {
  const words = h("p", { dir: "auto" });
  const value = h("span");
  const line = meter();
  const average = h("span", { class: "ds-mean", role: "img" }, line, value);
  const element = h("div", { class: "ds-legend", role }, words, average);
  return {
    element,
    update(text, cells, score) {
      write(words, text);
      attribute(words, "title", text);
      const share = mean(cells, score);
      average.hidden = share === null;
      if (share === null) return;
      fill(line, share);
      write(value, share.toFixed(2));
      attribute(average, "aria-label", `mean ${share.toFixed(2)}`);
    },
  };
}
