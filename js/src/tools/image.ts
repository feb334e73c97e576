/** The reference image: a slot beside the prompt that takes a file, however it is given. */

import { trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { h, mark, show } from "../view/dom.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";
import { sign } from "./icons.ts";

/** Bytes of one message. */
const PIECE = 700_000;
/** What a notebook takes; a larger file is told so by its kernel, without being sent. */
const LARGEST = 10_000_000;

export interface ImageSlot extends Updatable {
  give(file: Blob): Promise<void>;
}

let uploads = 0;

export function imageSlot(
  session: Session,
  { root, image: place }: Pick<Slots, "root" | "image">,
  signal: AbortSignal,
): ImageSlot {
  const file = h("input", {
    type: "file",
    accept: "image/png,image/jpeg,image/webp",
    hidden: true,
    "aria-label": "Reference image file",
  });
  const slot = h("button", { type: "button", class: "dw-slotted" }, sign("add"));
  const clear = h(
    "button",
    {
      type: "button",
      class: "dw-clear",
      "aria-label": "Clear the reference image",
      title: "Clear",
    },
    sign("cross"),
  );
  place.append(slot, clear, file);
  signal.addEventListener("abort", () => place.replaceChildren(), { once: true });

  const give = async (given: Blob) => {
    if (!session.referenceImage.isSupported) {
      session.referenceImage.setNote(`${trait(session.model, "model")} takes no reference image.`);
      return;
    }
    const id = ++uploads + Date.now();
    const total = given.size;
    if (!total) {
      session.referenceImage.setNote("The file is empty.");
      return;
    }
    session.referenceImage.setNote("reading the image…");
    const until = total > LARGEST ? 1 : total;
    for (let at = 0; at < until; at += PIECE) {
      const end = Math.min(until, at + PIECE);
      session.kernel.send({ type: "image", id, total }, await given.slice(at, end).arrayBuffer());
    }
  };
  slot.addEventListener("click", () => file.click());
  clear.addEventListener("click", () => {
    session.kernel.send({ type: "image", id: ++uploads + Date.now(), total: 0 });
    slot.focus();
  });
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    if (chosen) void give(chosen);
    file.value = "";
  });
  root.addEventListener(
    "paste",
    (event) => {
      const pasted = [...(event.clipboardData?.files ?? [])].find((one) =>
        one.type.startsWith("image/"),
      );
      if (!pasted) return;
      event.preventDefault();
      event.stopPropagation();
      void give(pasted);
    },
    { signal },
  );

  return {
    give,
    update() {
      const { thumbnailUrl, isSet } = session.referenceImage;
      const takes = session.referenceImage.isSupported;
      slot.disabled = !takes || session.isOwnedElsewhere;
      const name = takes
        ? "Reference image: choose, drop or paste one"
        : `${trait(session.model, "model")} takes no reference image`;
      if (slot.title !== name) {
        slot.title = name;
        slot.setAttribute("aria-label", name);
      }
      mark(slot, "filled", thumbnailUrl !== "");
      mark(slot, "set", isSet);
      const picture = thumbnailUrl && `url("${thumbnailUrl}")`;
      if (slot.style.backgroundImage !== picture) slot.style.backgroundImage = picture;
      show(clear, isSet && !slot.disabled);
    },
  };
}
