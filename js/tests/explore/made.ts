/** A document of three styles by two lights, and a port that answers nothing by itself. */

import type { CellDocument, Figure, SheetDocument } from "../../src/explore/document.ts";
import type { Ask, Port } from "../../src/explore/port.ts";

export function figure(share: number, more: Partial<Figure> = {}): Figure {
  const text = share.toFixed(2);
  return { share, text, detail: `outlines ${text}`, low: null, high: null, ...more };
}

export function cell(column: number, row: number, more: Partial<CellDocument> = {}): CellDocument {
  const key = `${column}${row}`;
  return {
    ...{ key, place: [column, row], status: "done", reason: "", share: 1, phase: "" },
    picture: key,
    figures: { structure: figure(0.9 - 0.2 * column - 0.05 * row), flicker: figure(0.5) },
    ...{ settled: "0.31 s", billed: "2.6 s", bill: "2.6 s · $0.05", twin: null },
    ...{ starred: false, repeats: 1 },
    ...more,
  };
}

export function sheet(more: Partial<SheetDocument> = {}): SheetDocument {
  const cells = [0, 1].flatMap((row) => [0, 1, 2].map((column) => cell(column, row)));
  cells[4] = cell(1, 1, {
    ...{ status: "refused", reason: "Refused by moderation.", picture: null, figures: {} },
  });
  return {
    ...{ version: 1, title: "temple.mp4", state: "done", error: "" },
    axes: [
      { name: "style", labels: ["watercolour, wet", "浮世絵の木版画、藍と朱", "neon"] },
      { name: "light", labels: ["as it is", "golden hour"] },
    ],
    moments: [0.2, 0.6, 1, 1.4],
    size: [320, 180],
    scores: [
      { name: "flicker", label: "calm", title: "calm" },
      { name: "structure", label: "keeps", title: "keeps the drawing" },
    ],
    score: "structure",
    cells,
    input: "sent",
    noise: "",
    plan: {
      ...{
        cells: more.state === "planned" ? 6 : 0,
        cell_s: 2.6,
        fixed_s: 3,
        price_per_s: 0.02,
        budget_s: 60,
        used_s: 0,
      },
      ...{ sessions: 2, open_s: 1, wall_cell_s: 1.3, rows: [["Cells", "3 styles × 2 lights"]] },
    },
    progress: {
      ...{ done: 5, refused: 1, failed: 0, cells: 6, left_s: null, took_s: 20 },
      ...{ billed: "13.0 s · $0.26", planned: "18.6 s · $0.37", note: "What is done stays." },
    },
    ranking: null,
    comparison: null,
    ...{ folder: "sweeps/temple", said: "" },
    can: { use_live: true, rank: true, save: true },
    ...more,
  } as SheetDocument;
}

/** A port whose document the test changes; it remembers what was asked. */
export class FakePort implements Port {
  readonly asked: Ask[] = [];
  readonly pictures: string[] = [];
  isLive = true;
  #listeners: (() => void)[] = [];

  constructor(public document: SheetDocument | null = sheet()) {}

  onChange(callback: () => void): void {
    this.#listeners.push(callback);
  }

  async picture(name: string): Promise<string> {
    this.pictures.push(name);
    return `blob:${name}`;
  }

  ask(ask: Ask): void {
    this.asked.push(ask);
  }

  become(more: Partial<SheetDocument>): void {
    this.document = { ...(this.document ?? sheet()), ...more };
    for (const listener of this.#listeners) listener();
  }
}
