import { afterEach, expect, it, vi } from "vitest";
import { worker as shaper } from "../../src/capture/worker.ts";
import { worker as encoder } from "../../src/take/worker.ts";

type Listener = (event: { data: unknown }) => void;

/** Starts a worker in this thread; `events` is what it does, in order. */
function started(run: () => void) {
  const events: string[] = [];
  let listener: Listener = () => undefined;
  vi.stubGlobal("self", { addEventListener: (_: string, given: Listener) => (listener = given) });
  vi.stubGlobal("close", () => events.push("worker closed"));
  run();
  let arrive: (frame: unknown) => void = () => undefined;
  const reader = {
    read: () => new Promise((resolve) => (arrive = (value) => resolve({ value, done: !value }))),
    cancel: async () => events.push("reader cancelled"),
  };
  const writer = { close: async () => undefined };
  const post = (data: unknown) => listener({ data });
  post({
    frames: { getReader: () => reader },
    out: { getWriter: () => writer },
    shape: { width: 2, height: 2, mirrored: false },
    options: { fps: null },
  });
  const frame = { timestamp: 0, close: () => events.push("frame closed") };
  return { events, post, arrive: () => arrive(frame), finish: () => arrive(undefined) };
}

const WORKERS = {
  shaper: () => shaper(() => ({ x: 0, y: 0, width: 2, height: 2 })),
  encoder: () => {
    vi.stubGlobal(
      "OffscreenCanvas",
      class {
        getContext = () => null;
      },
    );
    encoder(
      () => () => true,
      () => (stamp) => stamp,
    );
  },
};

afterEach(() => vi.unstubAllGlobals());

it.each(Object.entries(WORKERS))("%s ends at once after it has read a frame", async (_, run) => {
  const { events, post, arrive } = started(run);
  vi.stubGlobal("VideoFrame", class {});
  arrive();
  await vi.waitFor(() => expect(events).toContain("frame closed"));
  post({ end: true });
  await vi.waitFor(() => expect(events.slice(-2)).toEqual(["reader cancelled", "worker closed"]));
});

it.each(Object.entries(WORKERS))(
  "%s that is ended before its first frame closes the frame that was on its way",
  async (_, run) => {
    const { events, post, arrive } = started(run);
    post({ end: true });
    await new Promise((resolve) => setTimeout(resolve));
    arrive();
    await vi.waitFor(() => expect(events).toContain("frame closed"));
    await vi.waitFor(() => expect(events).toContain("worker closed"));
    expect(events.at(-1)).toBe("worker closed");
  },
);

it.each(Object.entries(WORKERS))(
  "%s ends when its camera gives no frame any more",
  async (_, run) => {
    const { events, post, finish } = started(run);
    post({ end: true });
    finish();
    await vi.waitFor(() => expect(events).toContain("worker closed"));
  },
);
