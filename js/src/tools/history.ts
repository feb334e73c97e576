/** Prompts that were applied before, selected with the arrow keys in the prompt box as in a shell. */

import { listen } from "../host.ts";
import { trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { mark } from "../view/dom.ts";
import type { Slots } from "../view/slots.ts";

/** Prompts that are kept; the oldest is dropped. */
const MAX_PROMPTS = 100;
/** The key in localStorage. */
const STORAGE_KEY = "decart-widget.prompts";

/** The prompts that are stored for this page's origin, oldest first and each once. */
function load(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]");
    return Array.isArray(kept)
      ? kept.filter((one) => typeof one === "string").slice(-MAX_PROMPTS)
      : [];
  } catch {
    return [];
  }
}

/** The prompts of this widget's cards that are not stored: Python applied them, or they were loaded. */
function ofCards(session: Session, stored: readonly string[]): string[] {
  const looks = session.model.get("_looks");
  if (!Array.isArray(looks)) return [];
  return looks
    .filter(({ status, prompt }) => status === "applied" && prompt && !stored.includes(prompt))
    .map(({ prompt }) => prompt as string);
}

function keep(prompts: readonly string[]): void {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(prompts));
  } catch {
    // Without storage the prompts last until the page is reloaded.
  }
}

/** Adds the history of prompts to a view, until the signal aborts. */
export function history(
  session: Session,
  { root, prompt: input }: Slots,
  signal: AbortSignal,
): void {
  let prompts = load();
  /** Index of the shown prompt; `prompts.length` stands for what the person was typing. */
  let at = prompts.length;
  let draft = "";

  const hint = () => mark(root, "history", prompts.length > 0);
  hint();
  const addCards = () => {
    const more = ofCards(session, prompts);
    prompts = [...more, ...prompts];
    at += more.length;
    hint();
  };
  addCards();
  listen(session.model, "change:_looks", addCards, signal);
  const note = () => {
    const { model } = session;
    const prompt = trait(model, "prompt").trim();
    if (trait(model, "prompt_status") !== "applied" || !prompt) return;
    if (prompts.at(-1) === prompt) return;
    // Other widgets of this origin may have added prompts meanwhile.
    prompts = [...load().filter((one) => one !== prompt), prompt].slice(-MAX_PROMPTS);
    at = prompts.length;
    keep(prompts);
    hint();
  };
  listen(session.model, "change:prompt_status", note, signal);
  input.addEventListener(
    "input",
    (event) => {
      if (event.isTrusted) at = prompts.length;
    },
    { signal },
  );
  input.addEventListener(
    "keydown",
    (event) => {
      const step = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
      if (!step || event.isComposing || event.shiftKey || event.ctrlKey || event.metaKey) return;
      if (at === prompts.length) draft = input.value;
      const next = Math.min(prompts.length, Math.max(0, at + step));
      event.preventDefault();
      if (next === at) return;
      at = next;
      input.value = prompts[at] ?? draft;
      input.setSelectionRange(input.value.length, input.value.length);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    },
    { signal },
  );
}
