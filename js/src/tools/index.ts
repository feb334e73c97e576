/**
 * What a view has beyond picture, prompt and Stop: a piece of its own, which fills the slots that a
 * view keeps.
 */

import type { Session } from "../session/session.ts";
import { injectStyles } from "../view/inject-styles.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots, ViewerSlots } from "../view/slots.ts";
import { clipInstead } from "./clip.ts";
import { compare } from "./compare.ts";
import { dropping } from "./drop.ts";
import { history } from "./history.ts";
import { imageSlot } from "./image.ts";
import { preview } from "./preview.ts";
import { viewerSoundTools } from "./sound.ts";
import { tools } from "./toolbar.ts";

export { NOTICE_TEXTS } from "./words.ts";

/** The minified styles.css of this folder. */
declare const __TOOLS_STYLES__: string;
const STYLES: string = __TOOLS_STYLES__;

export function mountTools(session: Session, slots: Slots, signal: AbortSignal): Updatable {
  injectStyles(slots.root, signal, STYLES);
  const wipe = compare(session, slots, signal);
  const image = imageSlot(session, slots, signal);
  const parts: Updatable[] = [
    preview(session, slots, signal),
    wipe,
    image,
    clipInstead(session, slots, signal),
    tools(session, slots, wipe, signal),
  ];
  dropping(session, slots, image, signal);
  history(session, slots, signal);
  return {
    update() {
      for (const part of parts) part.update();
    },
  };
}

/** The tools of a viewer: a switch for the sound. */
export function mountViewerTools(
  session: Session,
  slots: ViewerSlots,
  signal: AbortSignal,
): Updatable {
  injectStyles(slots.root, signal, STYLES);
  return viewerSoundTools(session, slots, signal);
}
