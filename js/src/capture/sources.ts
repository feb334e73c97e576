/** The sources besides cameras: a screen, a video file, a test pattern. */

import { refusal, refusalOf, stopWith } from "./camera.ts";
import { canvasTrack } from "./canvas.ts";
import { ticks } from "./clock.ts";
import type { CameraSize } from "./types.ts";

/**
 * A screen, a window or a tab, which the person chooses. Browsers ask only after a click.
 *
 * @throws {Refusal}
 */
export async function openScreen(size: CameraSize, signal: AbortSignal): Promise<MediaStreamTrack> {
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getDisplayMedia({
      audio: false,
      video: { frameRate: { ideal: size.fps } },
    });
  } catch (error) {
    const { name } = error as Error;
    const asked = name === "NotAllowedError" || name === "InvalidStateError";
    throw asked
      ? refusal("media-failed", "No screen is shared. Retry asks again.")
      : refusalOf(error);
  }
  const [track] = stream.getVideoTracks();
  if (!track) throw refusal("media-failed", "The screen has no video track.");
  stopWith(track, signal);
  return track;
}

/** How long a file may take until it plays, in ms. */
const FIRST_FRAME_MS = 10_000;

/**
 * A video file, played in a loop and without its sound.
 *
 * @throws {Refusal} where there is no file, or none that this browser plays
 */
export async function openFile(
  file: Blob | null,
  fps: number,
  signal: AbortSignal,
): Promise<MediaStreamTrack> {
  // A person who chose a file has not agreed to a camera: there is no falling back to one.
  if (!file) throw refusal("media-failed", "No video file was chosen here. Choose or drop one.");
  const video = document.createElement("video");
  Object.assign(video, { muted: true, loop: true, playsInline: true });
  video.src = URL.createObjectURL(file);
  const close = () => {
    video.pause();
    URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
  };
  try {
    await playing(video, signal);
  } catch {
    close();
    throw refusal("media-failed", "The file is no video that this browser plays.");
  }
  const { canvas, context, track, emitFrame } = canvasTrack(
    video.videoWidth,
    video.videoHeight,
    signal,
  );
  ticks(
    fps,
    () => {
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      emitFrame();
    },
    signal,
  );
  signal.addEventListener("abort", close, { once: true });
  return track;
}

/** Resolves when the element has its first frame and plays; rejects when it doesn't in time. */
async function playing(video: HTMLVideoElement, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(Error("late")), FIRST_FRAME_MS);
      video.onloadeddata = () =>
        video.videoWidth ? video.play().then(resolve, reject) : reject(Error("no picture"));
      video.onerror = () => reject(Error("no video"));
      signal.addEventListener("abort", () => reject(Error("ended")), { once: true });
    });
  } finally {
    clearTimeout(timer);
  }
}

/** A test pattern: colour bars, a moving square, a clock, and a red left edge that shows mirroring. */
export function openPattern(size: CameraSize, signal: AbortSignal): MediaStreamTrack {
  const { width, height, fps } = size;
  const { context, track, emitFrame } = canvasTrack(width, height, signal);
  let frame = 0;
  const draw = () => {
    paintPattern(context, width, height, frame++ / fps);
    emitFrame();
  };
  draw();
  ticks(fps, draw, signal);
  return track;
}

const BARS = ["#c8c8c8", "#c8c814", "#14c8c8", "#14c814", "#c814c8", "#c81414", "#1414c8"];

/** Draws the test pattern as it is after so many seconds. */
function paintPattern(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  seconds: number,
): void {
  const bar = width / BARS.length;
  BARS.forEach((colour, index) => {
    context.fillStyle = colour;
    context.fillRect(Math.floor(index * bar), 0, Math.ceil(bar), height);
  });
  // The red edge is left; in a mirrored picture it is right.
  context.fillStyle = "#e00000";
  context.fillRect(0, 0, width / 16, height);
  context.fillStyle = "#fff";
  const x = ((seconds / 4) % 1) * (width - height / 8);
  context.fillRect(x, height * 0.72, height / 8, height / 8);
  context.fillStyle = "#000";
  context.fillRect(width / 4, height * 0.4, width / 2, height / 5);
  context.fillStyle = "#fff";
  context.font = `${height / 8}px ui-monospace, monospace`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(time(seconds), width / 2, height / 2);
}

function time(seconds: number): string {
  const two = (n: number) => String(Math.floor(n)).padStart(2, "0");
  return `${two(seconds / 60)}:${two(seconds % 60)}.${two((seconds % 1) * 100)}`;
}
