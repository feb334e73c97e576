/**
 * The texts of notices, by error code: the only table of them in the front end. For what the page finds out
 * itself it has all texts; errors from the kernel bring text and remedy along, and get a title here.
 */

import { inVSCode } from "../capture/obstacles.ts";
import type { NoticeText, NoticeTexts } from "../view/notices.ts";

const TEXTS: Record<string, NoticeText> = {
  "insecure-origin": {
    title: "This page may not use a camera",
    text: "Browsers allow it on https and localhost only. From your own machine:",
  },
  "permission-denied": {
    title: "The camera is not allowed",
    text: "This page has no permission to use it.",
  },
  "no-camera": {
    title: "No camera found",
    text: "The browser finds no camera on this machine.",
    remedy: "Connect one, then Retry.",
  },
  "camera-busy": {
    title: "The camera is in use",
    text: "Another program or tab is using it.",
    remedy: "Close that one, then Retry.",
  },
  "over-constrained": {
    title: "The camera can't do that",
    text: "It has no video mode that this model can use.",
    remedy: "Choose another camera in the browser's settings, then Retry.",
  },
  "blocked-by-frame": {
    title: "The camera is blocked here",
    remedy: 'Open the notebook in a tab of its own; or have the frame allow="camera".',
  },
  "no-webrtc": {
    title: "This browser has no WebRTC",
    text: "The video is sent by WebRTC, which is missing or switched off.",
    remedy: "Use a current Chrome, Edge, Firefox or Safari.",
  },
  "media-failed": { title: "The picture did not start" },
  "kernel-silent": {
    title: "The kernel does not answer",
    text: "It is busy, restarting or gone. The camera is off.",
    remedy: "Wait for it or run the cell again, then Retry.",
  },
  "kernel-away": {
    title: "The kernel does not answer",
    text: "The session may go on there.",
    remedy: "The picture is shown again when it answers.",
  },
  "version-mismatch": {
    title: "Kernel and page have different versions",
    remedy: "Restart the kernel and reload this page.",
  },
  authentication: { title: "The key was refused" },
  "invalid-key": { title: "The key is not valid" },
  "insufficient-credits": { title: "The credits are used up" },
  "quota-exceeded": { title: "The quota is used up" },
  "session-limit": { title: "Too many sessions at once" },
  "invalid-source": { title: "The source can't be sent" },
  "unknown-model": { title: "There is no such model" },
  "at-capacity": { title: "No free place now" },
  "session-over": { title: "The session is over" },
  "session-expired": { title: "The session is over" },
  "connect-timeout": { title: "No connection" },
  proxy: { title: "The proxy can't be used" },
  certificates: { title: "The certificate is not trusted" },
  "connection-lost": { title: "The connection was lost" },
  "media-unreachable": { title: "The video could not get through" },
  relayed: { title: "Your camera goes through the kernel" },
  "ack-timeout": { title: "No answer from the service" },
  "sandbox-unreachable": { title: "The sandbox is out of reach" },
  "sandbox-failed": { title: "The sandbox did not start" },
  unattended: { title: "Ended while nobody watched" },
  "superseded-by-rerun": { title: "The cell was run again" },
  "budget-spent": { title: "The budget is used up" },
  "function-failed": { title: "Your function failed" },
  "function-stalled": { title: "Your function doesn't return" },
  closed: { title: "This widget is closed" },
};

/** Texts that depend on the page's address or on the browser; they complete those above. */
const TEXTS_HERE: Record<string, () => NoticeText> = {
  "blocked-by-frame": () =>
    inVSCode()
      ? {
          text: "Notebooks in VS Code can't open one.",
          remedy: "Open this notebook in JupyterLab, or send a video file instead.",
        }
      : {},
  "insecure-origin": () => {
    const port = location.port || (location.protocol === "https:" ? "443" : "80");
    return {
      command: `ssh -L ${port}:localhost:${port} ${location.hostname || "host"}`,
      remedy: `then open http://localhost:${port}`,
    };
  },
  "permission-denied": () => ({ remedy: allowCameraText(navigator.userAgent) }),
};

/** How to allow the camera again, in the terms of the browser with this user agent. */
function allowCameraText(agent: string): string {
  if (/firefox/i.test(agent)) {
    return "Allow it: click the crossed camera left of the address, clear the block, then Retry.";
  }
  if (/chrom|edg/i.test(agent)) {
    return "Allow it: click the sign left of the address, switch Camera on, then Retry.";
  }
  if (/safari/i.test(agent)) {
    return "Allow it: Safari, Settings for This Website, Camera, then Retry.";
  }
  return "Allow it at the camera sign in the address bar, then Retry.";
}

export const NOTICE_TEXTS: NoticeTexts = Object.fromEntries(
  Object.entries(TEXTS).map(([code, words]) => [
    code,
    () => ({ ...words, ...TEXTS_HERE[code]?.() }),
  ]),
);
