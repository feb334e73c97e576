import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { watchdog } from "../../src/media/watchdog.ts";
import { FakeStream, FakeTrack } from "../fakes.ts";

/** A received picture whose frames the test counts, with the stalls that the watchdog reported. */
class Picture {
  readonly track = Object.assign(new FakeTrack(), { muted: false });
  readonly stream = new FakeStream([this.track]) as unknown as MediaStream;
  readonly local = Object.assign(new FakeTrack(), { muted: false });
  camera: MediaStreamTrack | null = this.local as unknown as MediaStreamTrack;
  screen: HTMLVideoElement | null = null;
  framesDecoded = 0;
  due = true;
  stalls: string[] = [];
  refreshed = 0;

  async measure() {
    return { framesDecoded: this.framesDecoded };
  }

  /** Lets `ms` pass in steps of `step` ms, and decodes `frames` frames in each. */
  async pass(ms: number, { step = 100, frames = 0 } = {}): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      this.framesDecoded += frames;
      await vi.advanceTimersByTimeAsync(step);
    }
  }
}

let picture: Picture;
let scope: AbortController;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("MediaStream", FakeStream);
  picture = new Picture();
  scope = new AbortController();
  watchdog(
    picture,
    () => picture.due,
    (reason) => picture.stalls.push(reason),
    scope.signal,
    () => picture.refreshed++,
  );
});
afterEach(() => {
  scope.abort();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("a keyframe of the camera", () => {
  /** An element that shows every decoded frame. */
  const show = () => {
    const getVideoPlaybackQuality = () => ({ totalVideoFrames: picture.framesDecoded });
    picture.screen = { getVideoPlaybackQuality } as unknown as HTMLVideoElement;
  };

  test("is sent after 200 ms without a frame, and less and less often afterwards", async () => {
    show();
    await picture.pass(3000, { frames: 3 });
    await picture.pass(100);
    expect(picture.refreshed).toBe(0);
    await picture.pass(100);
    expect(picture.refreshed).toBe(1);
    await picture.pass(300);
    expect(picture.refreshed).toBe(1);
    await picture.pass(100);
    expect(picture.refreshed).toBe(2);
    await picture.pass(700);
    expect(picture.refreshed).toBe(2);
    await picture.pass(100);
    expect(picture.refreshed).toBe(3);
    await picture.pass(3000, { frames: 3 });
    expect(picture.refreshed).toBe(3);
  });

  test("is sent wherever between two counts the last frame was", async () => {
    show();
    for (const last of [0, 100, 200, 300, 400, 500]) {
      await picture.pass(3000 + last, { frames: 1 });
      const before = picture.refreshed;
      await picture.pass(500);
      expect(picture.refreshed - before).toBe(1);
    }
  });

  test("is sent where no element shows the video", async () => {
    await picture.pass(3000, { frames: 3 });
    await picture.pass(600);
    expect(picture.refreshed).toBe(1);
  });

  test("is not sent while frames are decoded that the element doesn't show", async () => {
    const getVideoPlaybackQuality = () => ({ totalVideoFrames: 7 });
    picture.screen = { getVideoPlaybackQuality } as unknown as HTMLVideoElement;
    await picture.pass(3000, { frames: 3 });
    expect(picture.refreshed).toBe(0);
  });

  test("is not sent for a video with few frames", async () => {
    for (let i = 0; i < 10; i++) {
      await picture.pass(700, { step: 700 });
      picture.framesDecoded++;
    }
    expect(picture.refreshed).toBe(0);
  });

  test("is not sent while no picture is due", async () => {
    await picture.pass(3000, { frames: 3 });
    picture.due = false;
    await picture.pass(3000);
    expect(picture.refreshed).toBe(0);
  });
});

describe("frames", () => {
  test("that stop for 3 s are reported within 0.3 s after that", async () => {
    await picture.pass(5000, { frames: 3 });
    await picture.pass(2700);
    expect(picture.stalls).toEqual([]);
    await picture.pass(600);
    expect(picture.stalls).toEqual(["frozen"]);
  });

  test("that stay away are reported again every 3 s", async () => {
    await picture.pass(1000, { frames: 3 });
    await picture.pass(10_000);
    expect(picture.stalls).toEqual(["frozen", "frozen", "frozen"]);
  });

  test("that come every two seconds are not reported", async () => {
    await picture.pass(60_000, { step: 2000, frames: 1 });
    expect(picture.stalls).toEqual([]);
  });

  test("are reported when the first one takes longer than 10 s", async () => {
    await picture.pass(9700);
    expect(picture.stalls).toEqual([]);
    await picture.pass(900);
    expect(picture.stalls).toEqual(["frozen"]);
  });

  test("are not expected while none are due; afterwards the 3 s begin again", async () => {
    await picture.pass(1000, { frames: 3 });
    await picture.pass(2500);
    picture.due = false;
    await picture.pass(60_000);
    picture.due = true;
    await picture.pass(2700);
    expect(picture.stalls).toEqual([]);
    await picture.pass(600);
    expect(picture.stalls).toEqual(["frozen"]);
  });

  test("get another 3 s after a suspend or while the machine is busy", async () => {
    await picture.pass(1000, { frames: 3 });
    let now = performance.now();
    vi.spyOn(performance, "now").mockImplementation(() => now);
    now += 3_600_000;
    await picture.pass(300);
    expect(picture.stalls).toEqual([]);
    await picture.pass(300, { frames: 3 });
    now += 2500;
    await picture.pass(300, { frames: 3 });
    expect(picture.stalls).toEqual([]);
  });

  test("are missing when a room's count is reset and doesn't rise", async () => {
    await picture.pass(1000, { frames: 3 });
    picture.framesDecoded = 0;
    await picture.pass(3300);
    expect(picture.stalls).toEqual(["frozen"]);
  });

  test("of another track count from that track's first value", async () => {
    await picture.pass(1000, { frames: 3 });
    await picture.pass(2000);
    picture.framesDecoded = 2;
    await picture.pass(2000, { frames: 3 });
    expect(picture.stalls).toEqual([]);
  });
});

test("a track that has ended is reported even if the count rises", async () => {
  await picture.pass(1000, { frames: 3 });
  picture.track.stop();
  await picture.pass(3300, { frames: 3 });
  expect(picture.stalls).toEqual(["ended"]);
});

test("a muted track is reported even if the count rises", async () => {
  await picture.pass(1000, { frames: 3 });
  picture.track.muted = true;
  await picture.pass(3300, { frames: 3 });
  expect(picture.stalls).toEqual(["frozen"]);
});

test("no stall is reported while the camera sends no frames itself", async () => {
  await picture.pass(1000, { frames: 3 });
  picture.local.muted = true;
  await picture.pass(20_000);
  picture.camera = null;
  await picture.pass(20_000);
  expect(picture.stalls).toEqual([]);
});

test("aborting the signal ends the checks", async () => {
  await picture.pass(1000, { frames: 3 });
  scope.abort();
  await picture.pass(20_000);
  expect(picture.stalls).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

describe("black", () => {
  /** Brightness of the received picture (`screen`) and of the camera's, 0 to 255. */
  const brightness = { screen: 0, camera: 0 };

  beforeEach(() => {
    const playing = { videoWidth: 1280, paused: false };
    picture.screen = playing as unknown as HTMLVideoElement;
    let drawn = 0;
    const context = {
      drawImage: (source: unknown) => {
        drawn = source === picture.screen ? brightness.screen : brightness.camera;
      },
      getImageData: () => ({ data: new Uint8ClampedArray([3, drawn, 5, 255]) }),
    };
    vi.stubGlobal(
      "OffscreenCanvas",
      class {
        getContext = () => context;
      },
    );
    vi.spyOn(document, "createElement").mockImplementation(
      () => ({ ...playing, play: async () => undefined }) as never,
    );
  });

  const shown = async (screen: number, camera: number, ms = 3900) => {
    Object.assign(brightness, { screen, camera });
    await picture.pass(ms, { frames: 3 });
    return picture.stalls;
  };

  test("for 3 s while the camera's picture is bright is reported", async () => {
    expect(await shown(200, 200)).toEqual([]);
    expect(await shown(2, 200, 2400)).toEqual([]);
    expect(await shown(2, 200, 1800)).toEqual(["black"]);
  });

  test("is not reported while the camera's picture is dark too", async () => {
    expect(await shown(2, 10, 20_000)).toEqual([]);
  });

  test("for less than 3 s is not reported", async () => {
    for (let times = 0; times < 5; times++) {
      await shown(2, 200, 1800);
      await shown(90, 200, 1200);
    }
    expect(picture.stalls).toEqual([]);
  });

  test("is not checked in an element that is paused", async () => {
    Object.assign(picture.screen as object, { paused: true });
    expect(await shown(2, 200, 20_000)).toEqual([]);
  });
});
