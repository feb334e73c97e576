/** What notices say. What a page finds has words here; the kernel's errors bring text and remedy along. */

import { inVSCode } from "../capture/obstacles.ts";
import type { NoticeText, NoticeTexts } from "../view/notices.ts";

const SAID: Record<string, NoticeText> = {
  "insecure-origin": {
    title: "This page may not use a camera",
    text: "Browsers allow it on https and localhost only. From your own machine:",
  },
  "permission-denied": {
    title: "The camera is not allowed",
    text: "The browser, or you, said no to this page.",
  },
  "no-camera": {
    title: "No camera found",
    text: "This machine shows the browser no camera.",
    remedy: "Connect one, then Retry.",
  },
  "camera-busy": {
    title: "The camera is in use",
    text: "Another program or tab holds it.",
    remedy: "Close that one, then Retry.",
  },
  "over-constrained": {
    title: "The camera can't do that",
    text: "It offers no picture of the kind this model needs.",
    remedy: "Choose another camera in the browser's settings, then Retry.",
  },
  "blocked-by-frame": {
    title: "The camera is blocked here",
    remedy: 'Open the notebook in a tab of its own; or have the frame allow="camera".',
  },
  "no-webrtc": {
    title: "This browser has no WebRTC",
    text: "The picture travels by WebRTC, which is missing or switched off.",
    remedy: "Use a current Chrome, Edge, Firefox or Safari.",
  },
  "media-failed": { title: "The picture did not start" },
  "kernel-silent": {
    title: "The kernel does not answer",
    text: "It is busy, restarting or gone. The camera is off.",
    remedy: "Wait for it or run the cell again, then Retry.",
  },
  "version-mismatch": {
    title: "Kernel and page differ",
    remedy: "Restart the kernel and reload this page.",
  },
  authentication: { title: "The key was refused" },
  "invalid-key": { title: "That is no key" },
  "at-capacity": { title: "No free place now" },
  "session-over": { title: "The session is over" },
  "session-expired": { title: "The session is over" },
  "connect-timeout": { title: "No connection" },
  "connection-lost": { title: "The connection broke" },
  "media-unreachable": { title: "The picture found no way" },
  "ack-timeout": { title: "No answer from the service" },
  "sandbox-unreachable": { title: "The sandbox is out of reach" },
  "sandbox-failed": { title: "The sandbox did not start" },
  unattended: { title: "Ended while nobody watched" },
  "superseded-by-rerun": { title: "The cell was run again" },
  "budget-spent": { title: "The budget is used up" },
  closed: { title: "This widget is closed" },
};

/** What depends on where this page is, and in which browser. */
const HERE: Record<string, () => NoticeText> = {
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
  "permission-denied": () => ({ remedy: allowing(navigator.userAgent) }),
};

/** How a camera is allowed again, in the browser's own words. */
export function allowing(agent: string): string {
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
  Object.entries(SAID).map(([code, words]) => [code, () => ({ ...words, ...HERE[code]?.() })]),
);
