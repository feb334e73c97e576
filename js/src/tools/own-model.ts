/** The badge of pictures that a model of the user's makes: it says so, and how long a frame takes. */

import type { Session } from "../session/session.ts";
import { show, write } from "../view/dom.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";

/** Puts the text of the trait `_own_model` into the badge of a view, which is hidden elsewhere. */
export function ownModel({ model }: Session, { root }: Slots): Updatable {
  const badge = root.querySelector<HTMLElement>(".dw-badge");
  return {
    update() {
      // Views are updated once a second anyway, so this needs no place among the traits of `main`.
      const text = model.get("_own_model");
      if (!badge || !text) return;
      write(badge, String(text));
      show(badge, true);
    },
  };
}
