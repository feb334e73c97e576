/**
 * The messages between this page and the kernel, protocol version 1; page/messages.py is the same
 * table.
 *
 * Each is a JSON object with a `type`. The tests of both sides read the examples in
 * tests/vectors/page_messages.json.
 */

import type { CameraInfo, Obtained, RefusalReason, Trouble } from "../capture/types.ts";

/** The version of this table; the kernel answers `hello` with its own. */
export const PROTOCOL = 1;

/** What happened to the media of an attempt. */
export type MediaState =
  | "camera"
  | "connected"
  | "first-frame"
  | "reconnecting"
  | "disconnected"
  | "stalled"
  | "failed"
  | "ended";

/** Why the kernel ends an attempt. */
type EndReason =
  | "stopped"
  | "error"
  | "reconnecting"
  | "closed"
  | "unattended"
  | "budget"
  | "superseded"
  /** The source has no more frames. */
  | "ended";

/** An ICE candidate as it is sent; null is the end of candidates. */
type Candidate = {
  candidate: string;
  sdpMid: string | null;
  sdpMLineIndex: number | null;
} | null;

/** How the camera's video is encoded. Bitrates in bit/s, frame rate in frames/s. */
export interface VideoOptions {
  preferred_codec: string;
  max_bitrate: number;
  min_bitrate: number;
  max_framerate: number;
  /** The first estimate of the available bitrate. */
  start_bitrate: number;
}

/** Browser to kernel; `Kernel.send` adds `page_id` to each. */
export type ToKernel =
  | { type: "hello"; protocol: number; version: string; page: Page }
  | { type: "heartbeat"; attempt: number }
  | { type: "leaving" }
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
  | { type: "image"; id: number; at: number; total: number }
  | { type: "piece"; id: number; last: boolean; detail: Record<string, unknown> }
  | { type: "tapped"; id: number; state: TapState; detail: Record<string, unknown> }
  | { type: "record"; on: boolean }
  | Effect
  | { type: "mark"; number: number; star: boolean; pin: boolean }
  | { type: "switch"; number: number }
  | { type: "sweep" }
  | { type: "thumbnails" }
  | Watch
  | { type: "shown"; attempt: number; stream: Stream; number: number }
  | CameraFrame;

/** What this page saw of a look; a small JPEG of the output goes with it. */
export interface Effect {
  type: "effect";
  number: number;
  /** From the request until the picture changed; null where it was not seen. */
  seconds: number | null;
  /** Whether the picture changed; null where nobody watched. */
  changed: boolean | null;
}

/**
 * A frame of this page's camera for a session in the kernel, with its bytes (less than 1 MB).
 *
 * Sent for a credit (`camera-credit`) only, from the newest picture, so there are no gaps in what the
 * kernel decodes.
 */
interface CameraFrame {
  type: "camera-frame";
  attempt: number;
  /** From 0 for each attempt. */
  number: number;
  codec: PictureCodec;
  /** Whether it can be decoded without earlier ones. */
  key: boolean;
  width: number;
  height: number;
  /** When it was taken, in ms since 1970 on this page's clock. */
  at_ms: number;
  /** Frames of this attempt that were dropped for lack of credit. */
  dropped: number;
  /** The number of the last `picture` of the output that was shown, where that is not said yet. */
  shown: number | null;
}

/** A picture of a session in the kernel: the received one, or the one that is sent. */
export type Stream = "output" | "input";

/** How a `picture` can be encoded. */
export type PictureCodec = "h264" | "jpeg";

/**
 * What this page wants to see now of a session in the kernel.
 *
 * Sent at each change, and again after a decoder's error: the next picture is a keyframe then. A
 * picture that was decoded, or passed over as late, is answered by `shown`: the credit for another.
 */
interface Watch {
  type: "watch";
  attempt: number;
  /** Empty while no view is visible. */
  streams: readonly Stream[];
  /** What this page can decode, the best one first. */
  codecs: readonly PictureCodec[];
  /** The size of the largest view, in device pixels; pictures are never scaled up to it. */
  width: number;
  height: number;
}

/** The state of a tap. */
type TapState = "began" | "ended" | "failed";

/** The level of a log entry. */
export type Level = "debug" | "info" | "warning" | "error";

/** Time (ms since 1970 on this page's clock), level, event, and details without secrets. */
export type LogEntry = [number, Level, string, Record<string, unknown>];

/** What `hello` contains about the page. */
interface Page {
  /** Whether it is a secure context, in which a camera is possible. */
  secure: boolean;
  host: string;
  visible: boolean;
  /** Whether this is desktop Safari, which shows the service's H.264 as black. */
  safari: boolean;
  /** `navigator.userAgent`, for reports. */
  agent: string;
  /** The ids that this page had before it was reloaded. */
  former: readonly string[];
}

/**
 * Statistics of one second of the received video: frames/s, pixels, round-trip time in s, share of
 * packets that were lost (0..1), bit/s.
 */
export interface Sample {
  fps: number;
  width: number;
  height: number;
  rtt_s: number | null;
  loss: number;
  bitrate: number;
}

/** The kernel's request to open the camera and a connection, as the attempt of this number. */
export interface Prepare {
  type: "prepare";
  attempt: number;
  page_id: string;
  /**
   * `webrtc`: offer and answer by way of the kernel; `livekit`: a room that the page joins; `kernel`:
   * the session runs in the kernel, so no camera is opened, and the page watches its pictures.
   */
  transport?: "webrtc" | "livekit" | "kernel";
  model: { name: string; fps: number; width: number; height: number };
  video: VideoOptions;
  rtc: RTCConfiguration;
  timeout_s: number;
}

/** The room to join, with a token that is valid for a short time and for this page only. */
interface RoomToJoin {
  type: "room";
  attempt: number;
  page_id: string;
  url: string;
  token: string;
  room_name: string;
}

/**
 * A picture of a session in the kernel, with the picture's bytes (less than 1 MB).
 *
 * At first two of a stream are sent ahead of `shown`, then as many as fill the road. Each is encoded when
 * there is credit, from the newest frame, so there are no gaps in what a decoder gets.
 */
export interface Picture {
  type: "picture";
  page_id: string;
  attempt: number;
  stream: Stream;
  /** From 0 for each page, stream and attempt. */
  number: number;
  codec: PictureCodec;
  /** Whether it can be decoded without earlier ones. */
  key: boolean;
  /** The codec string of WebCodecs, for instance "avc1.42E01F"; null for JPEG. */
  config: string | null;
  width: number;
  height: number;
  /** The frame's time in the source, in s; that of this page's camera: since 1970, on its clock. */
  at: number | null;
  /** Frames of this stream that were passed over since the picture before. */
  dropped: number;
}

/** Permission to send that many more frames of the camera to the kernel. */
interface CameraCredit {
  type: "camera-credit";
  attempt: number;
  frames: number;
  /** Whether the next one has to be decodable without earlier ones. */
  key: boolean;
}

/** A request for pictures: a still, frames, or a recording. */
export interface Tap {
  type: "tap";
  id: number;
  page_id: string;
  what: "snapshot" | "frames" | "record";
  /** `output`: the received picture; `input`: the one that is sent. */
  which: "output" | "input";
  /** Frames per second at most; null for all. */
  fps?: number | null;
  /** The size to scale frames to, in pixels. */
  width?: number;
  height?: number;
  /** The recording's container: mp4 or webm. */
  format?: string;
}

/** A tap, permission to send that many more frames, the end of a tap, or the state of a recording. */
export type TapMessage =
  | Tap
  | { type: "credit"; id: number; frames: number }
  | { type: "untap"; id: number }
  | { type: "recording"; state: string; name: string; text: string };

/** The state of the reference image; an image that is set comes with the bytes of a thumbnail. */
export interface ImageState {
  type: "image-state";
  state: "none" | "set" | "failed";
  text: string;
}

/** The kernel's answer to `hello`. */
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
  | Picture
  | RoomToJoin
  | CameraCredit
  | { type: "answer"; attempt: number; sdp: string }
  | { type: "candidate"; attempt: number; candidate: Candidate }
  | { type: "end"; attempt: number; reason: EndReason; keep_camera: boolean }
  | { type: "owner"; page_id: string }
  | TapMessage
  | { type: "switch-camera"; page_id: string; request: number }
  | ImageState
  | DeckMessage
  | { type: "beat" };

/**
 * A look is live, and was asked for so many seconds ago (null: the session began with it); or pictures of
 * looks: numbers and sizes of JPEG files that follow one another in the binary part.
 */
export type DeckMessage =
  | { type: "look"; number: number; uses: number; ago_s: number | null; asked_ms: number }
  | { type: "thumbnails"; sizes: [number: number, bytes: number][] };

/** A sheet of an exploration, or a change of it: JSON, sent in pieces of less than 1 MB. */
interface SheetPiece {
  type: "sheet";
  /** The page that it is for; null for all. */
  page_id: string | null;
  /** Names the whole that it is a piece of. */
  number: number;
  /** Where the piece belongs, and how many bytes the whole has. */
  at: number;
  total: number;
  /** Whether it is a change of the document that was sent before. */
  patch: boolean;
}

/** A piece of a sheet's picture; a `total` of 0 says that there is none of that name. */
interface SheetPicture {
  type: "sheet-picture";
  page_id: string | null;
  name: string;
  at: number;
  total: number;
}

/** Kernel to the view of a sheet. */
export type ToSheet = SheetPiece | SheetPicture;

/** A message of one attempt. */
export type AttemptMessage = Extract<
  ToBrowser,
  { type: "answer" | "candidate" | "room" | "picture" | "camera-credit" | "end" }
>;

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
  "camera-credit": (m) => isNumber(m.attempt) && isNumber(m.frames),
  picture: (m) => isText(m.page_id) && isNumber(m.attempt) && isNumber(m.number),
  owner: (m) => isText(m.page_id),
  tap: (m) => isNumber(m.id) && isText(m.page_id) && isText(m.what) && isText(m.which),
  credit: (m) => isNumber(m.id) && isNumber(m.frames),
  untap: (m) => isNumber(m.id),
  recording: (m) => isText(m.state) && isText(m.name) && isText(m.text),
  "image-state": (m) => isText(m.state) && isText(m.text),
  "switch-camera": (m) => isText(m.page_id) && isNumber(m.request),
  beat: isObject,
  look: isObject,
  thumbnails: isObject,
};

/** The message; null where this version can't act on it. */
export function parse(message: unknown): ToBrowser | null {
  if (!isObject(message)) return null;
  const { type } = message;
  if (!isText(type) || !Object.hasOwn(VALIDATORS, type)) return null;
  const isValid = VALIDATORS[type as ToBrowser["type"]];
  return isValid(message) ? (message as unknown as ToBrowser) : null;
}

/** The same for a message to the view of a sheet, which understands these alone. */
export function parseSheet(message: unknown): ToSheet | null {
  if (!isObject(message)) return null;
  const { type, page_id, number, name, at, total, patch } = message;
  const isPiece = isNumber(at) && isNumber(total) && (page_id === null || isText(page_id));
  const isDocument = type === "sheet" && isNumber(number) && typeof patch === "boolean";
  const isPicture = type === "sheet-picture" && isText(name);
  return isPiece && (isDocument || isPicture) ? (message as unknown as ToSheet) : null;
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
