/** The interface between a session and the chunk `capture`, which opens what the session sends. */

import type { Traits } from "../session/model.ts";

/** Why the camera or the media could not start; each has one remedy (tools/words.ts). */
export type RefusalReason =
  | "insecure-origin"
  | "permission-denied"
  | "no-camera"
  | "camera-busy"
  | "over-constrained"
  | "blocked-by-frame"
  | "no-webrtc"
  | "media-failed";

/** The video to ask the camera for: pixels and frames/s. */
export interface CameraSize {
  width: number;
  height: number;
  fps: number;
}

/** Why nothing can be sent; each reason has one remedy (see tools/words.ts). */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
}

/** Which way a camera looks. */
export type Position = "front" | "back" | "unknown";

/** A camera of this machine; its label and id are empty until the person has allowed one. */
export interface CameraInfo {
  id: string;
  label: string;
  position: Position;
}

/** The video that is sent: its source, its size in pixels after cropping, and frames/s. */
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

/** What a capture is to send: traits of these names, and the size of the video. */
export interface CaptureSettings {
  size: CameraSize;
  camera: Traits["camera"];
  mirror: Traits["mirror"];
  source: Traits["source"];
  microphone: boolean;
  /** Whether the microphone sends silence. */
  muted: boolean;
}

/** Why a change of the settings failed; the former source is still sent. */
export type Trouble =
  | "camera-missing"
  | "camera-failed"
  | "bad-video"
  | "no-video"
  | "screen-refused"
  | "microphone-failed"
  | "microphone-later";

/** The events of a capture. */
export interface CaptureEvents {
  /** `cameras`, `obtained` or `preview` has changed. */
  changed(): void;
  /** Another track is to be sent from now on; the promise settles when it is. */
  replaced(track: MediaStreamTrack): Promise<void>;
  /** The source has ended, and there is no other camera to replace it. */
  ended(): void;
  /** A change of the settings failed. */
  trouble(code: Trouble): void;
  /** The microphone was opened, replaced or closed (null). */
  microphoneChanged(track: MediaStreamTrack | null): void;
}

/** An open source of video, and maybe a microphone; it ends when its signal aborts. */
export interface Capture {
  /** The first track to send; rejects with a `Refusal` when none could be opened. */
  readonly track: Promise<MediaStreamTrack>;
  /** The video as it is sent, for the small preview and for comparing; null before there is one. */
  readonly preview: MediaStream | null;
  readonly cameras: readonly CameraInfo[];
  /** Null before there is a track. */
  readonly obtained: Obtained | null;
  /** The microphone's track, while it is open. */
  readonly sound: MediaStreamTrack | null;
  /** Applies changed settings, without a reconnect. */
  change(settings: Partial<CaptureSettings>): Promise<void>;
  /** Switches between front and back where there are both, else to the next camera. */
  switchCamera(): Promise<void>;
  /** Sends this video file in a loop, without its sound. */
  useFile(file: Blob): Promise<void>;
}

/** What the chunk `capture` exports. */
export interface CaptureChunk {
  /** Opens the source; calls `getUserMedia` before it returns, while a click still counts. */
  open(
    settings: CaptureSettings,
    file: Blob | null,
    events: CaptureEvents,
    signal: AbortSignal,
  ): Capture;
  /** The cameras, with labels where the browser reveals them. */
  list(): Promise<CameraInfo[]>;
}
