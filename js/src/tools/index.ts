/**
 * What a view has beyond picture, prompt and Stop: a piece of its own, which fills the slots that a
 * view keeps.
 */

import type { Session } from "../session/session.ts";
import { injectStyles } from "../view/inject-styles.ts";
import type { Slots } from "../view/slots.ts";
import type { Part } from "../view/stage.ts";
import { clipInstead } from "./clip.ts";
import { compare } from "./compare.ts";
import { dropping } from "./drop.ts";
import { history } from "./history.ts";
import { imageSlot } from "./image.ts";
import { preview } from "./preview.ts";
import { viewerTools } from "./sound.ts";
import { tools } from "./toolbar.ts";

export { WORDS } from "./words.ts";

/** The minified styles.css of this folder. */
declare const __TOOLS_STYLES__: string;

export function mountTools(
  session: Session,
  slots: Slots,
  signal: AbortSignal,
): Pick<Part, "update"> {
  injectStyles(slots.root, signal, __TOOLS_STYLES__);
  if (session.viewer) return viewerTools(session, slots, signal);
  const wipe = compare(session, slots, signal);
  const image = imageSlot(session, slots, signal);
  const parts: Pick<Part, "update">[] = [
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
