/** The run: a segment per cell, time and money left, and Stop, which says what it keeps. */

import { h, mark, show, write } from "../view/dom.ts";
import { type SheetDocument, seconds } from "./document.ts";
import { arrange, attribute, button, property, relabel } from "./parts.ts";
import type { Part } from "./plan.ts";
import type { Port } from "./port.ts";

const WORDS: Partial<Record<SheetDocument["state"], string>> = {
  running: "Running",
  stopped: "Stopped",
  done: "Done",
  failed: "Failed",
};

export function runCard(port: Port): Part {
  const chip = h("span", { class: "ds-chip" });
  const done = h("b");
  const left = h("span", { class: "ds-quiet ds-small ds-left" });
  const billed = h("b");
  const planned = h("span", { class: "ds-quiet" });
  const stop = button("ds-stop", "stop", "Stop");
  const segments = h("div", {
    class: "ds-segments",
    role: "progressbar",
    "aria-label": "Cells done",
  });
  segments.setAttribute("aria-valuemin", "0");
  const note = h("p", { class: "ds-small ds-quiet", role: "status" });
  const element = h(
    "section",
    { class: "ds-run", "aria-label": "The run" },
    h(
      "div",
      { class: "ds-runhead" },
      chip,
      h("span", {}, done, " cells"),
      left,
      h("span", { class: "ds-gap" }),
      h("span", { class: "ds-small ds-pay" }, billed, planned),
      stop,
    ),
    segments,
    note,
  );
  stop.addEventListener("click", () => port.ask({ type: "sweep-stop" }));
  const bars = new Map<string, HTMLElement>();

  return {
    element,
    update(document) {
      const { progress, state } = document;
      write(chip, WORDS[state] ?? state);
      mark(chip, "state", state);
      const ended = progress.done + progress.refused + progress.failed;
      write(done, `${ended} of ${progress.cells}`);
      const isRunning = state === "running";
      write(left, leftWords(document));
      write(billed, progress.billed);
      write(planned, ` billed of ${progress.planned} planned`);
      show(stop, isRunning && port.isLive);
      relabel(stop, `Stop, keep ${progress.done}`);
      attribute(segments, "aria-valuemax", String(progress.cells));
      attribute(segments, "aria-valuenow", String(ended));
      attribute(segments, "aria-valuetext", `${ended} of ${progress.cells} cells`);
      const elements = document.cells.map((cell) => {
        const bar = bars.get(cell.key) ?? h("i");
        bars.set(cell.key, bar);
        mark(bar, "status", cell.status);
        property(bar, "--v", cell.status === "running" ? cell.share.toFixed(2) : "0");
        return bar;
      });
      arrange(segments, elements);
      write(note, document.error || progress.note);
      mark(note, "tone", document.error ? "bad" : "plain");
    },
  };
}

function leftWords({ state, progress }: SheetDocument): string {
  if (state === "running") {
    return progress.left_s === null ? "" : `about ${seconds(Math.ceil(progress.left_s))} left`;
  }
  if (state === "stopped") return "what is done is kept";
  return progress.took_s === null ? "" : `in ${seconds(progress.took_s)}`;
}
