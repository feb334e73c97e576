/** The pictures of one stream: decodes them into a video track, and says which are done with. */

import type { Picture, PictureCodec } from "../kernel/messages.ts";
import { makeDecoder } from "./decoder.ts";
import { fedTrack } from "./track.ts";
import type { Decoded, Decoder } from "./types.ts";

/** What a stream reports. */
export interface StreamEvents {
  /** This picture was decoded, or given up: the kernel may send another one. */
  shown(number: number): void;
  /** A picture was decoded. */
  decoded(picture: Picture): void;
  /** A picture could not be decoded; the next one has to be a keyframe. */
  failed(): void;
}

/** One stream of pictures. */
export class PictureStream {
  /** The pictures as video. */
  readonly media: MediaStream;
  /** Whether an element may have it before there is a picture. */
  readonly isEmptyAtFirst: boolean;
  /** The newest picture's codec and size in pixels. */
  codec: PictureCodec | null = null;
  width = 0;
  height = 0;
  /** Pictures that were decoded, and bytes that came, so far. */
  frames = 0;
  bytes = 0;

  #decoder: Decoder | null = null;
  /** The pictures that are being decoded. */
  readonly #waiting = new Map<number, Picture>();
  readonly #fed = fedTrack();
  readonly #events: StreamEvents;

  constructor(events: StreamEvents) {
    this.#events = events;
    this.media = new MediaStream([this.#fed.track]);
    this.isEmptyAtFirst = this.#fed.isEmptyAtFirst;
  }

  /** Decodes a picture. */
  receive(picture: Picture, data: BufferSource): void {
    this.bytes += data.byteLength;
    this.#waiting.set(picture.number, picture);
    if (picture.codec !== this.codec) this.#decoder?.close();
    if (picture.codec !== this.codec || !this.#decoder) {
      this.codec = picture.codec;
      this.#decoder = makeDecoder(picture.codec, {
        done: (number, decoded) => this.#onDone(number, decoded),
        failed: () => this.#events.failed(),
      });
    }
    this.#decoder.decode(picture, data);
  }

  /** Gives up what is being decoded; the next picture has to be a keyframe. */
  restart(): void {
    this.#decoder?.close();
    this.#decoder = null;
    for (const number of this.#waiting.keys()) this.#events.shown(number);
    this.#waiting.clear();
  }

  /** Ends the track. */
  close(): void {
    this.#decoder?.close();
    this.#decoder = null;
    this.#waiting.clear();
    this.#fed.close();
  }

  #onDone(number: number, decoded: Decoded | null): void {
    const picture = this.#waiting.get(number);
    if (this.#waiting.delete(number)) this.#events.shown(number);
    if (!decoded) return;
    this.frames++;
    const isFrame = "displayWidth" in decoded;
    this.width = isFrame ? decoded.displayWidth : decoded.width;
    this.height = isFrame ? decoded.displayHeight : decoded.height;
    this.#fed.show(decoded, this.width, this.height);
    if (picture) this.#events.decoded(picture);
  }
}
