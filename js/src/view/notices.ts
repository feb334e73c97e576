/** What went wrong and what to do about it: one notice for each error code, with one remedy. */

import { type ErrorTrait, trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { button, h, icon, mark, show, write } from "./dom.ts";

/** What is shown for a code, in place of the message and remedy that the error itself has. */
export interface NoticeText {
  title?: string;
  text?: string;
  /** A line to copy, between text and remedy. */
  command?: string;
  remedy?: string;
}

/** By code; each text is made when it is shown. They come with the chunk `tools`. */
export type NoticeTexts = Readonly<Record<string, () => NoticeText>>;

/** Errors that end when the widget is displayed. */
const ENDED_BY_DISPLAY = new Set(["no-frontend"]);

/** The error to show now, with its code; null where there is none. */
export function shownError({
  fault,
  isActive,
  model,
  state,
}: Session): (ErrorTrait & { code: string }) | null {
  const error = fault ?? trait(model, "error");
  const { code = "decart-error" } = error;
  // During a session an error (a refused prompt) is shown under the prompt, not over the picture.
  if (!fault && (isActive || ENDED_BY_DISPLAY.has(code))) return null;
  return error.code || state === "error" ? { ...error, code } : null;
}

interface NoticeView {
  element: HTMLElement;
  retry: HTMLElement;
  update(error: ReturnType<typeof shownError>, texts: NoticeTexts): void;
}

/** The element that shows a notice over the stage. */
export function noticeView(onRetry: () => void): NoticeView {
  const title = h("div", { class: "dw-title" });
  const text = h("span");
  const command = h("code", { tabindex: "0" });
  const remedy = h("span");
  const retry = button("dw-retry", icon("retry"), "Retry");
  retry.addEventListener("click", onRetry);
  const element = h(
    "div",
    { class: "dw-notice dw-message", role: "alert", hidden: true },
    h("div", { class: "dw-words" }, title, h("p", {}, text, " ", command, " ", remedy), retry),
  );
  return {
    element,
    retry,
    update(error, texts) {
      show(element, error !== null);
      mark(element, "code", error?.code ?? "");
      // Written also where there is none: an alert announces what changes.
      const own = error && Object.hasOwn(texts, error.code) ? texts[error.code]?.() : undefined;
      write(title, error ? (own?.title ?? "Something went wrong") : "");
      write(text, own?.text ?? error?.message ?? "");
      write(command, own?.command ?? "");
      show(command, own?.command !== undefined);
      const fallback = error?.remedy || "Retry; if it happens again, reload the page.";
      write(remedy, error ? own?.remedy || fallback : "");
    },
  };
}
