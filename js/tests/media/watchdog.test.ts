import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { watchdog } from "../../src/media/watchdog.ts";
import { FakeStream, FakeTrack } from "../fakes.ts";

/** A picture that comes as the test says, and what was said of it. */
class Picture {
  readonly track = Object.assign(new FakeTrack(), { muted: false });
  readonly stream = new FakeStream([this.track]) as unknown as MediaStream;
  readonly local = Object.assign(new FakeTrack(), { muted: false });
  camera: MediaStreamTrack | null = this.local as unknown as MediaStreamTrack;
  screen: HTMLVideoElement | null = null;
  framesDecoded = 0;
  due = true;
  stalls: string[] = [];

  async measure() {
    return { framesDecoded: this.framesDecoded };
  }

  /** Time passes, in steps of so many ms, each with so many frames. */
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
  );
});
afterEach(() => {
  scope.abort();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("frames", () => {
  test("that stop for 3 s are told, soon after", async () => {
    await picture.pass(5000, { frames: 3 });
    await picture.pass(2700);
    expect(picture.stalls).toEqual([]);
    await picture.pass(600);
    expect(picture.stalls).toEqual(["frozen"]);
  });

  test("that stay away are told again, every 3 s", async () => {
    await picture.pass(1000, { frames: 3 });
    await picture.pass(10_000);
    expect(picture.stalls).toEqual(["frozen", "frozen", "frozen"]);
  });

  test("of a slow camera, every two seconds, are fine", async () => {
    await picture.pass(60_000, { step: 2000, frames: 1 });
    expect(picture.stalls).toEqual([]);
  });

  test("may take their time to begin, but not for ever", async () => {
    await picture.pass(9700);
    expect(picture.stalls).toEqual([]);
    await picture.pass(900);
    expect(picture.stalls).toEqual(["frozen"]);
  });

  test("are not counted where none are due, and a count begins anew", async () => {
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

  test("of a machine that was asleep, or is busy, are waited for", async () => {
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

  test("that a room has not begun to count again are no frames", async () => {
    await picture.pass(1000, { frames: 3 });
    picture.framesDecoded = 0;
    await picture.pass(3300);
    expect(picture.stalls).toEqual(["frozen"]);
  });

  test("of another track go on where its count begins", async () => {
    await picture.pass(1000, { frames: 3 });
    await picture.pass(2000);
    picture.framesDecoded = 2;
    await picture.pass(2000, { frames: 3 });
    expect(picture.stalls).toEqual([]);
  });
});

test("a track that has ended is no picture, whatever is counted", async () => {
  await picture.pass(1000, { frames: 3 });
  picture.track.stop();
  await picture.pass(3300, { frames: 3 });
  expect(picture.stalls).toEqual(["ended"]);
});

test("a muted track is none either", async () => {
  await picture.pass(1000, { frames: 3 });
  picture.track.muted = true;
  await picture.pass(3300, { frames: 3 });
  expect(picture.stalls).toEqual(["frozen"]);
});

test("a camera that gives nothing is not the service's fault", async () => {
  await picture.pass(1000, { frames: 3 });
  picture.local.muted = true;
  await picture.pass(20_000);
  picture.camera = null;
  await picture.pass(20_000);
  expect(picture.stalls).toEqual([]);
});

test("nothing goes on after the end", async () => {
  await picture.pass(1000, { frames: 3 });
  scope.abort();
  await picture.pass(20_000);
  expect(picture.stalls).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

describe("black", () => {
  /** The brightness of what each element shows: `screen` is the picture's, any other the camera's. */
  const lights = { screen: 0, camera: 0 };

  beforeEach(() => {
    const playing = { videoWidth: 1280, paused: false };
    picture.screen = playing as unknown as HTMLVideoElement;
    let drawn = 0;
    const context = {
      drawImage: (source: unknown) => {
        drawn = source === picture.screen ? lights.screen : lights.camera;
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
    Object.assign(lights, { screen, camera });
    await picture.pass(ms, { frames: 3 });
    return picture.stalls;
  };

  test("for 3 s while the camera sees something is a stop", async () => {
    expect(await shown(200, 200)).toEqual([]);
    expect(await shown(2, 200, 2400)).toEqual([]);
    expect(await shown(2, 200, 1800)).toEqual(["black"]);
  });

  test("in a dark room is right", async () => {
    expect(await shown(2, 10, 20_000)).toEqual([]);
  });

  test("that ends in time is right", async () => {
    for (let times = 0; times < 5; times++) {
      await shown(2, 200, 1800);
      await shown(90, 200, 1200);
    }
    expect(picture.stalls).toEqual([]);
  });

  test("is not looked for in an element that stands still", async () => {
    Object.assign(picture.screen as object, { paused: true });
    expect(await shown(2, 200, 20_000)).toEqual([]);
  });
});
