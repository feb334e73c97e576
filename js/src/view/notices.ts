/** What went wrong and what to do about it: one notice for each code, with one remedy. */

import { type ErrorTrait, trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { h, icon, mark, show, write } from "./dom.ts";

export interface Notice {
  code: string;
  title: string;
  text: string;
  /** A line to copy, between text and remedy. */
  command?: string;
  remedy: string;
}

/** What is said of a code, in place of what the kernel or the page says of it itself. */
export type Words = Partial<Omit<Notice, "code">>;

/** By code, made when they are shown; they come with the piece `tools`. */
export type AllWords = Readonly<Record<string, () => Words>>;

/** Errors that displaying the widget has already mended. */
const MENDED = new Set(["no-frontend"]);

/** The notice to show now, or null. */
export function noticeOf(session: Session): Notice | null {
  const { fault } = session;
  if (fault) return compose(fault.code, fault, session.words);
  const error = trait(session.model, "error");
  // While a session lives its errors are small print (a refused prompt), not an obstacle.
  if (session.isLive || MENDED.has(error.code ?? "")) return null;
  if (!error.code && session.state !== "error") return null;
  return compose(error.code ?? "decart-error", error, session.words);
}

function compose(code: string, { message, remedy }: ErrorTrait, all: AllWords): Notice {
  const words = Object.hasOwn(all, code) ? all[code]?.() : undefined;
  return {
    code,
    title: words?.title ?? "Something went wrong",
    text: words?.text ?? message ?? "",
    remedy: words?.remedy || remedy || "Retry; if it stays, reload the page.",
    ...(words?.command ? { command: words.command } : {}),
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
