/** The one camera of a session: opened when asked for, closed by its signal, with typed refusals. */

import type { RefusalReason } from "../messages.ts";

/** The picture to ask the camera for: pixels and frames/s. */
export interface CameraSize {
  width: number;
  height: number;
  fps: number;
}

/** Why there is no camera, in a word that has one remedy. */
export class Refusal extends Error {
  constructor(
    readonly reason: RefusalReason,
    message: string,
  ) {
    super(message);
    this.name = "Refusal";
  }
}

/**
 * Opens a camera close to `size`; its tracks stop when the signal ends, also one that comes late.
 *
 * @throws {Refusal} always and only this
 */
export async function openCamera(size: CameraSize, signal: AbortSignal): Promise<MediaStreamTrack> {
  const impossible = obstacle();
  if (impossible) throw impossible;
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      // Wishes, not demands: a camera of 640x480 is better than none.
      video: {
        width: { ideal: size.width },
        height: { ideal: size.height },
        frameRate: { ideal: size.fps },
      },
    });
  } catch (error) {
    throw refusalOf(error);
  }
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  const [track] = stream.getVideoTracks();
  if (!track) throw new Refusal("no-camera", "The camera gave no video track.");
  return track;
}

/** What rules a camera out before anybody is asked; null where one is possible. */
export function obstacle(): Refusal | null {
  if (inVSCode()) {
    return new Refusal("blocked-by-frame", "Notebooks in VS Code can't open a camera.");
  }
  if (!window.isSecureContext) {
    return new Refusal("insecure-origin", "Browsers allow a camera on https and localhost only.");
  }
  if (!policyAllowsCamera()) {
    return new Refusal("blocked-by-frame", "The frame around this page does not allow a camera.");
  }
  if (!navigator.mediaDevices?.getUserMedia) {
    return new Refusal("no-camera", "This browser offers no camera to pages.");
  }
  if (typeof RTCPeerConnection === "undefined") {
    return new Refusal("no-webrtc", "This browser has no WebRTC, or it is switched off.");
  }
  return null;
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
  if (error instanceof Refusal) return error;
  const { name = "", message = "" } = (error ?? {}) as Partial<Error>;
  const reason = /permissions? policy/i.test(message) ? "blocked-by-frame" : REASONS[name];
  return new Refusal(reason ?? "media-failed", message || name || "The camera failed.");
}

export function inVSCode(): boolean {
  return "acquireVsCodeApi" in window || location.protocol === "vscode-webview:";
}

function policyAllowsCamera(): boolean {
  // Only Chromium exposes it; elsewhere getUserMedia itself says so.
  const policy = (document as { featurePolicy?: { allowsFeature?(name: string): boolean } })
    .featurePolicy;
  return policy?.allowsFeature?.("camera") !== false;
}
