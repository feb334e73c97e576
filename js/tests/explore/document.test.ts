/** What is computed from a sheet's document. */

import { describe, expect, test } from "vitest";
import {
  isBelow,
  mean,
  patched,
  ranked,
  rows,
  seconds,
  sentence,
  shortName,
  sum,
  taken,
} from "../../src/explore/document.ts";
import { cell, figure, sheet } from "./made.ts";

test("a patch replaces the changed cells and leaves the others and their order", () => {
  const before = sheet();
  const star = cell(2, 0, { starred: true });
  const after = patched(before, { cells: [star], said: "Saved" });
  expect(after.cells[2]).toBe(star);
  expect(after.cells.map(({ key }) => key)).toEqual(before.cells.map(({ key }) => key));
  expect(after.cells[0]).toBe(before.cells[0]);
  expect([after.said, after.title]).toEqual(["Saved", "temple.mp4"]);
});

test("rows are the combinations of all axes but the first", () => {
  const document = sheet({
    axes: [
      { name: "style", labels: ["a", "b"] },
      { name: "light", labels: ["noon", "dusk"] },
      { name: "enrich", labels: ["on", "off"] },
    ],
    cells: [
      cell(0, 0, { place: [0, 0, 0] }),
      cell(1, 0, { place: [1, 0, 0] }),
      cell(0, 1, { place: [0, 1, 1] }),
    ],
  });
  expect(rows(document).map(({ label, cells }) => [label, cells.length])).toEqual([
    ["noon · on", 2],
    ["dusk · off", 1],
  ]);
});

test("a mean counts only cells with pictures, and there is none of none", () => {
  const document = sheet();
  const middle = document.cells.filter(({ place }) => place[0] === 1);
  expect(mean(middle, "structure")).toBeCloseTo(0.7);
  expect(mean([document.cells[4] ?? cell(0, 0)], "structure")).toBeNull();
});

test("ranked puts the best first, and cells without a figure last", () => {
  const order = ranked(sheet(), "structure").map(({ key }) => key);
  expect(order).toEqual(["00", "01", "10", "20", "21", "11"]);
});

test("a filter leaves out what is below it, and what has no figure", () => {
  const { cells } = sheet();
  expect(cells.filter((one) => isBelow(one, "structure", 0))).toEqual([]);
  expect(cells.filter((one) => isBelow(one, "structure", 0.6)).map(({ key }) => key)).toEqual([
    ...["20", "11", "21"],
  ]);
});

describe("a cell's sentence", () => {
  const document = sheet();

  test("says labels, figures and what it cost", () => {
    const one = cell(0, 0, { starred: true, twin: "20", figures: { structure: figure(0.9) } });
    expect(sentence(document, one, "structure")).toBe(
      "watercolour, wet, as it is: outlines 0.90, settled after 0.31 s, " +
        "same picture as neon, as it is, starred, 2.6 s · $0.05 billed",
    );
  });

  test("says why there is no picture", () => {
    expect(sentence(document, document.cells[4] ?? cell(0, 0), "structure")).toBe(
      "浮世絵の木版画、藍と朱, golden hour: refused, Refused by moderation.",
    );
  });
});

test("a short name ends at the first comma of any script, or after some letters", () => {
  const document = sheet();
  expect(shortName(document, cell(0, 1))).toBe("watercolour · golden hour");
  expect(shortName(document, cell(1, 0))).toBe("浮世絵の木版画 · as it is");
  document.axes[0]?.labels.splice(2, 1, "a very long label without any comma in it");
  expect(shortName(document, cell(2, 0))).toBe("a very long label witho… · as it is");
});

test("sums are seconds and money, and only seconds where no price is known", () => {
  const { plan } = sheet({ state: "planned" });
  expect(sum(taken(plan, 6).billed, plan.price_per_s)).toBe("18.6 s · $0.37");
  expect(sum(31.2, null)).toBe("31.2 s");
  expect([taken(plan, 0), taken(plan, 6).wall]).toEqual([{ billed: 0, wall: 0 }, 8.8]);
  expect([seconds(130), seconds(601)]).toEqual(["130 s", "10 min"]);
});
