/** What went wrong and what to do about it: one notice for each code, with one remedy. */

import { inVSCode } from "../media/camera.ts";
import { type ErrorTrait, trait } from "../model.ts";
import type { Session } from "../session.ts";
import { h, icon, mark, show, write } from "./dom.ts";

export interface Notice {
  code: string;
  title: string;
  text: string;
  /** A line to copy, between text and remedy. */
  command?: string;
  remedy: string;
}

type Words = Partial<Omit<Notice, "code">>;

/** What this page finds has words here; the kernel's errors bring text and remedy along. */
const WORDS: Record<string, Words> = {
  "insecure-origin": {
    title: "This page may not use a camera",
    text: "Browsers allow it on https and localhost only. From your own machine:",
  },
  "permission-denied": {
    title: "The camera is not allowed",
    text: "The browser, or you, said no to this page.",
    remedy: "Allow it at the camera sign in the address bar, then Retry.",
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

/** Errors that displaying the widget has already mended. */
const MENDED = new Set(["no-frontend"]);

/** The notice to show now, or null. */
export function noticeOf(session: Session): Notice | null {
  const { fault } = session;
  if (fault) return compose(fault.code, fault);
  const error = trait(session.model, "error");
  // While a session lives its errors are small print (a refused prompt), not an obstacle.
  if (session.isLive || MENDED.has(error.code ?? "")) return null;
  if (!error.code && session.state !== "error") return null;
  return compose(error.code ?? "decart-error", error);
}

function compose(code: string, { message, remedy }: ErrorTrait): Notice {
  const words = Object.hasOwn(WORDS, code) ? WORDS[code] : undefined;
  return {
    code,
    title: words?.title ?? "Something went wrong",
    text: words?.text ?? message ?? "",
    remedy: words?.remedy || remedy || "Retry; if it stays, reload the page.",
    ...situation(code),
  };
}

/** Remedies that depend on where this page is. */
function situation(code: string): Words {
  if (code === "blocked-by-frame" && inVSCode()) {
    return {
      text: "Notebooks in VS Code can't open one.",
      remedy: "Open this notebook in JupyterLab.",
    };
  }
  if (code !== "insecure-origin") return {};
  const port = location.port || (location.protocol === "https:" ? "443" : "80");
  return {
    command: `ssh -L ${port}:localhost:${port} ${location.hostname || "host"}`,
    remedy: `then open http://localhost:${port}`,
  };
}

export interface NoticeView {
  element: HTMLElement;
  update(notice: Notice | null): void;
}

export function noticeView(retry: () => void): NoticeView {
  const title = h("div", { class: "dw-title" });
  const text = h("span");
  const command = h("code", { tabindex: "0" });
  const remedy = h("span");
  const button = h(
    "button",
    { type: "button", class: "dw-button dw-retry" },
    icon("retry"),
    "Retry",
  );
  button.addEventListener("click", retry);
  const element = h(
    "div",
    { class: "dw-notice dw-message", role: "alert", hidden: true },
    h("div", { class: "dw-words" }, title, h("p", {}, text, " ", command, " ", remedy), button),
  );
  return {
    element,
    update(notice) {
      show(element, notice !== null);
      mark(element, "code", notice?.code ?? "");
      write(title, notice?.title ?? "");
      write(text, notice?.text ?? "");
      write(command, notice?.command ?? "");
      show(command, notice?.command !== undefined);
      write(remedy, notice?.remedy ?? "");
    },
  };
}
