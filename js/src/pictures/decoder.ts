/** Decodes pictures: H.264 by WebCodecs, JPEG by the browser's own decoder of images. */

import type { Picture, PictureCodec } from "../kernel/messages.ts";
import type { Decoder, DecoderEvents } from "./types.ts";

/** H.264, constrained baseline, level 3.1: what a browser has to decode to be sent H.264. */
const USUAL_CONFIG = "avc1.42E01F";

/** The best codec first; a page without TLS has no WebCodecs, and some browsers have no H.264. */
export async function supportedCodecs(): Promise<PictureCodec[]> {
  if (!globalThis.VideoDecoder || !globalThis.VideoFrame) return ["jpeg"];
  const support = VideoDecoder.isConfigSupported(configuration(USUAL_CONFIG));
  const isSupported = await support.then(
    ({ supported }) => supported === true,
    () => false,
  );
  return isSupported ? ["h264", "jpeg"] : ["jpeg"];
}

/** Makes the decoder of a codec. */
export function makeDecoder(codec: PictureCodec, events: DecoderEvents): Decoder {
  return codec === "h264" ? new H264Decoder(events) : new JpegDecoder(events);
}

function configuration(codec: string): VideoDecoderConfig {
  return { codec, optimizeForLatency: true };
}

class H264Decoder implements Decoder {
  /** The numbers of the pictures that are being decoded, by their time stamp. */
  readonly #numbers = new Map<number, number>();
  #decoder: VideoDecoder | null = null;
  #config = "";
  #lastAtUs = 0;
  readonly #events: DecoderEvents;

  constructor(events: DecoderEvents) {
    this.#events = events;
  }

  decode({ number, key, config: named }: Picture, data: BufferSource): void {
    const config = named || USUAL_CONFIG;
    if (!this.#decoder && !key) {
      // It continues a picture that this page doesn't have; a keyframe is on its way.
      this.#events.done(number, null);
      return;
    }
    try {
      if (!this.#decoder || (key && config !== this.#config)) this.#open(config);
      // The time stamp names the picture, and is the time at which it came.
      const timestamp = Math.max(Math.round(performance.now() * 1000), this.#lastAtUs + 1);
      this.#lastAtUs = timestamp;
      this.#numbers.set(timestamp, number);
      const type = key ? "key" : "delta";
      this.#decoder?.decode(new EncodedVideoChunk({ type, timestamp, data }));
    } catch {
      this.#fail();
    }
  }

  close(): void {
    const decoder = this.#decoder;
    this.#decoder = null;
    this.#numbers.clear();
    if (decoder && decoder.state !== "closed") decoder.close();
  }

  #open(config: string): void {
    this.close();
    const decoder = new VideoDecoder({
      output: (frame) => {
        const number = this.#numbers.get(frame.timestamp);
        this.#numbers.delete(frame.timestamp);
        if (decoder !== this.#decoder || number === undefined) frame.close();
        else this.#events.done(number, frame);
      },
      error: () => decoder === this.#decoder && this.#fail(),
    });
    this.#decoder = decoder;
    this.#config = config;
    decoder.configure(configuration(config));
  }

  #fail(): void {
    const lost = [...this.#numbers.values()];
    this.close();
    for (const number of lost) this.#events.done(number, null);
    this.#events.failed();
  }
}

class JpegDecoder implements Decoder {
  /** How many pictures came; their own numbers begin again with each `watch`. */
  #came = 0;
  /** The newest picture that was decoded, by that count. */
  #newest = 0;
  #isClosed = false;
  readonly #events: DecoderEvents;

  constructor(events: DecoderEvents) {
    this.#events = events;
  }

  decode({ number }: Picture, data: BufferSource): void {
    const turn = ++this.#came;
    createImageBitmap(new Blob([data], { type: "image/jpeg" })).then(
      (bitmap) => {
        const isLate = turn < this.#newest;
        if (this.#isClosed || isLate) bitmap.close();
        if (this.#isClosed) return;
        this.#newest = Math.max(this.#newest, turn);
        this.#events.done(number, isLate ? null : bitmap);
      },
      () => {
        if (this.#isClosed) return;
        this.#events.done(number, null);
        this.#events.failed();
      },
    );
  }

  close(): void {
    this.#isClosed = true;
  }
}
