/** Pictures that no camera takes: a screen, a video file, a test pattern. */

import { refusal, refusalOf, stopWith } from "./camera.ts";
import { stage } from "./canvas.ts";
import { ticks } from "./clock.ts";
import type { CameraSize } from "./obstacles.ts";

/** A screen, a window or a tab, which the person chooses. The browser asks after a click only. */
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
  if (!track) throw refusal("media-failed", "The screen gave no picture.");
  stopWith(track, signal);
  return track;
}

/** How long a file may take to show its first picture, in ms. */
const PATIENCE_MS = 10_000;

/** A video file, again and again, silent. */
export async function openFile(
  file: Blob | null,
  fps: number,
  signal: AbortSignal,
): Promise<MediaStreamTrack> {
  // Who wished for a file has not asked for a camera.
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
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(Error("late")), PATIENCE_MS);
      video.onloadeddata = () => (video.videoWidth ? resolve() : reject(Error("no picture")));
      video.onerror = () => reject(Error("no video"));
      signal.addEventListener("abort", () => reject(Error("ended")), { once: true });
      video.onloadedmetadata = () => clearTimeout(late);
    });
    await video.play();
  } catch {
    close();
    throw refusal("media-failed", "The file is no video that this browser plays.");
  }
  const { canvas, context, track, show } = stage(video.videoWidth, video.videoHeight, signal);
  ticks(
    fps,
    () => {
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      show();
    },
    signal,
  );
  signal.addEventListener("abort", close, { once: true });
  return track;
}

/** Bars that move, a clock, and a left edge that can't be taken for the right one. */
export function openPattern(size: CameraSize, signal: AbortSignal): MediaStreamTrack {
  const { width, height, fps } = size;
  const { context, track, show } = stage(width, height, signal);
  let frame = 0;
  const draw = () => {
    paintPattern(context, width, height, frame++ / fps);
    show();
  };
  draw();
  ticks(fps, draw, signal);
  return track;
}

const BARS = ["#c8c8c8", "#c8c814", "#14c8c8", "#14c814", "#c814c8", "#c81414", "#1414c8"];

export function paintPattern(
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
  // Red is left.
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
