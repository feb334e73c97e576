/** The effect of each prompt, told from the picture that a view shows. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pictures } from "../../src/deck/pictures.ts";
import { SAMPLE } from "../../src/deck/signature.ts";
import { type Watcher, watchEffects } from "../../src/deck/watch.ts";
import type { Session } from "../../src/session/session.ts";
import { FakeModel } from "../fakes.ts";

const FRAME_MS = 40;

let level: number;
let nextFrame: (() => void) | null;
let model: FakeModel;
let sent: { type: string; number: number; seconds: number | null; changed: boolean | null }[];
let files: (ArrayBuffer | undefined)[];
let life: AbortController;
let watcher: Watcher;
let pictures: Pictures;
const attempt = { revealed: true };

/** Shows frames for so long. */
async function play(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += FRAME_MS) {
    await vi.advanceTimersByTimeAsync(FRAME_MS);
    const show = nextFrame;
    nextFrame = null;
    show?.();
  }
}

/** The kernel says that a look is live. */
function apply(number: number, agoS: number | null): void {
  const asked_ms = Date.now() - 1000 * (agoS ?? 0);
  model.receive({ type: "look", number, uses: 1, ago_s: agoS, asked_ms });
}

beforeEach(() => {
  vi.useFakeTimers();
  const context = {
    drawImage: () => undefined,
    getImageData: () => ({
      data: new Uint8Array(4 * SAMPLE.width * SAMPLE.height).fill(level),
    }),
  };
  const canvas = HTMLCanvasElement.prototype;
  vi.spyOn(canvas, "getContext").mockReturnValue(context as unknown as null);
  vi.spyOn(canvas, "toBlob").mockImplementation((callback) => callback(new Blob(["jpeg"])));
  [level, nextFrame, sent, files] = [90, null, [], []];
  attempt.revealed = true;
  model = new FakeModel();
  life = new AbortController();
  const kernel = {
    send: (message: (typeof sent)[number], data?: ArrayBuffer) => {
      sent.push(message);
      files.push(data);
    },
  };
  const session = { model, kernel, attempt, isOwner: true } as unknown as Session;
  const video = {
    ...{ videoWidth: 1280, videoHeight: 720, readyState: 4, currentTime: 0 },
    requestVideoFrameCallback: (callback: (now: number) => void) => {
      nextFrame = () => callback(performance.now());
    },
  } as unknown as HTMLVideoElement;
  pictures = new Pictures(session, () => undefined, life.signal);
  watcher = watchEffects(session, video, pictures, life.signal);
});
afterEach(() => {
  life.abort();
  vi.useRealTimers();
});

test("is reported when the picture changes, and again with a thumbnail when it has settled", async () => {
  await play(2000);
  watcher.expect();
  const seen = vi.fn();
  watcher.onceSeen(2, seen);
  apply(2, 0);
  await play(280);
  level = 180;
  await play(200);
  expect(sent).toEqual([{ type: "effect", number: 2, seconds: sent[0]?.seconds, changed: true }]);
  expect(sent[0]?.seconds).toBeGreaterThan(0.25);
  expect(sent[0]?.seconds).toBeLessThan(0.4);
  expect(seen).toHaveBeenCalledTimes(1);
  await play(1000);
  expect(sent[1]).toEqual(sent[0]);
  expect(files.map((file) => file?.byteLength)).toEqual([undefined, 4]);
  expect(pictures.kept(2)).not.toBeNull();
});

test("is no visible change where the picture stays for 5 s", async () => {
  await play(2000);
  apply(2, 0);
  await play(4900);
  expect(sent).toEqual([]);
  await play(400);
  expect(sent[0]).toMatchObject({ number: 2, seconds: null, changed: false });
});

test("is not measured for the look that a session begins with, whose thumbnail is taken", async () => {
  apply(1, null);
  await play(1000);
  expect(sent).toEqual([{ type: "effect", number: 1, seconds: null, changed: null }]);
  expect(files[0]?.byteLength).toBe(4);
});

test("is not reported by a page that shows no picture", async () => {
  attempt.revealed = false;
  await play(500);
  apply(2, 0);
  await play(6000);
  expect(sent).toEqual([]);
});
