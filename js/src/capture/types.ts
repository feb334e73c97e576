/**
 * What a session asks of whatever gives it a picture to send (camera, screen, file, test pattern), and
 * what views may show of it. The code behind it is the piece `capture`; these are its words.
 */

import type { Traits } from "../session/model.ts";
import type { CameraSize } from "./obstacles.ts";

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

/** What is wished for: the traits of these names, and the picture's size as it is to be sent. */
export interface CaptureSettings {
  size: CameraSize;
  camera: Traits["camera"];
  mirror: Traits["mirror"];
  source: Traits["source"];
  microphone: boolean;
  /** Whether silence is sent in place of what the microphone hears. */
  muted: boolean;
}

/** What a wish came to nothing for, while what there was goes on. */
export type Trouble =
  | "camera-missing"
  | "camera-failed"
  | "bad-video"
  | "no-video"
  | "screen-refused"
  | "microphone-failed"
  | "microphone-later";

/** What a capture tells its session. */
export interface CaptureEvents {
  /** Its cameras, what it obtained or its preview are others now. */
  changed(): void;
  /** Another track takes the place of the one before; settles when it is sent. */
  replaced(track: MediaStreamTrack): Promise<void>;
  /** The camera has gone, and no other one has taken its place. */
  ended(): void;
  trouble(what: Trouble): void;
  /** This is what the microphone's sound comes on from now on; null for none. */
  microphoneChanged(track: MediaStreamTrack | null): void;
}

/** One source of pictures, opened; it lives until its signal ends. */
export interface Capture {
  /** Rejects with a `Refusal` when nothing could be opened. */
  readonly track: Promise<MediaStreamTrack>;
  /** What is sent, as it is sent: for the small picture and for comparing. Null before there is one. */
  readonly preview: MediaStream | null;
  readonly cameras: readonly CameraInfo[];
  readonly obtained: Obtained | null;
  /** The microphone, while it is open. */
  readonly sound: MediaStreamTrack | null;
  /** Takes what changed of the wish into account, without a reconnect. */
  change(wish: Partial<CaptureSettings>): Promise<void>;
  /** Front and back by turns where there are both; else the next camera of all. */
  switchCamera(): Promise<void>;
  /** Sends this video file, again and again, without its sound. */
  useFile(file: Blob): Promise<void>;
}

/** The piece `capture`. */
export interface CaptureChunk {
  /** Asks for the camera before it returns. */
  open(
    wish: CaptureSettings,
    file: Blob | null,
    events: CaptureEvents,
    signal: AbortSignal,
  ): Capture;
  /** The cameras, with labels where the browser gives them. */
  list(): Promise<CameraInfo[]>;
}
