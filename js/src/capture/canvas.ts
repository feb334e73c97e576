/** A canvas whose picture is a track: drawn on, then shown. */

import { refusal, stopWith } from "./camera.ts";

interface Giver {
  requestFrame?(): void;
}

export interface Stage {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  readonly track: MediaStreamTrack;
  /** Gives the track what has been drawn. */
  show(): void;
}

/** Its track ends with the signal. Throws a `Refusal` where a browser has no such thing. */
export function stage(width: number, height: number, signal: AbortSignal): Stage {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { alpha: false });
  const stream: (MediaStream & Giver) | undefined = canvas.captureStream?.(0);
  const track: (MediaStreamTrack & Giver) | undefined = stream?.getVideoTracks()[0];
  if (!context || !stream || !track) {
    throw refusal("media-failed", "This browser draws no moving pictures.");
  }
  // The specification has it on the track; Firefox, on the stream.
  const giver = track.requestFrame ? track : stream;
  stopWith(track, signal);
  return { canvas, context, track, show: () => giver.requestFrame?.() };
}
