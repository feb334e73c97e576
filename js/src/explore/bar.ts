/** The head of a sheet and its tools: how cells are laid out, by which score, and which ones are dimmed. */

import { h, show, write } from "../view/dom.ts";
import type { SheetDocument } from "./document.ts";
import { sheetIcon } from "./icons.ts";
import { attribute, button } from "./parts.ts";
import type { Part } from "./plan.ts";
import { type Port, STATIC_PICTURE } from "./port.ts";
import type { ViewState } from "./state.ts";

export function head(port: Port): Part {
  const title = h("h2", { dir: "auto" });
  const total = h("span", { class: "ds-small ds-quiet ds-sub" });
  const rank = button("ds-bare", "scales", "Rank");
  const save = button("ds-bare", "folder", "Save folder");
  const image = button("ds-bare", "save", "Export image");
  const said = h("span", { class: "ds-small ds-quiet", role: "status", dir: "auto" });
  const element = h(
    "div",
    { class: "ds-rows" },
    title,
    total,
    h("span", { class: "ds-gap" }),
    said,
    rank,
    save,
    image,
  );
  let document: SheetDocument | null = null;
  rank.addEventListener("click", () =>
    port.ask({ type: "sheet-rank", answer: "begin", number: document?.ranking?.number ?? 0 }),
  );
  save.addEventListener("click", () => port.ask({ type: "sheet-save" }));
  image.addEventListener("click", async () => {
    const href = await port.picture(STATIC_PICTURE).catch(() => null);
    if (href) h("a", { href, download: `${document?.title || "sheet"}.png` }).click();
  });
  return {
    element,
    update(next) {
      document = next;
      write(title, next.title);
      const count = `${next.cells.length} ${next.cells.length === 1 ? "cell" : "cells"}`;
      const bill = `${next.progress.billed} billed of ${next.progress.planned} planned`;
      write(total, [count, bill, next.noise].filter(Boolean).join(" · "));
      write(said, next.said);
      show(said, next.said !== "");
      show(rank, port.isLive && next.can.rank);
      show(save, port.isLive && next.can.save);
      show(image, port.isLive);
    },
  };
}

export function tools(state: ViewState): Part {
  const axes = h("button", { type: "button" }, "Axes");
  const ranked = h("button", { type: "button" }, "Ranked");
  const score = h("select");
  const least = h("input", { type: "range", min: "0", max: "100", value: "0" });
  const leastText = h("output", {}, "any");
  const hold = button("ds-bare ds-wide", "swap", "Hold for input");
  hold.append(h("kbd", { "aria-hidden": "true" }, "I"));
  const element = h(
    "div",
    { class: "ds-rows ds-band ds-tools" },
    h("span", { class: "ds-seg", role: "group", "aria-label": "Arrange" }, axes, ranked),
    h(
      "label",
      { class: "ds-select" },
      h("span", { class: "ds-quiet ds-small" }, "Score"),
      score,
      sheetIcon("down"),
    ),
    h("label", { class: "ds-small ds-quiet ds-least" }, "at least", least, leastText),
    h("span", { class: "ds-gap" }),
    hold,
  );
  axes.addEventListener("click", () => state.set({ mode: "axes" }));
  ranked.addEventListener("click", () => state.set({ mode: "ranked" }));
  score.addEventListener("input", () => state.set({ score: score.value }));
  least.addEventListener("input", () => state.set({ least: Number(least.value) / 100 }));
  hold.addEventListener("pointerdown", (event) => {
    hold.setPointerCapture?.(event.pointerId);
    state.set({ showsInput: true });
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
    hold.addEventListener(name, () => state.set({ showsInput: false }));
  }
  let drawn = "";
  return {
    element,
    update(document) {
      const { mode } = state.values;
      const key = JSON.stringify(document.scores);
      if (key !== drawn) {
        drawn = key;
        score.replaceChildren(
          ...document.scores.map(({ name, title }) => h("option", { value: name }, title)),
        );
      }
      if (score.value !== state.values.score) score.value = state.values.score;
      attribute(axes, "aria-pressed", String(mode === "axes"));
      attribute(ranked, "aria-pressed", String(mode === "ranked"));
      attribute(hold, "aria-pressed", String(state.values.showsInput));
      const text = state.values.least ? state.values.least.toFixed(2) : "any";
      write(leastText, text);
      attribute(least, "aria-valuetext", text);
      show(hold, document.input !== null);
    },
  };
}
