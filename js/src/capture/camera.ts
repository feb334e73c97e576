/** A camera's track: chosen, opened, closed by its signal, with typed refusals. */

import type { RefusalReason } from "../kernel/messages.ts";
import { find, list } from "./devices.ts";
import type { CameraSize, Refusal } from "./obstacles.ts";

export interface Opened {
  track: MediaStreamTrack;
  /** Whether another camera than the wished one had to do. */
  substitute: boolean;
}

/** Takes the microphone's track that came with a camera; null where it was refused. */
export type Hear = (track: MediaStreamTrack | null) => void;

/**
 * Opens a camera close to `size`; its track stops when the signal ends, also one that comes late.
 * Asks for it before it returns where it needs to know nothing first.
 *
 * @param camera an id, a label, "front" or "back"; null for the browser's choice
 * @param hear where given, the microphone is asked for too, in the same question
 * @throws {Refusal} always and only this
 */
export async function openCamera(
  camera: string | null,
  size: CameraSize,
  signal: AbortSignal,
  hear?: Hear,
): Promise<Opened> {
  if (camera === null) return { track: await ask({}, size, signal, hear), substitute: false };
  if (camera === "front" || camera === "back") {
    const facing = camera === "front" ? "user" : "environment";
    const track = await ask({ facingMode: { ideal: facing } }, size, signal, hear);
    const found = find(await list(), camera);
    if (!found || track.getSettings().deviceId === found.id) {
      // Without a camera of that side whatever there is has to do, and says what it is.
      return { track, substitute: !found && track.getSettings().facingMode !== facing };
    }
    return { track: await instead(track, found.id, size, signal), substitute: false };
  }
  let found = find(await list(), camera);
  if (found?.id) {
    try {
      const track = await ask({ deviceId: { exact: found.id } }, size, signal, hear);
      return { track, substitute: false };
    } catch (refusal) {
      // An id from another day: any camera is better than none.
      const { reason } = refusal as Refusal;
      if (reason !== "over-constrained" && reason !== "no-camera") throw refusal;
      return { track: await ask({}, size, signal, hear), substitute: true };
    }
  }
  const track = await ask({}, size, signal, hear);
  // Names are told once a camera was allowed, and not before.
  found ??= find(await list(), camera);
  if (!found?.id) return { track, substitute: true };
  if (track.getSettings().deviceId === found.id) return { track, substitute: false };
  return { track: await instead(track, found.id, size, signal), substitute: false };
}

/** Another camera: the one that is open is closed first, for some can't be open both. */
async function instead(
  track: MediaStreamTrack,
  id: string,
  size: CameraSize,
  signal: AbortSignal,
): Promise<MediaStreamTrack> {
  track.stop();
  return ask({ deviceId: { exact: id } }, size, signal);
}

async function ask(
  which: MediaTrackConstraints,
  size: CameraSize,
  signal: AbortSignal,
  hear?: Hear,
): Promise<MediaStreamTrack> {
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: hear !== undefined,
      // Wishes, not demands: a camera of 640x480 is better than none. Asked for as a landscape, which
      // cameras have; one that is held upright gives a portrait for it.
      video: {
        ...which,
        width: { ideal: Math.max(size.width, size.height) },
        height: { ideal: Math.min(size.width, size.height) },
        frameRate: { ideal: size.fps },
      },
    });
  } catch (error) {
    if (!hear || !(await mayBeMicrophone(error))) throw refusalOf(error);
    const track = await ask(which, size, signal);
    hear(null);
    return track;
  }
  hear?.(stream.getAudioTracks()[0] ?? null);
  const [track] = stream.getVideoTracks();
  if (!track) throw refusal("no-camera", "The camera gave no video track.");
  stopWith(track, signal);
  return track;
}

/** Whether a question for both failed for want of the microphone: then the camera alone will do. */
async function mayBeMicrophone(error: unknown): Promise<boolean> {
  const reason = refusalOf(error).reason;
  if (reason === "no-camera" || reason === "camera-busy") return true;
  if (reason !== "permission-denied" && reason !== "blocked-by-frame") return false;
  // Who has said no to both is not asked again.
  const name = "camera" as PermissionName;
  const camera = await navigator.permissions?.query({ name }).catch(() => null);
  return camera?.state === "granted";
}

/** Stops the track when the signal ends, or has ended. */
export function stopWith(track: MediaStreamTrack, signal: AbortSignal): void {
  if (signal.aborted) track.stop();
  else signal.addEventListener("abort", () => track.stop(), { once: true });
}

export function refusal(reason: RefusalReason, message: string): Refusal {
  return { reason, message };
}

/** Names are those of the Media Capture specification and, in older browsers, of before it. */
const REASONS: Record<string, RefusalReason> = {
  NotAllowedError: "permission-denied",
  PermissionDeniedError: "permission-denied",
  SecurityError: "permission-denied",
  NotFoundError: "no-camera",
  DevicesNotFoundError: "no-camera",
  NotReadableError: "camera-busy",
  TrackStartError: "camera-busy",
  AbortError: "camera-busy",
  OverconstrainedError: "over-constrained",
  ConstraintNotSatisfiedError: "over-constrained",
};

export function refusalOf(error: unknown): Refusal {
  const { name = "", message = "" } = (error ?? {}) as Partial<Error>;
  const reason = /permissions? policy/i.test(message) ? "blocked-by-frame" : REASONS[name];
  return refusal(reason ?? "media-failed", message || name || "The camera failed.");
}
