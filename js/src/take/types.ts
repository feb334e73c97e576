/** Types that the modules of the chunk `take` share. */

import type { RecordingProgress } from "../session/taps.ts";

/** Sends a part of a tap's data to the kernel, with details; `isLast` where a file is complete. */
export type SendPiece = (
  data: ArrayBuffer,
  detail: Record<string, unknown>,
  isLast?: boolean,
) => void;

/** Tells the kernel how a tap is doing. */
export type ReportState = (
  state: "began" | "ended" | "failed",
  detail?: Record<string, unknown>,
) => void;

/** A tap for frames or for a recording, until it ends by itself or its signal aborts. */
export interface OpenTap {
  /** Permits so many more frames, or pieces of a recording, to be sent. */
  credit?(frames: number): void;
  /** Ends the tap after what has been recorded so far is sent. */
  stop(): void;
  /** Set where the tap is a recording. */
  readonly recording?: RecordingProgress;
}

/** How frames are encoded. */
export interface FrameOptions {
  /** Frames/s at most; null for all. */
  fps: number | null;
  /** In pixels; 0 for the frame's own width. */
  width: number;
  /** In pixels; 0 for the frame's own height. */
  height: number;
  /** JPEG quality, 0 to 1. */
  quality: number;
}

/** An encoded frame. */
export interface EncodedFrame {
  /** A JPEG file. */
  data: ArrayBuffer;
  /** Milliseconds since 1970, on this page's clock. */
  at: number;
  /** Frames so far that were due but dropped for lack of credit. */
  dropped: number;
}
