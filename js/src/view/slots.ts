/** What a view offers the chunk `tools`, which adds to the view after it is shown. */

import type { Session } from "../session/session.ts";
import type { NoticeTexts } from "./notices.ts";
import type { Updatable } from "./part.ts";

/** The elements of every view to which the tools add theirs. */
export interface ViewerSlots {
  /** The whole view. */
  root: HTMLElement;
  /** What holds the picture. */
  stage: HTMLElement;
  /** The received picture, in the stage. */
  video: HTMLVideoElement;
  /** A space between the small texts under the picture; tools are inserted after it. */
  gap: HTMLElement;
}

/** The same of a view with a camera. */
export interface Slots extends ViewerSlots {
  /** The last picture of a lost connection, over the video. */
  still: HTMLElement;
  /** The button in notices. */
  retry: HTMLElement;
  /** The place for tools in the row of Stop. */
  tools: HTMLElement;
  /** The place for the reference image, before the prompt. */
  image: HTMLElement;
  /** The prompt box. */
  prompt: HTMLInputElement;
}

/** What the chunk `tools` exports. */
export interface ToolsChunk {
  readonly NOTICE_TEXTS: NoticeTexts;
  mountTools(session: Session, slots: Slots, signal: AbortSignal): Updatable;
  mountViewerTools(session: Session, slots: ViewerSlots, signal: AbortSignal): Updatable;
}
