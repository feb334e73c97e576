/** The relay of the camera: frames are encoded for credits only, in a worker or from a canvas. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import vectors from "../../../tests/vectors/page_messages.json";
import type { VideoOptions } from "../../src/kernel/messages.ts";
import { openRelay } from "../../src/relay/index.ts";
import { worker } from "../../src/relay/worker.ts";
import { FakeStream, type Message, settled } from "../fakes.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("the worker", () => {
  let sent: Record<string, unknown>[];
  let closed: number;
  let arrive: (frame: unknown) => Promise<void>;
  let post: (data: unknown) => void;
  let keyFrames: boolean[];
  let bytes: number;
  let stamp: number;

  class Encoder {
    static isConfigSupported = async () => ({ supported: true });
    static last: Encoder;
    encodeQueueSize = 0;
    /** How many of the next frames it leaves out. */
    leavesOut = 0;
    state = "configured";
    configure = () => undefined;
    readonly init: { output: (chunk: unknown) => void; error: () => void };
    constructor(init: { output: (chunk: unknown) => void; error: () => void }) {
      this.init = init;
      Encoder.last = this;
    }
    encode({ timestamp }: { timestamp: number }, { keyFrame }: { keyFrame: boolean }): void {
      keyFrames.push(keyFrame);
      if (this.leavesOut-- > 0) return;
      const type = keyFrame ? "key" : "delta";
      this.init.output({ type, timestamp, byteLength: bytes, copyTo: () => undefined });
    }
    close(): void {
      this.state = "closed";
    }
  }

  class Canvas {
    width = 1;
    height = 1;
    getContext = () => ({ drawImage: () => undefined });
    convertToBlob = async () => ({ arrayBuffer: async () => new ArrayBuffer(bytes) });
  }

  beforeEach(() => {
    [sent, keyFrames, bytes, stamp, closed] = [[], [], 1000, 0, 0];
    vi.stubGlobal("OffscreenCanvas", Canvas);
    vi.stubGlobal("postMessage", (message: Record<string, unknown>) => sent.push(message));
    vi.stubGlobal("close", () => closed++);
    vi.stubGlobal("VideoFrame", class {});
  });

  /** Starts it in this thread, with a camera whose frames have another size than the model. */
  async function started(encoder: unknown = Encoder): Promise<void> {
    vi.stubGlobal("VideoEncoder", encoder ?? undefined);
    let listener: (event: { data: unknown }) => void = () => undefined;
    const addEventListener = (_: string, given: typeof listener) => {
      listener = given;
    };
    vi.stubGlobal("self", { addEventListener });
    worker(() => (at) => 5000 + at);
    post = (data) => listener({ data });
    let give: (result: unknown) => void = () => undefined;
    const reader = {
      read: () => new Promise((resolve) => (give = resolve)),
      cancel: async () => undefined,
    };
    const options = { width: 640, height: 360, fps: 30, bitrate: 1e6, quality: 0.8 };
    post({ frames: { getReader: () => reader }, options });
    await settled();
    arrive = async (frame) => {
      give({ value: frame, done: false });
      await settled();
    };
  }

  const frame = (width = 640) => ({
    ...{ timestamp: 1000 * ++stamp, displayWidth: width, displayHeight: 360 },
    close: () => undefined,
  });

  test("drops frames without credit, and says how many", async () => {
    await started();
    await arrive(frame());
    await arrive(frame());
    expect(sent).toEqual([]);
    post({ credit: 1, key: false });
    await arrive(frame());
    await arrive(frame());
    expect(sent).toMatchObject([{ codec: "h264", key: true, dropped: 2, at: 5003, width: 640 }]);
  });

  test("makes a keyframe where the kernel needs one, and only there", async () => {
    await started();
    post({ credit: 3, key: true });
    await arrive(frame());
    await arrive(frame());
    post({ credit: 1, key: true });
    await arrive(frame());
    expect(keyFrames).toEqual([true, false, true]);
  });

  test("sends no frame that is too large for a message, and keeps its credit", async () => {
    await started();
    post({ credit: 1, key: true });
    bytes = 950_000;
    await arrive(frame());
    expect(sent).toEqual([]);
    bytes = 1000;
    await arrive(frame());
    expect(sent).toMatchObject([{ key: true }]);
  });

  test("leaves a frame out while the encoder has not caught up", async () => {
    await started();
    post({ credit: 2, key: true });
    Encoder.last.encodeQueueSize = 2;
    await arrive(frame());
    expect(keyFrames).toEqual([]);
    Encoder.last.encodeQueueSize = 0;
    await arrive(frame());
    expect(keyFrames).toEqual([true]);
  });

  test.each([
    ["there is no encoder", null],
    ["it has no H.264", { isConfigSupported: async () => ({ supported: false }) }],
    ["it refuses to say", { isConfigSupported: async () => Promise.reject(new Error("no")) }],
  ])("sends JPEG where %s", async (_, encoder) => {
    await started(encoder);
    post({ credit: 1, key: true });
    await arrive(frame(1280));
    expect(sent).toMatchObject([{ codec: "jpeg", key: true, width: 640, height: 360 }]);
  });

  test("gets the credit of frames back that the encoder leaves out", async () => {
    await started();
    post({ credit: 2, key: true });
    Encoder.last.leavesOut = 1;
    await arrive(frame());
    await arrive(frame());
    expect(sent).toHaveLength(1);
    await arrive(frame()); // for the credit of the first one
    expect(sent).toHaveLength(2);
    post({ credit: 1, key: false });
    Encoder.last.leavesOut = 1;
    await arrive(frame());
    stamp += 600;
    await arrive(frame());
    expect(sent).toHaveLength(3);
  });

  test("sends JPEG after the encoder has failed", async () => {
    await started();
    Encoder.last.init.error();
    post({ credit: 1, key: true });
    await arrive(frame());
    expect(sent).toMatchObject([{ codec: "jpeg" }]);
  });

  test("ends with its encoder", async () => {
    await started();
    post({ end: true });
    await settled();
    expect(Encoder.last.state).toBe("closed");
    expect(closed).toBe(1);
  });
});

describe("from a canvas", () => {
  test("each credit is one JPEG of the camera, in the form that both sides know", async () => {
    const files = [new Blob(["x".repeat(950_000)]), new Blob(["small"])];
    vi.stubGlobal("MediaStream", FakeStream);
    vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue({
      drawImage: () => undefined,
    } as never);
    vi.spyOn(HTMLCanvasElement.prototype, "toBlob").mockImplementation((take) =>
      take(files.shift() ?? null),
    );
    const callbacks: (() => void)[] = [];
    const screen = Object.assign(document.createElement("video"), {
      videoWidth: 640,
      requestVideoFrameCallback: (callback: () => void) => callbacks.push(callback),
    });
    Object.defineProperty(screen, "srcObject", { writable: true, value: null });
    vi.spyOn(screen, "readyState", "get").mockReturnValue(4);
    vi.spyOn(screen, "play").mockResolvedValue(undefined);
    const create = document.createElement.bind(document);
    vi.spyOn(document, "createElement").mockImplementation((tag: string) =>
      tag === "video" ? screen : create(tag),
    );
    const scope = new AbortController();
    const sent: Message[] = [];
    const next = async () => {
      callbacks.shift()?.();
      await new Promise((resolve) => setTimeout(resolve));
    };
    const relay = openRelay(
      3,
      { width: 640, height: 360 },
      { max_framerate: 30, max_bitrate: 1e6 } as VideoOptions,
      () => 41,
      (message) => sent.push(message as unknown as Message),
      scope.signal,
    );
    relay.publish({} as MediaStreamTrack);
    await next();
    relay.credit(1, true);
    await next(); // too large
    await next();
    await next();
    const example = (vectors.to_kernel as Message[]).find(({ type }) => type === "camera-frame");
    expect(sent).toHaveLength(1);
    const { page_id: _, ...known } = example ?? { page_id: "", type: "" };
    expect(Object.keys(sent[0] ?? {}).sort()).toEqual(Object.keys(known).sort());
    expect(sent[0]).toMatchObject({ attempt: 3, number: 0, codec: "jpeg", dropped: 1, shown: 41 });
    scope.abort();
    relay.publish({} as MediaStreamTrack);
    expect(callbacks).toHaveLength(1);
  });
});
