/** Between a view and the piece `tools`, which brings all that a view can do without for a moment. */

import type { Session } from "../session/session.ts";
import type { AllWords } from "./notices.ts";
import type { Part } from "./stage.ts";

/** Where in a view the tools puts its parts: places that are there, and as large, from the start. */
export interface Slots {
  root: HTMLElement;
  /** What holds the picture. A viewer has no other seat. */
  stage: HTMLElement;
  /** In the row of Stop. */
  tools: HTMLElement;
  /** Before the prompt. */
  image: HTMLElement;
}

export interface ToolsPiece {
  readonly WORDS: AllWords;
  mountTools(session: Session, slots: Slots, signal: AbortSignal): Pick<Part, "update">;
}
