/**
 * The document of a sheet: what the kernel says about it, and an exported file contains.
 *
 * explore/document.py makes it. Texts that are figures with a unit come from there, so that page, picture and
 * file say the same; sums that depend on a choice in the page are made here.
 */

/** A score of one cell: `share` is its place between 0 and 1. */
export interface Figure {
  share: number;
  /** The figure itself, short: "0.83". */
  text: string;
  /** With its name and unit: "outlines 0.83". */
  detail: string;
  /** The interval's ends between 0 and 1; null without repeats. */
  low: number | null;
  high: number | null;
}

/** What a cell is doing: `planned` before the start, `left` where the sweep was stopped before it. */
export type CellStatus = "planned" | "waiting" | "running" | "done" | "refused" | "failed" | "left";

/** One place of the sheet, its repeats taken together. */
export interface CellDocument {
  key: string;
  /** Index of its label on each axis. */
  place: number[];
  status: CellStatus;
  /** Why it was refused or failed, or a figure is missing. */
  reason: string;
  /** While it runs: how much of it is done (0..1), and with what. */
  share: number;
  phase: string;
  /** The name of its sprite; null before there is one. */
  picture: string | null;
  figures: Record<string, Figure>;
  /** "0.34 s"; empty where it was not seen. */
  settled: string;
  /** What it was billed: "2.6 s"; and with the money: "2.6 s · $0.05". */
  billed: string;
  bill: string;
  /** The key of the cell that shows the same picture; null without one. */
  twin: string | null;
  starred: boolean;
  repeats: number;
}

/** A score that cells have: `name` is its key in `figures`. */
export interface ScoreInfo {
  name: string;
  label: string;
  /** In a menu: "keeps the drawing". */
  title: string;
}

/** What a start would do. Times in s, money in US dollars, null where no price is known. */
export interface PlanDocument {
  cells: number;
  /** Billed for one cell, and for all of them together beside that. */
  cell_s: number;
  fixed_s: number;
  price_per_s: number | null;
  /** The purse; null where there is none. */
  budget_s: number | null;
  used_s: number;
  /** Sessions side by side; seconds on the clock beside the cells, and for one more cell. */
  sessions: number;
  open_s: number;
  wall_cell_s: number;
  /** What else is to be known: name and text. */
  rows: [string, string][];
}

/** How far a run is. */
export interface ProgressDocument {
  done: number;
  refused: number;
  failed: number;
  cells: number;
  left_s: number | null;
  took_s: number | null;
  billed: string;
  planned: string;
  note: string;
}

/** One question of a blind ranking, or its result. */
export interface RankingDocument {
  number: number;
  /** How many answers it takes, about. */
  expected: number;
  /** The keys of the two cells; null once it is done. */
  pair: [string, string] | null;
  can_undo: boolean;
  is_open: boolean;
  strengths: { key: string; share: number; low: number; high: number }[];
}

/** What was found between two cells. */
export interface ComparisonDocument {
  key: string;
  against: string;
  score: string;
  text: string;
}

export interface SheetDocument {
  version: 1;
  title: string;
  state: "planned" | "running" | "stopped" | "done" | "failed" | "cancelled";
  /** Why it failed. */
  error: string;
  axes: { name: string; labels: string[] }[];
  /** Times in the source, in s; as many as a sprite has pictures. */
  moments: number[];
  /** Size of a moment, in pixels. */
  size: [number, number];
  scores: ScoreInfo[];
  /** The name of the one that a view begins with. */
  score: string;
  cells: CellDocument[];
  /** The sprite of the untouched input; null before there is one. */
  input: string | null;
  /** What the passthrough control says about noise; empty without one. */
  noise: string;
  plan: PlanDocument;
  progress: ProgressDocument;
  ranking: RankingDocument | null;
  comparison: ComparisonDocument | null;
  folder: string;
  /** What the kernel did at a request, for instance "Saved in runs/temple". */
  said: string;
  can: { use_live: boolean; rank: boolean; save: boolean };
}

/** A change of a document: its changed fields, and of `cells` the changed ones. */
export type Patch = Partial<SheetDocument>;

/** The document with a patch in it. */
export function patched(document: SheetDocument, patch: Patch): SheetDocument {
  const changed = new Map(patch.cells?.map((cell) => [cell.key, cell]));
  const cells = document.cells.map((cell) => changed.get(cell.key) ?? cell);
  return { ...document, ...patch, cells };
}

/** A cell's labels, one for each axis. */
export function labels(document: SheetDocument, cell: CellDocument): string[] {
  return cell.place.map((index, axis) => document.axes[axis]?.labels[index] ?? "");
}

/** Letters of a label in a tag over a picture. */
const SHORT_LABEL = 24;

/** A cell's name for tags over pictures: the beginning of each label. */
export function shortName(document: SheetDocument, cell: CellDocument): string {
  return labels(document, cell).filter(Boolean).map(shortened).join(" · ");
}

function shortened(label: string): string {
  const [start = label] = label.split(/[,;:.、。،]/u, 1);
  const letters = [...(start.trim() || label)];
  return letters.length > SHORT_LABEL
    ? `${letters.slice(0, SHORT_LABEL - 1).join("")}…`
    : letters.join("");
}

/** Whether a cell has pictures. */
export function isShown(
  cell: CellDocument | undefined,
): cell is CellDocument & { picture: string } {
  return cell?.status === "done" && cell.picture !== null;
}

/** The cells of the second and further axes' combinations, one after another: the rows of a sheet. */
export function rows(document: SheetDocument): { label: string; cells: CellDocument[] }[] {
  const [, ...down] = document.axes;
  const found = new Map<string, { label: string; cells: CellDocument[] }>();
  for (const cell of document.cells) {
    const place = cell.place.slice(1);
    const label = place.map((index, axis) => down[axis]?.labels[index] ?? "").join(" · ");
    const row = found.get(place.join()) ?? { label, cells: [] };
    row.cells.push(cell);
    found.set(place.join(), row);
  }
  return [...found.values()];
}

/** The mean of a score's share over cells that have it; null where none has. */
export function mean(cells: readonly CellDocument[], score: string): number | null {
  const shares = cells.filter(isShown).flatMap((cell) => cell.figures[score]?.share ?? []);
  return shares.length ? shares.reduce((sum, share) => sum + share, 0) / shares.length : null;
}

/** The cells, best first; those without the score at the end, in their own order. */
export function ranked(document: SheetDocument, score: string): CellDocument[] {
  const share = (cell: CellDocument) => (isShown(cell) ? (cell.figures[score]?.share ?? -1) : -2);
  return [...document.cells].sort((one, other) => share(other) - share(one));
}

/** Whether a filter leaves a cell out. */
export function isBelow(cell: CellDocument, score: string, least: number): boolean {
  return least > 0 && !(isShown(cell) && (cell.figures[score]?.share ?? -1) >= least);
}

const STATUS_WORDS: Record<CellStatus, string> = {
  planned: "planned",
  waiting: "waiting",
  running: "running",
  done: "done",
  refused: "refused",
  failed: "failed",
  left: "not run",
};

/** A cell's name: a full sentence, as its picture and its figures are not read. */
export function sentence(document: SheetDocument, cell: CellDocument, score: string): string {
  const name = labels(document, cell).filter(Boolean).join(", ");
  const facts: string[] = [];
  if (cell.status === "done") {
    const first = cell.figures[score];
    if (first) facts.push(first.detail);
    if (cell.settled) facts.push(`settled after ${cell.settled}`);
    for (const { name: other, label } of document.scores) {
      const figure = cell.figures[other];
      if (figure && other !== score) facts.push(`${label} ${figure.share.toFixed(2)}`);
    }
    if (cell.twin) facts.push(twinWords(document, cell));
    if (cell.starred) facts.push("starred");
    facts.push(`${cell.bill} billed`);
  } else {
    facts.push(STATUS_WORDS[cell.status]);
    if (cell.reason) facts.push(cell.reason);
  }
  return `${name || "the clip"}: ${facts.join(", ")}`;
}

/** "same picture as ..."; empty where no other cell shows it. */
export function twinWords(document: SheetDocument, cell: CellDocument): string {
  const twin = document.cells.find((other) => other.key === cell.twin);
  return twin ? `same picture as ${labels(document, twin).join(", ")}` : "";
}

/** "31.2 s"; whole seconds from 100 s on, and minutes from ten of them on. */
export function seconds(value: number): string {
  if (value >= 600) return `${Math.round(value / 60)} min`;
  return `${value >= 100 ? Math.round(value) : value.toFixed(1)} s`;
}

/** "31.2 s · $0.62"; without the money where no price is known. */
export function sum(value: number, pricePerS: number | null): string {
  return pricePerS ? `${seconds(value)} · $${(value * pricePerS).toFixed(2)}` : seconds(value);
}

/** What a start of so many cells takes, in s: billed, and on the clock. */
export function taken(plan: PlanDocument, cells: number): { billed: number; wall: number } {
  return {
    billed: cells ? plan.fixed_s + cells * plan.cell_s : 0,
    wall: cells ? plan.open_s + cells * plan.wall_cell_s : 0,
  };
}
