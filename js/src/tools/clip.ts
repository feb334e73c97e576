/** A video file in the camera's place: chosen from the menu, or where no camera is to be had. */

import type { Session } from "../session/session.ts";
import { h, show } from "../view/dom.ts";
import { shownError } from "../view/notices.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";

/** What keeps a camera from being used, and a file from nothing. */
const NO_CAMERA = new Set([
  "insecure-origin",
  "permission-denied",
  "no-camera",
  "camera-busy",
  "over-constrained",
  "blocked-by-frame",
]);

/** Lets somebody choose a video file; call it from a click. */
export function chooseVideo(chosen: (video: File) => void): void {
  const input = h("input", { type: "file", accept: "video/*", "aria-label": "Video file" });
  input.addEventListener("change", () => {
    const [video] = input.files ?? [];
    if (video) chosen(video);
  });
  input.click();
}

/** A button in notices about the camera. */
export function clipInstead(session: Session, { retry }: Slots, signal: AbortSignal): Updatable {
  const button = h("button", { type: "button", class: "dw-clip" }, "Use a clip instead");
  button.addEventListener("click", () =>
    chooseVideo(async (video) => {
      await session.source.useFile(video);
      session.start();
    }),
  );
  retry.after(button);
  signal.addEventListener("abort", () => button.remove(), { once: true });
  return {
    update: () => show(button, NO_CAMERA.has(shownError(session)?.code ?? "")),
  };
}
