/** Fakes of what decodes and shows pictures: WebCodecs, image bitmaps, a canvas, observers of elements. */

import { vi } from "vitest";

/** What a decoder gave out; counts how many are not closed. */
export class FakeFrame {
  static open = 0;
  constructor(
    readonly timestamp: number,
    readonly displayWidth = 640,
    readonly displayHeight = 360,
  ) {
    FakeFrame.open++;
  }
  close(): void {
    FakeFrame.open--;
  }
}

/** A decoder that the test lets answer. */
export class FakeDecoder {
  static made: FakeDecoder[] = [];
  static supported = true;
  static isConfigSupported = async () => ({ supported: FakeDecoder.supported });
  state = "unconfigured";
  readonly chunks: { type: string; timestamp: number }[] = [];
  configuration: VideoDecoderConfig | null = null;
  /** Whether each picture is decoded at once. */
  static isQuick = true;
  readonly #init: { output: (frame: FakeFrame) => void; error: (error: Error) => void };

  constructor(init: { output: (frame: FakeFrame) => void; error: (error: Error) => void }) {
    this.#init = init;
    FakeDecoder.made.push(this);
  }
  configure(configuration: VideoDecoderConfig): void {
    this.configuration = configuration;
    this.state = "configured";
  }
  decode(chunk: { type: string; timestamp: number }): void {
    this.chunks.push(chunk);
    if (FakeDecoder.isQuick) this.give(chunk.timestamp);
  }
  give(timestamp: number): void {
    this.#init.output(new FakeFrame(timestamp));
  }
  fail(): void {
    this.state = "closed";
    this.#init.error(new Error("not a picture"));
  }
  close(): void {
    this.state = "closed";
  }
  static get last(): FakeDecoder {
    const decoder = FakeDecoder.made.at(-1);
    if (!decoder) throw Error("no decoder was made");
    return decoder;
  }
}

/** A video track; the test reads what it was given to show. */
class FakeGenerator extends EventTarget {
  static made: FakeGenerator[] = [];
  readonly kind = "video";
  readyState = "live";
  readonly shown: FakeFrame[] = [];
  readonly writable = {
    getWriter: () => ({
      write: async (frame: FakeFrame) => {
        if (this.readyState === "ended") throw Error("ended");
        this.shown.push(frame);
        frame.close();
      },
      close: async () => undefined,
    }),
  };
  constructor() {
    super();
    FakeGenerator.made.push(this);
  }
  stop(): void {
    this.readyState = "ended";
  }
}

type Seen = { target: Element; isIntersecting: boolean };

/** Observers that report what the test says. */
export const observers = {
  intersections: new Set<(seen: Seen[]) => void>(),
  resizes: new Set<() => void>(),
  see(target: Element, isIntersecting: boolean): void {
    for (const callback of observers.intersections) callback([{ target, isIntersecting }]);
  },
  resize(): void {
    for (const callback of observers.resizes) callback();
  },
};

/** Puts the fakes in the browser's place. */
export function fakePictures({ webCodecs = true, h264 = true } = {}): typeof FakeGenerator {
  FakeFrame.open = 0;
  FakeDecoder.made = [];
  FakeDecoder.isQuick = true;
  FakeDecoder.supported = h264;
  FakeGenerator.made = [];
  observers.intersections.clear();
  observers.resizes.clear();
  vi.stubGlobal("VideoDecoder", webCodecs ? FakeDecoder : undefined);
  vi.stubGlobal("VideoFrame", webCodecs ? FakeFrame : undefined);
  vi.stubGlobal(
    "EncodedVideoChunk",
    class {
      readonly type: string;
      readonly timestamp: number;
      constructor(init: { type: string; timestamp: number }) {
        this.type = init.type;
        this.timestamp = init.timestamp;
      }
    },
  );
  vi.stubGlobal("MediaStreamTrackGenerator", webCodecs ? FakeGenerator : undefined);
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      readonly #callback: (seen: Seen[]) => void;
      constructor(callback: (seen: Seen[]) => void) {
        this.#callback = callback;
        observers.intersections.add(callback);
      }
      observe = () => undefined;
      disconnect = () => observers.intersections.delete(this.#callback);
    },
  );
  vi.stubGlobal(
    "ResizeObserver",
    class {
      readonly #callback: () => void;
      constructor(callback: () => void) {
        this.#callback = callback;
        observers.resizes.add(callback);
      }
      observe = () => undefined;
      disconnect = () => observers.resizes.delete(this.#callback);
    },
  );
  return FakeGenerator;
}
