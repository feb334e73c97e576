/**
 * The chunk `tools`: everything in a view besides picture, prompt and Stop, put into the slots that the
 * view has for it; and the texts of notices.
 */

import { trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { mark } from "../view/dom.ts";
import { injectStyles } from "../view/inject-styles.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots, ViewerSlots } from "../view/slots.ts";
import { clipButton } from "./clip.ts";
import { compare } from "./compare.ts";
import { lazyDeck } from "./deck.ts";
import { acceptDrops } from "./drop.ts";
import { history } from "./history.ts";
import { imageSlot } from "./image.ts";
import { ownModel } from "./own-model.ts";
import { preview } from "./preview.ts";
import { viewerSoundTools } from "./sound.ts";
import { toolbar } from "./toolbar.ts";

export { NOTICE_TEXTS } from "./words.ts";

/** The minified styles.css of this folder. */
declare const __TOOLS_STYLES__: string;
const STYLES: string = __TOOLS_STYLES__;

/** Adds all tools to a view of a session. */
export function mountTools(session: Session, slots: Slots, signal: AbortSignal): Updatable {
  injectStyles(slots.root, signal, STYLES);
  const wipe = compare(session, slots, signal);
  const image = imageSlot(session, slots, signal);
  const parts: Updatable[] = [
    preview(session, slots, signal),
    wipe,
    image,
    clipButton(session, slots, signal),
    ownModel(session, slots),
    toolbar(session, slots, wipe, signal),
    lazyDeck(session, slots, signal),
  ];
  acceptDrops(session, slots, image, signal);
  history(session, slots, signal);
  return {
    update() {
      for (const part of parts) part.update();
      mark(slots.root, "relayed", trait(session.model, "error").code === "relayed");
    },
  };
}

/** Adds the tools of a viewer: a switch for the sound. */
export function mountViewerTools(
  session: Session,
  slots: ViewerSlots,
  signal: AbortSignal,
): Updatable {
  injectStyles(slots.root, signal, STYLES);
  return viewerSoundTools(session, slots, signal);
}
