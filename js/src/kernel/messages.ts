/**
 * The messages between this page and the kernel, protocol version 1.
 *
 * Every one is a JSON object with a `type`; the examples in tests/vectors/page_messages.json are read by the
 * tests of both sides.
 */

import type { CameraInfo, Obtained, Trouble } from "../capture/types.ts";

/** The version of this table; the kernel answers `hello` with its own. */
export const PROTOCOL = 1;

/** Why the camera or the media could not start; each has one remedy (view/notices.ts). */
export type RefusalReason =
  | "insecure-origin"
  | "permission-denied"
  | "no-camera"
  | "camera-busy"
  | "over-constrained"
  | "blocked-by-frame"
  | "no-webrtc"
  | "media-failed";

export type MediaState =
  | "camera"
  | "connected"
  | "first-frame"
  | "reconnecting"
  | "disconnected"
  | "stalled"
  | "failed"
  | "ended";

export type EndReason =
  | "stopped"
  | "error"
  | "reconnecting"
  | "closed"
  | "unattended"
  | "budget"
  | "superseded";

/** An ICE candidate as it travels; null ends the candidates. */
export type Candidate = {
  candidate: string;
  sdpMid: string | null;
  sdpMLineIndex: number | null;
} | null;

/** What is asked of the video that goes up. Bitrates in bit/s, frame rate in frames/s. */
export interface VideoOptions {
  preferred_codec: string;
  max_bitrate: number;
  min_bitrate: number;
  max_framerate: number;
  /** What the connection is estimated to carry at first. */
  start_bitrate: number;
}

/** Browser to kernel; `Kernel.send` adds `page_id` to each. */
export type ToKernel =
  | { type: "hello"; protocol: number; version: string; page: Page }
  | { type: "heartbeat"; attempt: number }
  | { type: "pagehide" }
  | { type: "intent" }
  | { type: "log"; now: number; dropped: number; events: LogEntry[] }
  | { type: "start" }
  | { type: "take" }
  | { type: "wake" }
  | { type: "stop"; attempt: number | null }
  | { type: "apply"; prompt: string; enrich: boolean }
  | { type: "offer"; attempt: number; sdp: string }
  | { type: "candidate"; attempt: number; candidate: Candidate }
  | { type: "media"; attempt: number; state: MediaState; detail?: Record<string, unknown> }
  | { type: "refused"; attempt: number; reason: RefusalReason; message: string }
  | ({ type: "stats"; attempt: number } & Sample)
  | { type: "cameras"; cameras: CameraInfo[]; camera: Obtained | null; request: number | null }
  | { type: "trouble"; code: Trouble }
  | { type: "image"; id: number; total: number }
  | { type: "piece"; id: number; last: boolean; detail: Record<string, unknown> }
  | { type: "tapped"; id: number; state: TapState; detail: Record<string, unknown> }
  | { type: "record"; on: boolean };

/** How what the kernel asked for by `tap` is doing. */
export type TapState = "began" | "ended" | "failed";

export type Level = "debug" | "info" | "warning" | "error";

/** When (ms since 1970, on this page's clock), how grave, what, and details without secrets. */
export type LogEntry = [number, Level, string, Record<string, unknown>];

/** What the kernel may know of the page: whether a camera is possible, and whose page it is. */
export interface Page {
  secure: boolean;
  host: string;
  visible: boolean;
  /** Desktop Safari, which shows the service's H.264 black. */
  safari: boolean;
  /** The browser's name for itself, for a report. */
  agent: string;
}

/** One second of the received picture: frames/s, pixels, seconds, share of packets, bit/s. */
export interface Sample {
  fps: number;
  width: number;
  height: number;
  rtt_s: number | null;
  loss: number;
  bitrate: number;
}

export interface Prepare {
  type: "prepare";
  attempt: number;
  page_id: string;
  /** Offer and answer by way of the kernel, or a room that the page joins by itself. */
  transport?: "webrtc" | "livekit";
  model: { name: string; fps: number; width: number; height: number };
  video: VideoOptions;
  rtc: RTCConfiguration;
  timeout_s: number;
}

/** Where to go, with a token that is good for a short while and for this page only. */
export interface RoomToJoin {
  type: "room";
  attempt: number;
  page_id: string;
  url: string;
  token: string;
  room_name: string;
}

/** Something to be taken from the picture: a still, frames, a clip. */
export interface Tap {
  type: "tap";
  id: number;
  page_id: string;
  what: "snapshot" | "frames" | "record";
  /** The picture as it comes back, or as it is sent. */
  which: "output" | "input";
  /** Frames a second at most; null for each that comes. */
  fps?: number | null;
  /** Pixels to scale frames to. */
  width?: number;
  height?: number;
  /** The clip's container: mp4 or webm. */
  format?: string;
}

export type TapMessage =
  | Tap
  | { type: "credit"; id: number; frames: number }
  | { type: "untap"; id: number }
  | { type: "recording"; state: string; name: string; text: string };

/** The reference image; beside it, where it is set, a thumbnail's bytes. */
export interface ImageState {
  type: "image-state";
  state: "none" | "set" | "failed";
  text: string;
}

export interface Welcome {
  type: "welcome";
  page_id: string;
  owner: boolean;
  protocol: number;
  version: string;
  attempt: number | null;
}

/** Kernel to browser. */
export type ToBrowser =
  | { type: "chunk"; name: string; hash: string; encoding: string }
  | Welcome
  | Prepare
  | RoomToJoin
  | { type: "answer"; attempt: number; sdp: string }
  | { type: "candidate"; attempt: number; candidate: Candidate }
  | { type: "end"; attempt: number; reason: EndReason; keep_camera: boolean }
  | { type: "owner"; page_id: string }
  | TapMessage
  | { type: "switch-camera"; page_id: string; request: number }
  | ImageState
  | { type: "beat" };

/** A message of one attempt: `answer`, `candidate`, `room` or `end`. */
export type AttemptMessage = Extract<ToBrowser, { type: "answer" | "candidate" | "room" | "end" }>;

/** By type, whether a message has the fields that this version reads. */
const VALIDATORS: Record<ToBrowser["type"], (message: Record<string, unknown>) => boolean> = {
  welcome: (m) => isText(m.page_id),
  prepare: (m) =>
    isText(m.page_id) &&
    isNumber(m.attempt) &&
    isObject(m.model) &&
    isObject(m.video) &&
    isObject(m.rtc),
  chunk: (m) => isText(m.name) && isText(m.hash),
  room: (m) => isNumber(m.attempt) && isText(m.page_id) && isText(m.url) && isText(m.token),
  answer: (m) => isNumber(m.attempt) && isText(m.sdp),
  candidate: (m) => isNumber(m.attempt) && (m.candidate === null || isObject(m.candidate)),
  end: (m) => isNumber(m.attempt),
  owner: (m) => isText(m.page_id),
  tap: (m) => isNumber(m.id) && isText(m.page_id) && isText(m.what) && isText(m.which),
  credit: (m) => isNumber(m.id) && isNumber(m.frames),
  untap: (m) => isNumber(m.id),
  recording: (m) => isText(m.state) && isText(m.name),
  "image-state": (m) => isText(m.state) && isText(m.text),
  "switch-camera": (m) => isText(m.page_id) && isNumber(m.request),
  beat: () => true,
};

/** The message, or null where it is none that this version can act on. */
export function parse(message: unknown): ToBrowser | null {
  if (!isObject(message)) return null;
  const { type } = message;
  if (!isText(type) || !Object.hasOwn(VALIDATORS, type)) return null;
  const isValid = VALIDATORS[type as ToBrowser["type"]];
  return isValid(message) ? (message as unknown as ToBrowser) : null;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
