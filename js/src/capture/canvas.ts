/** A canvas that is the source of a video track. */

import { refusal, stopWith } from "./camera.ts";

/** What takes a frame from the canvas: the track, or the stream in Firefox. */
interface FrameRequester {
  requestFrame?(): void;
}

/** A canvas and the track that it feeds. */
interface CanvasTrack {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  readonly track: MediaStreamTrack;
  /** Emits what has been drawn as the track's next frame. */
  emitFrame(): void;
}

/**
 * Makes a canvas and its track, which ends when the signal aborts.
 *
 * @param width in pixels
 * @param height in pixels
 * @throws {Refusal} where the browser has no `captureStream`
 */
export function canvasTrack(width: number, height: number, signal: AbortSignal): CanvasTrack {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { alpha: false });
  const stream: (MediaStream & FrameRequester) | undefined = canvas.captureStream?.(0);
  const track: (MediaStreamTrack & FrameRequester) | undefined = stream?.getVideoTracks()[0];
  if (!context || !stream || !track) {
    throw refusal("media-failed", "This browser can't make a video from a canvas.");
  }
  // The specification puts the method on the track; Firefox, on the stream.
  const requester = track.requestFrame ? track : stream;
  stopWith(track, signal);
  return { canvas, context, track, emitFrame: () => requester.requestFrame?.() };
}
