/** The view of a sheet: by pointer and by keys, updated in place. */

import { beforeEach, expect, test, vi } from "vitest";
import { mountSheet } from "../../src/explore/view.ts";
import { cell, FakePort, figure, sheet } from "./made.ts";

let port: FakePort;
let el: HTMLElement;
let scope: AbortController;

function mount(of = new FakePort()): void {
  port = of;
  el = document.createElement("div");
  document.body.replaceChildren(el);
  scope = new AbortController();
  mountSheet(port, el, scope.signal);
}

beforeEach(() => {
  vi.useRealTimers();
  mount();
});

const find = (selector: string) => el.querySelector(selector) as HTMLElement;
const all = (selector: string) => [...el.querySelectorAll<HTMLElement>(selector)];
const root = () => find(".decart-sheet");
const cellOf = (key: string) => find(`.ds-cell[data-key="${key}"]`);
const moment = () => root().style.getPropertyValue("--t");
const text = (selector: string) => find(selector).textContent;
const visible = (selector: string) => find(selector).closest("[hidden]") === null;

function press(key: string, target: Element = document.activeElement ?? root()): void {
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}

function named(text_: string, within = root()): HTMLButtonElement {
  const found = [...within.querySelectorAll("button")].find(
    (one) => (one.getAttribute("aria-label") ?? one.textContent) === text_,
  );
  if (!found) throw Error(`no button ${text_}`);
  return found;
}

test("a grid has its legends with means, its roles, and one cell that Tab reaches", () => {
  expect(find("[role=grid]").getAttribute("aria-label")).toBe("style across, light down");
  expect(all("[role=row]").length).toBe(3);
  expect(all("[role=columnheader]").length).toBe(4);
  expect(all("[role=rowheader] .ds-mean").map((one) => one.textContent)).toEqual(["0.70", "0.65"]);
  expect(all("[role=gridcell]").length).toBe(6);
  expect(all('.ds-cell[tabindex="0"]').length).toBe(1);
  expect(cellOf("00").getAttribute("aria-label")).toContain("watercolour, wet, as it is: outlines");
  expect(all('.ds-legend p[dir="auto"]').length).toBe(5);
  expect(root().dataset.lmSuppressShortcuts).toBe("true");
});

test("the first row is the input, and its slider moves all cells by one variable", () => {
  expect([moment(), root().style.getPropertyValue("--n")]).toEqual(["1", "4"]);
  const slider = find("[role=slider][aria-label=Moment]");
  press("ArrowRight", slider);
  expect([moment(), slider.getAttribute("aria-valuetext")]).toEqual(["2", "1.0 s"]);
  press("End", slider);
  press("ArrowRight", slider);
  expect(moment()).toBe("3");
  press(",", cellOf("00"));
  expect(moment()).toBe("2");
});

test("a pointer across a cell is across the clip, and with Shift it wipes that cell alone", () => {
  const frame = cellOf("10").querySelector(".ds-frame") as HTMLElement;
  vi.spyOn(frame, "getBoundingClientRect").mockReturnValue(new DOMRect(100, 0, 200, 100));
  const move = (clientX: number, shiftKey = false) =>
    frame.dispatchEvent(new PointerEvent("pointermove", { clientX, shiftKey, bubbles: true }));
  move(290);
  expect(moment()).toBe("3");
  move(150, true);
  expect(moment()).toBe("3");
  expect(cellOf("10").dataset.wipe).toBe("");
  expect(cellOf("10").style.getPropertyValue("--w")).toBe("25.0%");
  expect(all("[data-wipe]").length).toBe(1);
  move(101);
  expect([moment(), all("[data-wipe]").length]).toEqual(["0", 0]);
});

test("arrows go from cell to cell, Enter opens, C wipes against, S stars, R leads to the price", () => {
  cellOf("00").focus();
  press("ArrowRight");
  press("ArrowDown");
  expect((document.activeElement as HTMLElement).dataset.key).toBe("11");
  press("Home");
  press("End");
  expect((document.activeElement as HTMLElement).dataset.key).toBe("21");
  press("Enter");
  expect(cellOf("21").getAttribute("aria-selected")).toBe("true");
  expect(text(".ds-names")).toBe("neongolden hour");
  cellOf("00").focus();
  press("c");
  expect(cellOf("00").dataset.against).toBe("true");
  expect(named("watercolour · as it is").getAttribute("aria-pressed")).toBe("true");
  press("s");
  expect(port.asked).toEqual([{ type: "sheet-star", key: "00", on: true }]);
  press("r");
  expect(document.activeElement?.textContent).toBe("Repeat, 2.6 s");
  expect(port.asked.length).toBe(1);
});

test("keys in a field and with Ctrl are not the sheet's", () => {
  const before = moment();
  press(".", find("select"));
  press(".", find("input[type=range]"));
  root().dispatchEvent(new KeyboardEvent("keydown", { key: ".", ctrlKey: true, bubbles: true }));
  expect(moment()).toBe(before);
});

test("I shows the input for as long as it is held", () => {
  cellOf("00").focus();
  press("i");
  expect(find(".ds-body").dataset.input).toBe("true");
  cellOf("00").dispatchEvent(new KeyboardEvent("keyup", { key: "i", bubbles: true }));
  expect(find(".ds-body").dataset.input).toBe("false");
});

test("a change is written in place: the same elements, and the focus stays", () => {
  const before = cellOf("20");
  before.focus();
  port.become({ cells: sheet().cells.map((one) => ({ ...one, starred: one.key === "20" })) });
  expect(cellOf("20")).toBe(before);
  expect(document.activeElement).toBe(before);
  expect(before.querySelector<HTMLElement>(".ds-starred")?.hidden).toBe(false);
});

test("ranked lays the same cells out best first, without taking the focus", () => {
  cellOf("20").focus();
  named("Ranked").click();
  expect(find(".ds-body").getAttribute("role")).toBe("listbox");
  expect(all("[role=option]").map((one) => one.dataset.key)).toEqual([
    ...["00", "01", "10", "20", "21", "11"],
  ]);
  expect(document.activeElement).toBe(cellOf("20"));
  named("Axes").click();
  expect(all("[role=gridcell]").length).toBe(6);
});

test("a filter dims and removes nothing", () => {
  const least = find("input[type=range]") as HTMLInputElement;
  least.value = "60";
  least.dispatchEvent(new Event("input", { bubbles: true }));
  expect(all('.ds-cell[data-out="true"]').map((one) => one.dataset.key)).toEqual([
    "20",
    "11",
    "21",
  ]);
  expect(all(".ds-cell").length).toBe(6);
  expect(least.getAttribute("aria-valuetext")).toBe("0.60");
});

test("another score changes figures, means and the best cell", () => {
  const figures = { flicker: figure(0.2), structure: figure(0.1) };
  const cells = sheet().cells.map((one) => (one.key === "21" ? one : { ...one, figures }));
  port.become({ cells });
  const select = find("select") as HTMLSelectElement;
  select.value = "flicker";
  select.dispatchEvent(new Event("input", { bubbles: true }));
  const best = all(".ds-best").filter((one) => !one.hidden);
  expect(best.map((one) => one.closest<HTMLElement>(".ds-cell")?.dataset.key)).toEqual(["21"]);
});

test("a refused cell says why in its place, and a running one how far it is", () => {
  expect(cellOf("11").textContent).toContain("Refused by moderation.");
  expect(cellOf("11").querySelector<HTMLElement>(".ds-cover")?.dataset.status).toBe("refused");
  const running = cell(2, 1, { status: "running", share: 0.4, phase: "settling…", picture: null });
  port.become({ state: "running", cells: [...sheet().cells.slice(0, 5), running] });
  expect(cellOf("21").textContent).toContain("settling…");
  expect(text(".ds-stop")).toBe("Stop, keep 5");
  find(".ds-stop").click();
  expect(port.asked).toEqual([{ type: "sweep-stop" }]);
});

test("the plan says what a start costs, for as many cells as are chosen", () => {
  mount(new FakePort(sheet({ state: "planned" })));
  expect(text(".ds-sum")).toBe("6 cells × 2.6 s + 3.0 s = 18.6 s · $0.37 billed");
  expect(visible(".ds-sheet")).toBe(false);
  named("Fewer cells").click();
  named("Fewer cells").click();
  expect(text(".ds-main")).toBe("Start, 13.4 s · $0.27");
  expect(all(".ds-lanes > div").length).toBe(2);
  find(".ds-main").click();
  named("Cancel").click();
  expect(port.asked).toEqual([{ type: "sweep-start", cells: 4 }, { type: "sweep-cancel" }]);
  port.become({ state: "cancelled" });
  expect(text(".ds-empty")).toContain("Cancelled");
});

test("what a stopped run has left can be started", () => {
  expect(visible(".ds-plan")).toBe(false);
  port.become({ state: "stopped", plan: { ...sheet().plan, cells: 2 } });
  expect([visible(".ds-plan"), visible(".ds-sheet")]).toEqual([true, true]);
  expect(named("Cancel").hidden).toBe(true);
  find(".ds-main").click();
  expect(port.asked).toEqual([{ type: "sweep-start", cells: 2 }]);
});

test("the opened cell is shown large, wiped by pointer and keys against the input", async () => {
  expect(text(".ds-names")).toBe("watercolour, wetas it is");
  const handle = find(".ds-handle");
  press("ArrowRight", handle);
  expect(handle.getAttribute("aria-valuenow")).toBe("48");
  press("End", handle);
  expect(handle.getAttribute("aria-valuetext")).toBe("100 % shows the input");
  const large = find(".ds-large");
  vi.spyOn(large, "getBoundingClientRect").mockReturnValue(new DOMRect(0, 0, 400, 200));
  large.dispatchEvent(new PointerEvent("pointerdown", { clientX: 100, bubbles: true }));
  expect(large.style.getPropertyValue("--w")).toBe("25%");
  expect(port.pictures).toContain("00@large");
  named("Use live").click();
  named("Star").click();
  named("Repeat, 2.6 s").click();
  expect(port.asked).toEqual([
    { type: "sheet-live", key: "00" },
    { type: "sheet-star", key: "00", on: true },
    { type: "sweep-retry", key: "00" },
  ]);
});

test("two cells with repeats are compared by the kernel, which says how sure it is", () => {
  const cells = sheet().cells.map((one) => ({ ...one, repeats: 5 }));
  mount(new FakePort(sheet({ cells })));
  cellOf("10").focus();
  press("c");
  expect(port.asked).toEqual([
    { type: "sheet-compare", key: "00", against: "10", score: "structure" },
  ]);
  const text_ = "keeps: not to be told apart (71 %)";
  port.become({ comparison: { key: "00", against: "10", score: "structure", text: text_ } });
  expect(text(".ds-verdict")).toBe(text_);
  named("Input").click();
  expect(visible(".ds-verdict")).toBe(false);
});

test("an interval is drawn on a score's bar", () => {
  const one = cell(0, 0, { figures: { structure: figure(0.8, { low: 0.7, high: 0.9 }) } });
  port.become({ cells: [one, ...sheet().cells.slice(1)] });
  const bar = cellOf("00").querySelector<HTMLElement>('[data-chosen="true"] .ds-meter');
  expect([bar?.dataset.interval, bar?.style.getPropertyValue("--low")]).toEqual(["true", "0.700"]);
});

test("a blind ranking hides names and cells, and takes keys and clicks", () => {
  named("Rank").click();
  const open = { expected: 15, can_undo: true, is_open: true, strengths: [] };
  port.become({ ranking: { ...open, number: 3, pair: ["10", "00"] } });
  expect(visible(".ds-body")).toBe(false);
  expect(visible(".ds-inspect")).toBe(false);
  expect(text(".ds-rank")).not.toContain("watercolour");
  expect(document.activeElement).toBe(find(".ds-rank"));
  press("ArrowLeft");
  press("ArrowDown");
  press("Backspace");
  named("The right one is better").click();
  named("No difference").click();
  const answers = ["left", "tie", "undo", "right", "tie"];
  expect(port.asked).toEqual([
    { type: "sheet-rank", answer: "begin", number: 0 },
    ...answers.map((answer) => ({ type: "sheet-rank", answer, number: 3 })),
  ]);
  const strengths = [
    { key: "00", share: 0.3, low: 0.2, high: 0.4 },
    { key: "10", share: 0.8, low: 0.6, high: 0.9 },
  ];
  port.become({ ranking: { ...open, number: 15, pair: null, strengths } });
  expect(all(".ds-strengths li").map((one) => one.textContent)).toEqual([
    ...["浮世絵の木版画 · as it is0.80", "watercolour · as it is0.30"],
  ]);
  press("Escape");
  expect(port.asked.at(-1)).toEqual({ type: "sheet-rank", answer: "close", number: 15 });
  port.become({ ranking: null });
  expect(visible(".ds-body")).toBe(true);
});

test("Play shows one moment after another, and ends", () => {
  vi.useFakeTimers();
  mount();
  named("Play all cells").click();
  vi.advanceTimersByTime(401);
  expect(moment()).toBe("2");
  vi.advanceTimersByTime(801);
  expect(moment()).toBe("0");
  press(" ", cellOf("00"));
  vi.advanceTimersByTime(2000);
  expect(moment()).toBe("0");
});

test("a file without a kernel offers nothing that needs one", () => {
  const file = new FakePort();
  file.isLive = false;
  mount(file);
  cellOf("00").focus();
  press("s");
  expect(port.asked).toEqual([]);
  for (const name of ["Rank", "Save folder", "Export image"]) {
    expect(named(name).hidden).toBe(true);
  }
  expect(port.pictures.some((name) => name.endsWith("@large"))).toBe(false);
});

test("a view that ended is removed, and follows no change", () => {
  scope.abort();
  expect(el.children.length).toBe(0);
  port.become({ said: "Saved" });
});
