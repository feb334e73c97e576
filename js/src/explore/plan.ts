/** The plan: what a start would run, bill and take, with the start itself. Nothing is billed before it. */

import { h, show, write } from "../view/dom.ts";
import { type PlanDocument, type SheetDocument, seconds, sum, taken } from "./document.ts";
import { button, clamp, property, relabel } from "./parts.ts";
import type { Port } from "./port.ts";
import type { ViewState } from "./state.ts";

/** Cells of a lane that are drawn one by one; of more, the lane shows a share each. */
const MAX_DRAWN = 40;

export interface Part {
  readonly element: HTMLElement;
  update(document: SheetDocument): void;
}

export function planCard(port: Port, state: ViewState): Part {
  const amount = h("b");
  const each = h("b");
  const beside = h("span");
  const total = h("b");
  const purse = h("span", { "aria-hidden": "true" }, h("i"), h("i"));
  const purseWords = [h("span", {}), h("span", {}), h("span", {})];
  const purseBox = h(
    "div",
    { class: "ds-purse" },
    purse,
    h("p", { class: "ds-keyline" }, ...purseWords),
  );
  const lanes = h("div", { class: "ds-lanes", role: "img" });
  const clock = h("span");
  const list = h("dl", { class: "ds-list" });
  const start = button("ds-main", null, "Start");
  const fewer = button("ds-stepper", "minus");
  fewer.setAttribute("aria-label", "Fewer cells");
  const more = button("ds-stepper", "plus");
  more.setAttribute("aria-label", "More cells");
  const limit = h("output", { "aria-live": "polite" });
  const spread = h("span", { class: "ds-small ds-quiet ds-wide" });
  const cancel = button("ds-bare ds-named", null, "Cancel");
  const element = h(
    "section",
    { class: "ds-plan", "aria-label": "Plan of the sweep" },
    h(
      "div",
      {},
      h("p", { class: "ds-sum" }, amount, " cells × ", each, beside, " = ", total, " billed"),
      purseBox,
      lanes,
      h("p", { class: "ds-ends ds-tiny ds-quiet" }, h("span", {}, "now"), clock),
    ),
    h("div", { class: "ds-facing" }, list),
    h(
      "div",
      { class: "ds-actions" },
      start,
      h(
        "span",
        { class: "ds-step", role: "group", "aria-label": "How many cells" },
        fewer,
        limit,
        more,
      ),
      spread,
      h("span", { class: "ds-gap" }),
      h("span", { class: "ds-small ds-quiet ds-wide" }, "Nothing is billed before Start"),
      cancel,
    ),
  );
  let current: SheetDocument | null = null;

  const chosen = (plan: PlanDocument) => clamp(state.values.cells ?? plan.cells, 1, plan.cells);
  const step = (by: number) => {
    if (current) state.set({ cells: clamp(chosen(current.plan) + by, 1, current.plan.cells) });
  };
  fewer.addEventListener("click", () => step(-1));
  more.addEventListener("click", () => step(1));
  start.addEventListener("click", () => {
    if (current?.plan.cells) port.ask({ type: "sweep-start", cells: chosen(current.plan) });
  });
  cancel.addEventListener("click", () => port.ask({ type: "sweep-cancel" }));

  return {
    element,
    update(document) {
      current = document;
      const { plan } = document;
      const cells = plan.cells ? chosen(plan) : 0;
      const { billed, wall } = taken(plan, cells);
      write(amount, String(cells));
      write(each, seconds(plan.cell_s));
      write(beside, plan.fixed_s && cells ? ` + ${seconds(plan.fixed_s)}` : "");
      write(total, sum(billed, plan.price_per_s));
      show(purseBox, plan.budget_s !== null);
      const budget = plan.budget_s ?? 1;
      property(purse, "--used", (plan.used_s / budget).toFixed(3));
      property(purse, "--ask", (billed / budget).toFixed(3));
      const left = Math.max(0, budget - plan.used_s - billed);
      const words = [
        `${seconds(plan.used_s)} used`,
        `${seconds(billed)} this run`,
        `${seconds(left)} left of ${seconds(budget)}`,
      ];
      for (const [index, text] of words.entries()) {
        const word = purseWords[index];
        if (word) write(word, text);
        if (word) show(word, index > 0 || plan.used_s > 0);
      }
      const side = plan.sessions > 1 ? `${plan.sessions} sessions side by side` : "one session";
      const clockText = `${side} · about ${seconds(wall)} on the clock`;
      write(clock, clockText);
      lanes.setAttribute("aria-label", clockText);
      draw(lanes, plan, cells, wall);
      fillList(list, plan.rows);
      relabel(start, cells ? `Start, ${sum(billed, plan.price_per_s)}` : "Nothing to run");
      start.disabled = !cells || !port.isLive;
      fewer.disabled = cells <= 1;
      more.disabled = cells >= plan.cells;
      show(cancel, document.state === "planned");
      write(limit, `${cells} ${cells === 1 ? "cell" : "cells"}`);
      write(spread, cells === plan.cells ? "the whole grid" : "spread evenly over the axes");
    },
  };
}

/** Draws a lane per session: grey while it opens, blue where it is billed. */
function draw(lanes: HTMLElement, plan: PlanDocument, cells: number, wall: number): void {
  const count = Math.max(1, Math.min(plan.sessions, cells));
  const key = `${count} ${cells} ${wall.toFixed(1)}`;
  if (lanes.dataset.drawn === key) return;
  lanes.dataset.drawn = key;
  const longest = Math.ceil(cells / count);
  const bar = (classes: string, share: number) => {
    const element = h("i", { class: classes });
    element.style.flexGrow = String(share);
    return element;
  };
  lanes.replaceChildren(
    ...Array.from({ length: count }, (_, lane) => {
      const own = Math.ceil((cells - lane) / count);
      const bars = Math.min(own, MAX_DRAWN);
      const each = (wall - plan.open_s) / Math.max(1, longest);
      return h(
        "div",
        {},
        bar("ds-opening", plan.open_s),
        ...Array.from({ length: bars }, () => bar("", (own * each) / bars)),
        bar("ds-rest", (longest - own) * each),
      );
    }),
  );
}

function fillList(list: HTMLElement, rows: readonly [string, string][]): void {
  const key = JSON.stringify(rows);
  if (list.dataset.drawn === key) return;
  list.dataset.drawn = key;
  list.replaceChildren(
    ...rows.flatMap(([name, text]) => [h("dt", {}, name), h("dd", { dir: "auto" }, text)]),
  );
}
