/** Takes files that are dropped on a view: an image as reference image, a video as the source. */

import type { Session } from "../session/session.ts";
import { mark } from "../view/dom.ts";
import type { Slots } from "../view/slots.ts";
import type { ImageSlot } from "./image.ts";

/** Accepts dropped files until the signal aborts. */
export function acceptDrops(
  session: Session,
  { root }: Slots,
  image: ImageSlot,
  signal: AbortSignal,
): void {
  const hasFiles = (event: DragEvent) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const over = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    // Otherwise the notebook would open the file.
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
      if (!hasFiles(event)) return;
      event.preventDefault();
      event.stopPropagation();
      mark(root, "drop", false);
      const [file] = event.dataTransfer?.files ?? [];
      if (file && (file.type.startsWith("image/") || /\.hei[cf]$/i.test(file.name))) {
        void image.upload(file);
      } else if (file && session.isKernelSource) {
        session.taps.setNote("Not sent: the kernel has the source");
      } else if (file) void session.source.useFile(file);
    },
    { signal },
  );
}
