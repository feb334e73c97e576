/** The reference image as the kernel has it, and the note about it under the prompt. */

import type { HostModel } from "../host.ts";
import type { ImageState } from "../kernel/messages.ts";
import { trait } from "./model.ts";

/** The reference image of one session. */
export class ReferenceImage {
  /** Whether the kernel holds an image. */
  isSet = false;
  /** A blob URL of a small picture of it; empty where there is none. */
  thumbnailUrl = "";
  /** What became of the last image that was given; shown under the prompt until it is replaced. */
  note = "";

  readonly #model: HostModel;
  readonly #onChange: () => void;

  /** @param onChange called when anything here has changed */
  constructor(model: HostModel, onChange: () => void) {
    this.#model = model;
    this.#onChange = onChange;
  }

  /** Whether the session's model takes a reference image. */
  get isSupported(): boolean {
    return trait(this.#model, "_media").takes_image !== false;
  }

  /** Shows a note in place of the one before. */
  setNote(note: string): void {
    this.note = note;
    this.#onChange();
  }

  /**
   * The kernel has set or cleared the image, or could not read it.
   *
   * @param thumbnail the bytes of a small picture of the image
   */
  onState({ state, text }: ImageState, thumbnail?: BufferSource): void {
    if (state !== "failed") {
      URL.revokeObjectURL(this.thumbnailUrl);
      this.isSet = state === "set";
      this.thumbnailUrl = thumbnail ? URL.createObjectURL(new Blob([thumbnail as BlobPart])) : "";
    }
    this.setNote(state === "failed" ? text : "");
  }
}
