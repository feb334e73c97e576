/** Brings the chunk `deck` when there is something for it to show. */

import { isActiveState } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";

/** What the chunk `deck` exports. */
interface DeckChunk {
  mountDeck(session: Session, slots: Slots, signal: AbortSignal): Updatable;
}

/** Loads template and deck into a view: with a template, with earlier prompts, or for a session. */
export function lazyDeck(session: Session, slots: Slots, signal: AbortSignal): Updatable {
  let deck: Updatable | null = null;
  let isLoading = false;
  const isWanted = () => {
    const { fields } = (session.model.get("_template") ?? {}) as { fields?: unknown[] };
    const looks = session.model.get("_looks");
    const hasLooks = Array.isArray(looks) && looks.length > 0;
    return hasLooks || (fields?.length ?? 0) > 0 || isActiveState(session.state);
  };
  return {
    update() {
      deck?.update();
      if (isLoading || !isWanted()) return;
      isLoading = true;
      session.load("deck").then(
        (chunk) => {
          if (!signal.aborted) deck = (chunk as DeckChunk).mountDeck(session, slots, signal);
        },
        () => undefined, // a kernel of an earlier version has none
      );
    },
  };
}
