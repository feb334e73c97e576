/** Taps: snapshots and frames for the kernel, in a browser without MediaStreamTrackProcessor. */

import { beforeEach, describe, expect, test, vi } from "vitest";
import { FakeRecorder, settled } from "../fakes.ts";
import { generate, model, scope, session } from "../session/harness.ts";

/** Callbacks for the next frame of any video element. */
let frames: ((nowMs: number) => void)[];

/** Shows a frame in every video element. */
function showFrame(nowMs: number): void {
  for (const call of frames.splice(0)) call(nowMs);
}

beforeEach(() => {
  frames = [];
  const video = HTMLVideoElement.prototype;
  const values = {
    requestVideoFrameCallback: (callback: (nowMs: number) => void) => frames.push(callback),
    readyState: 4,
    videoWidth: 640,
    videoHeight: 360,
    srcObject: null,
  };
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(video, name, { value, writable: true, configurable: true });
  }
  vi.spyOn(video, "play").mockResolvedValue(undefined);
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(null);
  vi.spyOn(HTMLCanvasElement.prototype, "toBlob").mockImplementation(function (
    this: HTMLCanvasElement,
    callback,
  ) {
    callback(new Blob([`${this.width}x${this.height}`]));
  });
});

const tapped = () => model.all("tapped").map(({ id, state }) => `${id} ${state}`);
const ask = (more: object) =>
  model.receive({ type: "tap", id: 1, page_id: model.pageId, which: "output", ...more });

/** The pieces' data as text, with their details. */
async function pieces(): Promise<[string, Record<string, unknown>][]> {
  await settled();
  return model.sent.flatMap((message, index) =>
    message.type === "piece"
      ? [
          [
            new TextDecoder().decode(model.buffers[index] as ArrayBuffer),
            message.detail as Record<string, unknown>,
          ] as [string, Record<string, unknown>],
        ]
      : [],
  );
}

describe("frames", () => {
  test("are sent while there is credit; those that are due without credit are counted as dropped", async () => {
    await generate();
    ask({ what: "frames" });
    await settled();
    expect(tapped()).toEqual(["1 began"]);
    showFrame(0);
    model.receive({ type: "credit", id: 1, frames: 1 });
    await settled();
    showFrame(33);
    await vi.waitFor(async () => expect(await pieces()).toHaveLength(1));
    showFrame(66);
    model.receive({ type: "credit", id: 1, frames: 1 });
    await settled();
    showFrame(99);
    expect((await pieces()).map(([data, { dropped }]) => [data, dropped])).toEqual([
      ["640x360", 1],
      ["640x360", 2],
    ]);
  });

  test("have the requested size and rate", async () => {
    await generate();
    ask({ what: "frames", fps: 10, width: 320, height: 180 });
    await settled();
    model.receive({ type: "credit", id: 1, frames: 9 });
    await settled();
    for (let nowMs = 0; nowMs < 290; nowMs += 33) showFrame(nowMs);
    expect((await pieces()).map(([data]) => data)).toEqual(["320x180", "320x180", "320x180"]);
  });

  test("end once, when the kernel sends untap", async () => {
    await generate();
    ask({ what: "frames" });
    ask({ what: "frames" }); // a repeated request is the same tap
    await settled();
    model.receive({ type: "untap", id: 1 });
    model.receive({ type: "untap", id: 1 });
    await settled();
    expect(tapped()).toEqual(["1 began", "1 ended"]);
    showFrame(0);
    expect(frames).toEqual([]);
    expect(await pieces()).toEqual([]);
  });

  test("end with the session", async () => {
    await generate();
    ask({ what: "frames" });
    await settled();
    scope.abort();
    showFrame(0);
    expect(frames).toEqual([]);
  });
});

describe("a snapshot", () => {
  beforeEach(() => {
    vi.stubGlobal(
      "OffscreenCanvas",
      class {
        constructor(
          readonly width: number,
          readonly height: number,
        ) {}
        getContext = () => null;
        convertToBlob = async () => new Blob([`png of ${this.width}x${this.height}`]);
      },
    );
  });

  /** Every video element loads its first frame. */
  const loads = () =>
    vi.spyOn(HTMLVideoElement.prototype, "play").mockImplementation(async function (
      this: HTMLVideoElement,
    ) {
      queueMicrotask(() => this.dispatchEvent(new Event("loadeddata")));
    });

  test("for the kernel is a PNG file in pieces", async () => {
    loads();
    await generate();
    ask({ what: "snapshot" });
    await vi.waitFor(() => expect(tapped()).toEqual(["1 ended"]));
    expect(await pieces()).toEqual([["png of 640x360", {}]]);
    expect(model.all("piece")[0]).toMatchObject({ id: 1, last: true });
  });

  test("fails after 10 s without a frame", async () => {
    await generate();
    ask({ what: "snapshot" });
    await vi.advanceTimersByTimeAsync(9900);
    expect(tapped()).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(tapped()).toEqual(["1 failed"]);
  });

  test("by the view's button is a download with the time in its name", async () => {
    loads();
    await generate();
    const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockReturnValue(undefined);
    await session.taps.snapshot();
    expect(click).toHaveBeenCalledTimes(1);
    expect(session.taps.note).toMatch(/^saved decart-\d{8}-\d{6}\.png$/);
  });

  test("before there is a picture shows a message", async () => {
    await session.taps.snapshot();
    expect(session.taps.note).toBe("There is no picture yet.");
  });
});

describe("a recording", () => {
  beforeEach(() => {
    vi.stubGlobal("MediaRecorder", FakeRecorder);
  });

  const sent = () => model.all("piece").length;
  const permit = (count: number) => model.receive({ type: "credit", id: 1, frames: count });

  test("sends one piece for each credit; what waits is sent when more credit comes", async () => {
    await generate();
    ask({ what: "record", format: "webm" });
    await vi.advanceTimersByTimeAsync(2600);
    expect(tapped()).toEqual(["1 began"]);
    expect(sent()).toBe(0);
    permit(2);
    await settled();
    expect(sent()).toBe(2);
    permit(100);
    await vi.waitFor(() => expect(sent()).toBeGreaterThanOrEqual(5));
    model.receive({ type: "untap", id: 1 });
    await vi.waitFor(() => expect(tapped()).toEqual(["1 began", "1 ended"]));
  });

  test("ends with a reason when the kernel takes nothing for too long", async () => {
    await generate();
    ask({ what: "record", format: "webm" });
    await vi.advanceTimersByTimeAsync(600);
    const recorder = FakeRecorder.made.at(-1);
    recorder?.ondataavailable({ data: { size: 600_000_000 } as Blob });
    await settled();
    expect(model.all("tapped").at(-1)).toMatchObject({
      state: "failed",
      detail: { reason: "backlog" },
    });
    expect(recorder?.state).toBe("inactive");
  });
});
