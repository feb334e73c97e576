/**
 * The view of a sheet: plan, run, cells, opened cell and ranking.
 *
 * Nothing is made twice: each change is written into the elements that are there, because an element that is
 * replaced loses the focus, and with it the keys.
 */

import { onAbort } from "../host.ts";
import { h, mark, show, write } from "../view/dom.ts";
import { injectStyles } from "../view/inject-styles.ts";
import { head, tools } from "./bar.ts";
import { isShown, type SheetDocument } from "./document.ts";
import { grid } from "./grid.ts";
import { inspector } from "./inspector.ts";
import { HELP, listenToKeys } from "./keys.ts";
import { property } from "./parts.ts";
import { planCard } from "./plan.ts";
import type { Port } from "./port.ts";
import { rankView } from "./rank.ts";
import { runCard } from "./run.ts";
import { ViewState } from "./state.ts";
import { strip } from "./strip.ts";

declare const __EXPLORE_STYLES__: string;

/** Shows a sheet in `el`, until the signal. */
export function mountSheet(port: Port, el: HTMLElement, signal: AbortSignal): void {
  const state = new ViewState();
  const plan = planCard(port, state);
  const run = runCard(port);
  const title = head(port);
  const bar = tools(state);
  const times = strip(port, state, signal);
  const cells = grid(port, state);
  const opened = inspector(port, state);
  const ranking = rankView(port);
  const folder = h("span", { dir: "auto" });
  const scroll = h("div", { class: "ds-scroll" }, times.element, cells.element);
  const help = h(
    "p",
    { class: "ds-keys", "aria-hidden": "true" },
    ...HELP.map(([keys, text]) => h("span", {}, ...keys.map((key) => h("kbd", {}, key)), text)),
    h("span", { class: "ds-gap" }),
    folder,
  );
  const sheet = h(
    "section",
    { class: "ds-sheet", "aria-label": "Contact sheet" },
    title.element,
    bar.element,
    ranking.element,
    scroll,
    opened.element,
    help,
  );
  const waiting = h("p", { class: "ds-empty", role: "status" }, "The sheet is on its way.");
  const root = h(
    "div",
    { class: "decart-sheet", "data-lm-suppress-shortcuts": "true" },
    waiting,
    plan.element,
    run.element,
    sheet,
  );
  const frame = h("div", { class: "ds-outer" }, root);
  el.append(frame);
  injectStyles(root, signal, __EXPLORE_STYLES__);
  onAbort(signal, () => frame.remove());

  const parts = [plan, run, title, bar, times, cells, opened, ranking];
  const update = () => {
    const { document } = port;
    show(waiting, document === null);
    if (document) begin(state, document);
    const isPlanned = document?.state === "planned";
    // What a limited or stopped run has left can be started as well.
    const isOpen = document !== null && /^(stopped|done|failed)$/.test(document.state);
    show(plan.element, isPlanned || (isOpen && port.isLive && document.plan.cells > 0));
    const hasRun = document !== null && !isPlanned && document.state !== "cancelled";
    show(run.element, hasRun && (document.state !== "done" || document.progress.took_s !== null));
    show(sheet, hasRun);
    if (!document) return;
    if (document.state === "cancelled") {
      show(waiting, true);
      write(waiting, "Cancelled: nothing was started or billed.");
    }
    const isRanking = document.ranking?.is_open ?? false;
    for (const element of [bar.element, cells.element, help]) show(element, !isRanking);
    mark(root, "state", document.state);
    property(root, "--n", String(document.moments.length));
    property(root, "--ratio", String(document.size[0] / document.size[1]));
    for (const part of parts) part.update(document);
    if (isRanking) show(opened.element, false);
    write(folder, document.folder);
  };
  const showMoment = () => property(root, "--t", String(state.values.moment));

  state.onChange((changed) => {
    if (changed.has("moment")) showMoment();
    // A moment moves one variable, however many cells there are; anything else is written out.
    if ([...changed].some((name) => name !== "moment")) update();
    if ((["opened", "against", "score"] as const).some((name) => changed.has(name))) {
      compare(port, state);
    }
  });
  cells.element.addEventListener("click", (event) => {
    const key = cells.cell(event.target)?.dataset.key;
    if (!key) return;
    state.set({
      opened: key,
      focus: key,
      ...(state.values.against === key ? { against: null } : {}),
    });
    cells.focus(key);
  });
  cells.element.addEventListener("focusin", (event) => {
    const key = cells.cell(event.target)?.dataset.key;
    if (key) state.set({ focus: key });
  });
  listenToKeys(
    root,
    {
      ...{ grid: cells, strip: times, inspector: opened, ranking, state, port },
      document: () => port.document,
    },
    signal,
  );
  port.onChange(() => !signal.aborted && update());
  update();
  showMoment();
}

/** The choices with which a view begins: the middle moment, the first score, the first cell. */
function begin(state: ViewState, document: SheetDocument): void {
  const { score, focus, moment } = state.values;
  if (!document.scores.some(({ name }) => name === score)) state.values.score = document.score;
  if (!document.cells.some(({ key }) => key === focus)) {
    state.values.focus = document.cells[0]?.key ?? null;
  }
  if (!state.values.opened) state.values.opened = document.cells.find(isShown)?.key ?? null;
  const last = document.moments.length - 1;
  if (!begun.has(state) && last > 0) {
    begun.add(state);
    state.set({ moment: Math.floor(last / 2) });
  } else if (moment > last) state.set({ moment: Math.max(0, last) });
}

/** States whose first moment has been chosen. */
const begun = new WeakSet<ViewState>();

/** Asks what there is between the opened cell and the one that it is wiped against. */
function compare(port: Port, state: ViewState): void {
  const { opened: key, against, score } = state.values;
  const cells = port.document?.cells.filter((cell) => cell.key === key || cell.key === against);
  if (!port.isLive || !key || !against || !cells?.every(({ repeats }) => repeats > 1)) return;
  port.ask({ type: "sheet-compare", key, against, score });
}
