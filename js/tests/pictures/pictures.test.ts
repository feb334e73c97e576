/** The chunk `kernel`: what a page asks the kernel to show, and what it does with the pictures. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import vectors from "../../../tests/vectors/page_messages.json";
import type { Picture } from "../../src/kernel/messages.ts";
import type { Transport, TransportOptions } from "../../src/media/transport.ts";
import { open } from "../../src/pictures/index.ts";
import { FakeStream, type FakeTrack, type Message, settled } from "../fakes.ts";
import { FakeDecoder, FakeFrame, fakePictures, observers } from "./fakes.ts";

let sent: Message[];
let streams: MediaStream[];
let sources: (MediaStream | null)[];
let states: string[];
let scope: AbortController;
let generators: ReturnType<typeof fakePictures>;
let transport: Transport;
let hidden = false;
/** What was drawn on canvases, and how many frames they gave; decoders of images to be answered. */
let drawn: unknown[];
let requested: number;
let bitmaps: { resolve: (bitmap: unknown) => void; reject: (error: Error) => void }[];

beforeEach(() => {
  vi.useFakeTimers();
  [drawn, requested, bitmaps] = [[], 0, []];
  const context = { drawImage: (picture: unknown) => drawn.push(picture) };
  const track = Object.assign(new EventTarget(), {
    ...{ kind: "video", readyState: "live", stop: () => undefined },
    requestFrame: () => requested++,
  });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
  Object.assign(HTMLCanvasElement.prototype, {
    captureStream: () => new FakeStream([track as unknown as FakeTrack]),
  });
  const bitmap = () => new Promise((resolve, reject) => bitmaps.push({ resolve, reject }));
  vi.stubGlobal("createImageBitmap", bitmap);
  vi.stubGlobal("MediaStream", FakeStream);
  vi.stubGlobal("devicePixelRatio", 2);
  hidden = false;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
  [sent, streams, sources, states] = [[], [], [], []];
  scope = new AbortController();
});
afterEach(() => {
  scope.abort();
  vi.useRealTimers();
});

/** Opens the transport and shows it by an element of 600 by 340 CSS pixels. */
async function watched({
  isVisible = true,
  webCodecs = true,
  h264 = true,
} = {}): Promise<HTMLVideoElement> {
  generators = fakePictures({ webCodecs, h264 });
  transport = open({
    ...({ attempt: 4, rtc: {}, camera: null, sound: false } as unknown as TransportOptions),
    send: (message) => void sent.push(structuredClone(message) as Message),
    onStream: (stream) => void streams.push(stream),
    onSent: (stream) => void sources.push(stream),
    onState: (state) => void states.push(state),
    signal: scope.signal,
  });
  const screen = sized(600, 340);
  transport.showOn?.(screen);
  await settled();
  if (isVisible) observers.see(screen, true);
  return screen;
}

function sized(width: number, height: number): HTMLVideoElement {
  const screen = document.createElement("video");
  vi.spyOn(screen, "clientWidth", "get").mockReturnValue(width);
  vi.spyOn(screen, "clientHeight", "get").mockReturnValue(height);
  return screen;
}

/** A picture from the kernel. */
async function receive(number: number, more: Partial<Picture> = {}): Promise<void> {
  const picture = {
    ...{ type: "picture", page_id: "p", attempt: 4, stream: "output", number, codec: "h264" },
    ...{ key: number === 0, config: "avc1.42E01F", width: 640, height: 360, at: null, dropped: 0 },
    ...more,
  } as Picture;
  void transport.receive(picture, new Uint8Array(100));
  await settled();
}

const all = (type: string) => sent.filter((message) => message.type === type);
const last = (type: string) => all(type).at(-1);
const shownNumbers = () => all("shown").map(({ stream, number }) => `${stream} ${number}`);

describe("what is watched", () => {
  test("the output, in the size of the view in device pixels, once a view is visible", async () => {
    await watched();
    expect(sent).toEqual([
      {
        type: "watch",
        attempt: 4,
        streams: ["output"],
        codecs: ["h264", "jpeg"],
        width: 1216,
        height: 704,
      },
    ]);
  });

  test("nothing before a view is visible, nor is that said", async () => {
    const screen = await watched({ isVisible: false });
    await vi.advanceTimersByTimeAsync(60_000);
    observers.see(screen, false);
    expect(sent).toEqual([]);
    observers.see(screen, true);
    expect(last("watch")).toMatchObject({ streams: ["output"] });
    observers.see(screen, false);
    expect(last("watch")).toMatchObject({ streams: [], width: 0, height: 0 });
  });

  test("nothing while the tab is hidden", async () => {
    await watched();
    hidden = true;
    document.dispatchEvent(new Event("visibilitychange"));
    expect(last("watch")).toMatchObject({ streams: [] });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(all("watch")).toHaveLength(2); // and it isn't told again and again
    hidden = false;
    document.dispatchEvent(new Event("visibilitychange"));
    expect(last("watch")).toMatchObject({ streams: ["output"], width: 1216 });
  });

  test("the size of the largest view, once it has settled", async () => {
    await watched();
    const large = sized(1000, 560);
    transport.showOn?.(large);
    observers.see(large, true);
    observers.resize();
    observers.resize();
    expect(all("watch")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(300);
    expect(all("watch")).toHaveLength(2);
    expect(last("watch")).toMatchObject({ width: 2048, height: 1152 });
    observers.see(large, false);
    await vi.advanceTimersByTimeAsync(300);
    expect(last("watch")).toMatchObject({ width: 1216, height: 704 });
  });

  test.each([
    ["no WebCodecs", { webCodecs: false }],
    ["no H.264", { h264: false }],
  ])("JPEG only, in a page with %s", async (_, fakes) => {
    await watched({ ...fakes });
    expect(last("watch")).toMatchObject({ codecs: ["jpeg"] });
  });

  test("is said as the examples that both sides read have it", async () => {
    const screen = await watched();
    const compared = new AbortController();
    transport.showSent?.(compared.signal);
    observers.see(screen, false);
    await receive(0);
    const shape = (value: object) =>
      Object.entries(value).map(([name, inner]) => [
        name,
        Array.isArray(inner) ? "list" : typeof inner,
      ]);
    const examples = (vectors.to_kernel as Message[]).filter(({ type }) =>
      /watch|shown/.test(type),
    );
    expect(examples).not.toEqual([]);
    for (const { page_id: _, ...example } of examples) {
      const ours = all(example.type);
      expect(ours).not.toEqual([]);
      for (const one of ours)
        expect(new Map(shape(one) as never)).toEqual(new Map(shape(example) as never));
    }
  });

  test("pictures as large as they are while one is taken, once there is a keyframe", async () => {
    await watched();
    await receive(0);
    const own = new AbortController();
    let isThere = false;
    void transport.showWhole?.(own.signal).then(() => {
      isThere = true;
    });
    expect(last("watch")).toMatchObject({ streams: ["output"], width: 0, height: 0 });
    await receive(1); // was on its way
    expect(isThere).toBe(false);
    await receive(2, { key: true });
    expect(isThere).toBe(true);
    own.abort();
    expect(last("watch")).toMatchObject({ streams: ["output"], width: 1216 });
  });

  test("a picture that does not come is not waited for", async () => {
    await watched();
    const own = new AbortController();
    const waiting = transport.showWhole?.(own.signal);
    await vi.advanceTimersByTimeAsync(2000);
    await waiting;
    own.abort();
    expect(last("watch")).toMatchObject({ width: 1216 });
  });

  test("what is sent, only while somebody compares it", async () => {
    await watched();
    const [one, two] = [new AbortController(), new AbortController()];
    transport.showSent?.(one.signal);
    transport.showSent?.(two.signal);
    expect(last("watch")).toMatchObject({ streams: ["output", "input"] });
    expect(sources).toHaveLength(1);
    await receive(0, { stream: "input" });
    expect(shownNumbers()).toEqual(["input 0"]);
    one.abort();
    expect(last("watch")).toMatchObject({ streams: ["output", "input"] });
    two.abort();
    expect(last("watch")).toMatchObject({ streams: ["output"] });
    expect(sources.at(-1)).toBeNull();
    // One that was on its way gives its credit back.
    await receive(1, { stream: "input" });
    expect(shownNumbers()).toEqual(["input 0", "input 1"]);
  });
});

describe("pictures", () => {
  test("are shown as a stream, the first of which counts as connected", async () => {
    await watched();
    await receive(0);
    await receive(1);
    expect(states).toEqual(["connected"]);
    expect(streams).toHaveLength(1);
    expect(generators.made[0]?.shown).toHaveLength(2);
    expect(FakeDecoder.last.configuration).toMatchObject({
      codec: "avc1.42E01F",
      optimizeForLatency: true,
    });
    expect(FakeDecoder.last.chunks.map(({ type }) => type)).toEqual(["key", "delta"]);
    expect(FakeFrame.open).toBe(0);
  });

  test("are acknowledged when they are decoded, not before", async () => {
    await watched();
    FakeDecoder.isQuick = false;
    await receive(0);
    await receive(1);
    expect(shownNumbers()).toEqual([]);
    for (const { timestamp } of FakeDecoder.last.chunks) FakeDecoder.last.give(timestamp);
    expect(shownNumbers()).toEqual(["output 0", "output 1"]);
  });

  test("that fail have the next one come as a keyframe, and give their credit back", async () => {
    await watched();
    FakeDecoder.isQuick = false;
    await receive(0);
    await receive(1);
    FakeDecoder.last.fail();
    await vi.advanceTimersByTimeAsync(0);
    expect(shownNumbers()).toEqual(["output 0", "output 1"]);
    expect(all("watch")).toHaveLength(2);
    expect(all("watch")[1]).toEqual(all("watch")[0]);
    FakeDecoder.isQuick = true;
    await receive(2, { key: false }); // was on its way
    expect(generators.made[0]?.shown).toHaveLength(0);
    await receive(3, { key: true });
    expect(generators.made[0]?.shown).toHaveLength(1);
    expect(shownNumbers().slice(2)).toEqual(["output 2", "output 3"]);
    expect(all("watch")).toHaveLength(2);
  });

  test("come as JPEG after H.264 has failed again and again", async () => {
    await watched();
    FakeDecoder.isQuick = false;
    for (let number = 0; number < 3; number++) {
      await receive(number, { key: true });
      FakeDecoder.last.fail();
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(last("watch")).toMatchObject({ codecs: ["jpeg"] });
  });

  test("that a decoder keeps to itself are given up, and asked for again ever more rarely", async () => {
    await watched();
    FakeDecoder.isQuick = false;
    await receive(0);
    await vi.advanceTimersByTimeAsync(2000);
    expect(shownNumbers()).toEqual(["output 0"]);
    expect(all("watch")).toHaveLength(2);
    expect(FakeDecoder.last.state).toBe("closed");
    await vi.advanceTimersByTimeAsync(2000);
    expect(all("watch")).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(2000);
    expect(all("watch")).toHaveLength(3);
  });

  test("of another size are decoded by another decoder only where the codec's profile changes", async () => {
    await watched();
    await receive(0);
    await receive(1, { key: true });
    expect(FakeDecoder.made).toHaveLength(1);
    await receive(2, { key: true, config: "avc1.42E028" });
    expect(FakeDecoder.made).toHaveLength(2);
    expect(FakeDecoder.made[0]?.state).toBe("closed");
  });

  test("that are no pictures, or none of ours, break nothing", async () => {
    await watched();
    await receive(0, { stream: "neither" as "output" });
    void transport.receive({ type: "answer", attempt: 4, sdp: "" });
    await settled();
    expect(states).toEqual([]);
  });

  test("have honest figures: no round trip and no packets", async () => {
    await watched();
    await receive(0);
    const first = (await transport.measure()) ?? undefined;
    await receive(1);
    await receive(2);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await transport.measure(first)).toMatchObject({
      ...{ fps: 2, width: 640, height: 360, rtt_s: null, loss: 0, bitrate: 1600 },
      ...{ framesDecoded: 3, codec: "H264" },
    });
  });

  test("tell how late what is received is, by their time in the source", async () => {
    await watched();
    transport.showSent?.(scope.signal);
    for (let number = 0; number < 20; number++) {
      const at = number * 0.1;
      await receive(number, { stream: "input", key: true, at });
      // What was sent 250 ms before, of which no picture was shown.
      await receive(number, { key: true, at: at > 0.25 ? at - 0.25 : null });
      await vi.advanceTimersByTimeAsync(100);
    }
    const { delay_s } = (await transport.measure()) ?? {};
    expect(delay_s).toBeCloseTo(0.25, 2);
    await receive(20, { stream: "input", key: true, at: 0 }); // from the beginning again
    expect((await transport.measure())?.delay_s).toBeNull();
  });

  test("end with the attempt, and everything that was opened for them", async () => {
    const screen = await watched();
    FakeDecoder.isQuick = false;
    await receive(0);
    const { timestamp } = FakeDecoder.last.chunks[0] ?? { timestamp: 0 };
    scope.abort();
    sent = [];
    FakeDecoder.last.give(timestamp); // was being decoded
    observers.see(screen, false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([]);
    expect(FakeFrame.open).toBe(0);
    expect(FakeDecoder.last.state).toBe("closed");
    expect(generators.made[0]?.readyState).toBe("ended");
    expect(observers.intersections.size + observers.resizes.size).toBe(0);
  });
});

describe("JPEG, on a canvas", () => {
  const jpeg = { codec: "jpeg", config: null, key: true } as const;
  const bitmap = (width = 320) => ({
    width,
    height: 180,
    closed: 0,
    close() {
      this.closed++;
    },
  });

  test("each picture is drawn and becomes a frame of the track", async () => {
    await watched({ webCodecs: false });
    await receive(0, jpeg);
    const picture = bitmap();
    bitmaps[0]?.resolve(picture);
    await settled();
    expect(drawn).toEqual([picture]);
    expect(requested).toBe(1);
    expect(picture.closed).toBe(1);
    expect(await transport.measure()).toMatchObject({ width: 320, height: 180, codec: "JPEG" });
  });

  test("one that is decoded after a newer one is passed over", async () => {
    await watched({ webCodecs: false });
    await receive(0, jpeg);
    await receive(1, jpeg);
    const [early, late] = [bitmap(), bitmap()];
    bitmaps[1]?.resolve(early);
    await settled();
    bitmaps[0]?.resolve(late);
    await settled();
    expect(drawn).toEqual([early]);
    expect(late.closed).toBe(1);
    expect(shownNumbers()).toEqual(["output 1", "output 0"]);
  });

  test("one that is damaged gives its credit back", async () => {
    await watched({ webCodecs: false });
    await receive(0, jpeg);
    bitmaps[0]?.reject(new Error("damaged"));
    await settled();
    expect(shownNumbers()).toEqual(["output 0"]);
    expect(drawn).toEqual([]);
  });
});
