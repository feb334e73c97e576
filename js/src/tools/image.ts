/** The reference image: a slot beside the prompt for a file that is chosen, dropped or pasted. */

import { trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { h, mark, show } from "../view/dom.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";
import { toolIcon } from "./icons.ts";

/** Bytes of one message: a host drops messages above some 10 MB. */
const PIECE_BYTES = 700_000;
/** The kernel refuses larger files by their size alone; of those only one byte is sent. */
const MAX_IMAGE_BYTES = 50_000_000;

/** The slot of the reference image. */
export interface ImageSlot extends Updatable {
  /** Sends an image to the kernel, in messages of `PIECE_BYTES`. */
  upload(file: Blob): Promise<void>;
}

/** Number of the last upload of this page. The kernel tells uploads apart by page and number. */
let uploads = 0;

/** Adds the slot to a view, until the signal aborts. */
export function imageSlot(
  session: Session,
  { root, image: place }: Pick<Slots, "root" | "image">,
  signal: AbortSignal,
): ImageSlot {
  const file = h("input", {
    type: "file",
    // Not every system knows the type of HEIC files.
    accept: "image/*,.heic,.heif",
    hidden: true,
    "aria-label": "Reference image file",
  });
  const slot = h("button", { type: "button", class: "dw-slotted" }, toolIcon("add"));
  const clear = h(
    "button",
    {
      type: "button",
      class: "dw-clear",
      "aria-label": "Clear the reference image",
      title: "Clear",
    },
    toolIcon("cross"),
  );
  place.append(slot, clear, file);
  signal.addEventListener("abort", () => place.replaceChildren(), { once: true });

  const upload = async (image: Blob) => {
    if (!session.referenceImage.isSupported) {
      session.referenceImage.setNote(`${trait(session.model, "model")} takes no reference image.`);
      return;
    }
    const id = ++uploads;
    const total = image.size;
    if (!total) {
      session.referenceImage.setNote("The file is empty.");
      return;
    }
    session.referenceImage.setNote("reading the image…");
    const until = total > MAX_IMAGE_BYTES ? 1 : total;
    // A newer upload replaces this one.
    for (let at = 0; at < until && id === uploads; at += PIECE_BYTES) {
      const data = await image.slice(at, Math.min(until, at + PIECE_BYTES)).arrayBuffer();
      if (id === uploads) session.kernel.send({ type: "image", id, at, total }, data);
    }
  };
  slot.addEventListener("click", () => file.click());
  clear.addEventListener("click", () => {
    session.kernel.send({ type: "image", id: ++uploads, at: 0, total: 0 });
    slot.focus();
  });
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    if (chosen) void upload(chosen);
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
      void upload(pasted);
    },
    { signal },
  );

  return {
    upload,
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
