import { expect, test, vi } from "vitest";
import { eachFrame } from "../../src/media/each-frame.ts";

/** A video element, with the callbacks that wait for its next frame. */
function fakeVideo(hasFrameCallback: boolean) {
  const pending: ((nowMs: number) => void)[] = [];
  const request = (callback: (nowMs: number) => void) => pending.push(callback);
  if (!hasFrameCallback) vi.stubGlobal("requestAnimationFrame", request);
  const video = {
    readyState: 4,
    videoWidth: 640,
    currentTime: 0,
    ...(hasFrameCallback ? { requestVideoFrameCallback: request } : {}),
  };
  return {
    video,
    tick(nowMs: number) {
      for (const call of pending.splice(0)) call(nowMs);
    },
    pending,
  };
}

test("each frame is reported with its time, until the signal aborts", () => {
  const { video, tick, pending } = fakeVideo(true);
  const scope = new AbortController();
  const times: number[] = [];
  eachFrame(video as unknown as HTMLVideoElement, scope.signal, (nowMs) => times.push(nowMs));
  tick(10);
  tick(20);
  scope.abort();
  tick(30);
  expect(times).toEqual([10, 20]);
  expect(pending).toEqual([]);
});

test("without requestVideoFrameCallback an animation frame counts if the video has moved on", () => {
  const { video, tick } = fakeVideo(false);
  const times: number[] = [];
  const { signal } = new AbortController();
  eachFrame(video as unknown as HTMLVideoElement, signal, (nowMs) => times.push(nowMs));
  tick(10);
  tick(20); // the same frame
  video.currentTime = 0.04;
  tick(30);
  expect(times).toEqual([10, 30]);
});

test("an element without a picture reports none", () => {
  const { video, tick } = fakeVideo(true);
  const times: number[] = [];
  const { signal } = new AbortController();
  eachFrame(video as unknown as HTMLVideoElement, signal, (nowMs) => times.push(nowMs));
  video.videoWidth = 0;
  tick(10);
  Object.assign(video, { videoWidth: 640, readyState: 1 });
  tick(20);
  expect(times).toEqual([]);
});
