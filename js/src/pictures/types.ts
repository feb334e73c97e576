/** What the parts of the chunk `kernel` share. */

import type { Picture } from "../kernel/messages.ts";

/** A decoded picture, for a track to show. Whoever holds it closes it. */
export type Decoded = VideoFrame | ImageBitmap;

/** Decodes the pictures of one stream. */
export interface Decoder {
  /** Decodes a picture; the result comes as an event. */
  decode(picture: Picture, data: BufferSource): void;
  close(): void;
}

/** What a decoder reports. */
export interface DecoderEvents {
  /**
   * A picture is done with.
   *
   * @param decoded null where it could not be decoded, or a newer one was decoded before
   */
  done(number: number, decoded: Decoded | null): void;
  /** A picture could not be decoded; the next one has to be a keyframe. */
  failed(): void;
}
