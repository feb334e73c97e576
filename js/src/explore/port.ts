/** What a sheet's view needs of whatever holds the sheet: the kernel, or the exported file. */

import type { SheetDocument } from "./document.ts";

/** What a person asks of a sheet. The kernel decides what of it is done. */
export type Ask =
  | { type: "sweep-start"; cells: number }
  | { type: "sweep-stop" }
  | { type: "sweep-cancel" }
  | { type: "sweep-retry"; key: string }
  | { type: "sheet-star"; key: string; on: boolean }
  | { type: "sheet-live"; key: string }
  | { type: "sheet-save" }
  | { type: "sheet-compare"; key: string; against: string; score: string }
  | { type: "sheet-rank"; answer: RankAnswer; number: number };

/** `number`: the question that is answered, so that a click too many answers no other one. */
export type RankAnswer = "begin" | "left" | "right" | "tie" | "undo" | "close";

export interface Port {
  /** The newest document; null before one has come. */
  readonly document: SheetDocument | null;
  /** Whether there is a kernel that does what is asked. */
  readonly isLive: boolean;
  /** Calls back at each change of the document. */
  onChange(callback: () => void): void;
  /** The address of a picture, once it has come; rejects where there is none. */
  picture(name: string): Promise<string>;
  ask(ask: Ask): void;
}

/** The name of the picture with the same moments in more pixels. */
export function largeName(name: string): string {
  return `${name}@large`;
}

/** The name of the whole sheet as one picture, in PNG. */
export const STATIC_PICTURE = "static";
