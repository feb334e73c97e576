/** The small video of what is sent; a click swaps it with the large one. */

import type { Session } from "../session/session.ts";
import { h, mark, show } from "../view/dom.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";

/** Adds the preview to a view, until the signal aborts. */
export function preview(
  session: Session,
  { root, stage, video: received }: Slots,
  signal: AbortSignal,
): Updatable {
  const video = h("video", {
    class: "dw-local",
    muted: true,
    playsinline: true,
    autoplay: true,
    hidden: true,
    "aria-label": "Video that is sent",
  });
  video.muted = true;
  const swap = h("button", {
    type: "button",
    class: "dw-swap",
    hidden: true,
    title: "Swap the pictures",
    "aria-label": "Swap the pictures",
    "aria-pressed": "false",
  });
  swap.addEventListener("click", () => {
    const swapped = root.dataset.swapped !== "true";
    mark(root, "swapped", swapped);
    swap.setAttribute("aria-pressed", String(swapped));
  });
  received.after(video);
  stage.append(swap);
  signal.addEventListener(
    "abort",
    () => {
      video.srcObject = null;
      video.remove();
      swap.remove();
    },
    { once: true },
  );
  return {
    update() {
      // Until the transformed picture is revealed the poster covers the stage.
      const stream = (session.attempt?.revealed && session.source.capture?.preview) || null;
      if (video.srcObject !== stream) {
        video.srcObject = stream;
        if (stream) void video.play().catch(() => undefined);
      }
      show(video, stream !== null);
      show(swap, stream !== null);
      mark(root, "local", stream !== null);
      if (!stream && root.dataset.swapped === "true") {
        mark(root, "swapped", false);
        swap.setAttribute("aria-pressed", "false");
      }
    },
  };
}
