/** One picture of a track, without loss. */

import { processorOf } from "./processor.ts";

/** How long to wait for a frame, in ms: a picture that stands still brings no new one. */
const PATIENCE_MS = 10_000;

/**
 * The track's next picture as a PNG file.
 *
 * @throws where none comes within `PATIENCE_MS`, or before the signal aborts
 */
export async function still(track: MediaStreamTrack, signal: AbortSignal): Promise<Blob> {
  const own = new AbortController();
  const abort = () => own.abort();
  const timer = setTimeout(abort, PATIENCE_MS);
  signal.addEventListener("abort", abort, { once: true, signal: own.signal });
  try {
    const frames = processorOf(track);
    return await (frames ? fromFrames(frames, own.signal) : fromVideo(track, own.signal));
  } finally {
    clearTimeout(timer);
    abort();
  }
}

async function fromFrames(frames: ReadableStream<VideoFrame>, signal: AbortSignal): Promise<Blob> {
  const reader = frames.getReader();
  const stop = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const { value: frame } = await reader.read();
    if (!frame) throw Error("no-picture");
    try {
      return await toPng(frame, frame.displayWidth, frame.displayHeight);
    } finally {
      frame.close();
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

async function fromVideo(track: MediaStreamTrack, signal: AbortSignal): Promise<Blob> {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  video.srcObject = new MediaStream([track]);
  try {
    await new Promise<void>((resolve, reject) => {
      video.addEventListener("loadeddata", () => resolve(), { once: true, signal });
      signal.addEventListener("abort", () => reject(Error("no-picture")), { once: true });
      video.play().catch(reject);
    });
    return await toPng(video, video.videoWidth, video.videoHeight);
  } finally {
    video.srcObject = null;
  }
}

function toPng(picture: CanvasImageSource, width: number, height: number): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.drawImage(picture, 0, 0, width, height);
  return canvas.convertToBlob({ type: "image/png" });
}
