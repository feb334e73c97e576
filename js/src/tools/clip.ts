/** Sends a video file instead of the camera. */

import type { Session } from "../session/session.ts";
import { h, show } from "../view/dom.ts";
import { shownError } from "../view/notices.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";

/** Codes of notices for which a video file is a way out: only the camera is unavailable. */
const CAMERA_CODES = new Set([
  "insecure-origin",
  "permission-denied",
  "no-camera",
  "camera-busy",
  "over-constrained",
  "blocked-by-frame",
]);

/** Opens the browser's file dialog for a video file; must be called in a click's handler. */
export function chooseVideo(onChoose: (video: File) => void): void {
  const input = h("input", { type: "file", accept: "video/*", "aria-label": "Video file" });
  input.addEventListener("change", () => {
    const [video] = input.files ?? [];
    if (video) onChoose(video);
  });
  input.click();
}

/** Adds the button "Use a clip instead" to notices about the camera. */
export function clipButton(session: Session, { retry }: Slots, signal: AbortSignal): Updatable {
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
    update: () => show(button, CAMERA_CODES.has(shownError(session)?.code ?? "")),
  };
}
