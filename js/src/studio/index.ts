/**
 * What a view has beyond picture, prompt and Stop: a piece of its own, which fills the seats that a
 * view keeps.
 */

import type { Session } from "../session/session.ts";
import type { Seats } from "../view/furnishing.ts";
import { dress } from "../view/sheet.ts";
import type { Part } from "../view/stage.ts";
import { clipInstead } from "./clip.ts";
import { compare } from "./compare.ts";
import { dropping } from "./drop.ts";
import { history } from "./history.ts";
import { imageSlot } from "./image.ts";
import { preview } from "./preview.ts";
import { viewerTools } from "./sound.ts";
import { tools } from "./tools.ts";

export { WORDS } from "./words.ts";

/** The minified styles.css of this folder. */
declare const __STUDIO_STYLES__: string;

export function furnish(session: Session, seats: Seats, signal: AbortSignal): Pick<Part, "update"> {
  dress(seats.root, signal, __STUDIO_STYLES__);
  if (session.viewer) return viewerTools(session, seats, signal);
  const wipe = compare(session, seats, signal);
  const image = imageSlot(session, seats, signal);
  const parts: Pick<Part, "update">[] = [
    preview(session, seats, signal),
    wipe,
    image,
    clipInstead(session, seats, signal),
    tools(session, seats, wipe, signal),
  ];
  dropping(session, seats, image, signal);
  history(session, seats, signal);
  return {
    update() {
      for (const part of parts) part.update();
    },
  };
}
