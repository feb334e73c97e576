/** What is dropped on a view: a video is sent in the camera's place. */

import type { Session } from "../session/session.ts";
import { mark } from "../view/dom.ts";
import type { Slots } from "../view/slots.ts";
import type { ImageSlot } from "./image.ts";

export function dropping(
  session: Session,
  { root }: Slots,
  image: ImageSlot,
  signal: AbortSignal,
): void {
  const files = (event: DragEvent) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const over = (event: DragEvent) => {
    if (!files(event)) return;
    // The notebook would open it.
    event.preventDefault();
    event.stopPropagation();
    mark(root, "drop", true);
  };
  root.addEventListener("dragenter", over, { signal });
  root.addEventListener("dragover", over, { signal });
  root.addEventListener(
    "dragleave",
    (event) => {
      if (!root.contains(event.relatedTarget as Node | null)) mark(root, "drop", false);
    },
    { signal },
  );
  root.addEventListener(
    "drop",
    (event) => {
      if (!files(event)) return;
      event.preventDefault();
      event.stopPropagation();
      mark(root, "drop", false);
      const [file] = event.dataTransfer?.files ?? [];
      if (file?.type.startsWith("image/")) void image.give(file);
      else if (file) void session.source.useFile(file);
    },
    { signal },
  );
}
