/**
 * What a session asks of whatever fills its stage with a picture to send (camera, screen, file, test
 * pattern) and what views may show of it. The code behind it is the piece `capture`; these are its
 * words.
 */

import type { Traits } from "../model.ts";
import type { CameraSize } from "./camera.ts";

export type Position = "front" | "back" | "unknown";

/** A camera of this machine; without permission its label and id may be empty. */
export interface CameraInfo {
  id: string;
  label: string;
  position: Position;
}

/** What is being sent, as it was obtained: pixels after cropping, frames/s. */
export interface Obtained {
  source: Traits["source"];
  id: string;
  label: string;
  position: Position;
  width: number;
  height: number;
  fps: number;
  mirrored: boolean;
}

/** What is wished for: the traits of these names, and the model's size. */
export interface Wish {
  size: CameraSize;
  camera: Traits["camera"];
  mirror: Traits["mirror"];
  orientation: Traits["orientation"];
  microphone: boolean;
  source: Traits["source"];
}

/** One source of pictures, opened; it lives until its signal ends. */
export interface Capture {
  /** Rejects with a `Refusal` when nothing could be opened. */
  readonly track: Promise<MediaStreamTrack>;
  /** What is sent, as it is sent: for the small picture and for comparing. Null before there is one. */
  readonly preview: MediaStream | null;
  readonly cameras: readonly CameraInfo[];
  readonly obtained: Obtained | null;
  /** Whether there is sound, and whether it is muted. */
  readonly sound: "none" | "on" | "muted";
  /** Takes what changed of the wish into account, without a reconnect where that is possible. */
  change(wish: Partial<Wish>): Promise<void>;
  /** Front and back by turns where there are both; else the next camera of all. */
  switchCamera(): Promise<void>;
  /** Sends this video file, in a loop. Rejects with a `Refusal` for what is none. */
  useFile(file: Blob): Promise<void>;
  mute(muted: boolean): void;
}
