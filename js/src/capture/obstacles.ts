/** Finds out, before anybody is asked for permission, whether this page can send a video at all. */

import type { Refusal, RefusalReason } from "./types.ts";

/** Why this page can't open a camera; null where it may ask for one. */
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

/** Why this page can't send any video, from whatever source; null where it can. */
export function webrtcObstacle(): Refusal | null {
  if (typeof RTCPeerConnection !== "undefined") return null;
  return { reason: "no-webrtc", message: "This browser has no WebRTC, or it is switched off." };
}

/** Whether this page is a webview of VS Code. */
export function inVSCode(): boolean {
  return "acquireVsCodeApi" in window || location.protocol === "vscode-webview:";
}

function policyAllowsCamera(): boolean {
  // Only Chromium has this property; elsewhere getUserMedia rejects.
  const policy = (document as { featurePolicy?: { allowsFeature?(name: string): boolean } })
    .featurePolicy;
  return policy?.allowsFeature?.("camera") !== false;
}
