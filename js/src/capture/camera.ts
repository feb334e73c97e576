/** Opens a camera: chooses the device, closes it by an abort signal, turns errors into refusals. */

import { find, list } from "./devices.ts";
import type { CameraSize, Refusal, RefusalReason } from "./types.ts";

/** A camera that was opened. */
export interface Opened {
  track: MediaStreamTrack;
  /** Whether it is another camera than the requested one. */
  substitute: boolean;
}

/** Gets the microphone's track that was opened together with a camera; null where it was refused. */
type OnMicrophone = (track: MediaStreamTrack | null) => void;

/**
 * Opens a camera with a resolution close to `size`. Its track stops when the signal aborts, also a track
 * that the browser delivers after that. Calls `getUserMedia` synchronously where no device has to be
 * looked up first.
 *
 * @param camera an id, a label, "front" or "back"; null for the browser's choice
 * @param size pixels and frames/s
 * @param onMicrophone where given, the same permission prompt asks for the microphone too
 * @throws {Refusal} and nothing else
 */
export async function openCamera(
  camera: string | null,
  size: CameraSize,
  signal: AbortSignal,
  onMicrophone?: OnMicrophone,
): Promise<Opened> {
  if (camera === null)
    return { track: await ask({}, size, signal, onMicrophone), substitute: false };
  if (camera === "front" || camera === "back") {
    const facing = camera === "front" ? "user" : "environment";
    const track = await ask({ facingMode: { ideal: facing } }, size, signal, onMicrophone);
    const found = find(await list(), camera);
    if (!found || track.getSettings().deviceId === found.id) {
      // There is no camera on that side: any other one is a substitute.
      return { track, substitute: !found && track.getSettings().facingMode !== facing };
    }
    return { track: await replace(track, found.id, size, signal), substitute: false };
  }
  let found = find(await list(), camera);
  if (found?.id) {
    try {
      const track = await ask({ deviceId: { exact: found.id } }, size, signal, onMicrophone);
      return { track, substitute: false };
    } catch (refusal) {
      // The id or label is of a camera that is gone: any camera is better than none.
      const { reason } = refusal as Refusal;
      if (reason !== "over-constrained" && reason !== "no-camera") throw refusal;
      return { track: await ask({}, size, signal, onMicrophone), substitute: true };
    }
  }
  const track = await ask({}, size, signal, onMicrophone);
  // Browsers reveal labels and ids only after a camera was allowed.
  found ??= find(await list(), camera);
  if (!found?.id) return { track, substitute: true };
  if (track.getSettings().deviceId === found.id) return { track, substitute: false };
  return { track: await replace(track, found.id, size, signal), substitute: false };
}

/** Opens another camera; stops the open one first, because some devices can't both be open. */
async function replace(
  track: MediaStreamTrack,
  id: string,
  size: CameraSize,
  signal: AbortSignal,
): Promise<MediaStreamTrack> {
  track.stop();
  return ask({ deviceId: { exact: id } }, size, signal);
}

/** Calls `getUserMedia` with these constraints, and again without sound if the microphone failed. */
async function ask(
  which: MediaTrackConstraints,
  size: CameraSize,
  signal: AbortSignal,
  onMicrophone?: OnMicrophone,
): Promise<MediaStreamTrack> {
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: onMicrophone !== undefined,
      // `ideal`, not `exact`: a camera of 640x480 is better than none. Always landscape, which is what
      // cameras have; a phone that is held upright delivers a portrait for it.
      video: {
        ...which,
        width: { ideal: Math.max(size.width, size.height) },
        height: { ideal: Math.min(size.width, size.height) },
        frameRate: { ideal: size.fps },
      },
    });
  } catch (error) {
    if (!onMicrophone || !(await mayBeMicrophone(error))) throw refusalOf(error);
    const track = await ask(which, size, signal);
    onMicrophone(null);
    return track;
  }
  onMicrophone?.(stream.getAudioTracks()[0] ?? null);
  const [track] = stream.getVideoTracks();
  if (!track) throw refusal("no-camera", "The camera has no video track.");
  stopWith(track, signal);
  return track;
}

/** Whether a request for both may have failed because of the microphone alone. */
async function mayBeMicrophone(error: unknown): Promise<boolean> {
  const reason = refusalOf(error).reason;
  if (reason === "no-camera" || reason === "camera-busy") return true;
  if (reason !== "permission-denied" && reason !== "blocked-by-frame") return false;
  // A person who denied both must not be asked again.
  const name = "camera" as PermissionName;
  const camera = await navigator.permissions?.query({ name }).catch(() => null);
  return camera?.state === "granted";
}

/** Stops the track when the signal aborts; at once if it has. */
export function stopWith(track: MediaStreamTrack, signal: AbortSignal): void {
  if (signal.aborted) track.stop();
  else signal.addEventListener("abort", () => track.stop(), { once: true });
}

/** Makes a refusal. */
export function refusal(reason: RefusalReason, message: string): Refusal {
  return { reason, message };
}

/** By the error's name: those of the Media Capture specification, and their predecessors. */
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

/** The refusal for whatever `getUserMedia` or `getDisplayMedia` threw. */
export function refusalOf(error: unknown): Refusal {
  const { name = "", message = "" } = (error ?? {}) as Partial<Error>;
  const reason = /permissions? policy/i.test(message) ? "blocked-by-frame" : REASONS[name];
  return refusal(reason ?? "media-failed", message || name || "The camera failed.");
}
