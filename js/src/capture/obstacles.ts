/** What this page can film with, found out before anybody is asked; the piece `capture` opens it. */

import type { RefusalReason } from "../kernel/messages.ts";

/** The picture to ask the camera for: pixels and frames/s. */
export interface CameraSize {
  width: number;
  height: number;
  fps: number;
}

/** Why there is no picture to send, in a word that has one remedy. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
}

/** What rules a camera out before anybody is asked; null where one is possible. */
export function obstacle(): Refusal | null {
  const refusal = (reason: RefusalReason, message: string): Refusal => ({ reason, message });
  if (inVSCode()) return refusal("blocked-by-frame", "Notebooks in VS Code can't open a camera.");
  if (!window.isSecureContext) {
    return refusal("insecure-origin", "Browsers allow a camera on https and localhost only.");
  }
  if (!policyAllowsCamera()) {
    return refusal("blocked-by-frame", "The frame around this page does not allow a camera.");
  }
  if (!navigator.mediaDevices?.getUserMedia) {
    return refusal("no-camera", "This browser offers no camera to pages.");
  }
  return webrtcObstacle();
}

/** What rules out that any picture is sent. */
export function webrtcObstacle(): Refusal | null {
  if (typeof RTCPeerConnection !== "undefined") return null;
  return { reason: "no-webrtc", message: "This browser has no WebRTC, or it is switched off." };
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
