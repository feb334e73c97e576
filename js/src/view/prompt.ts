/**
 * The prompt bar. What is typed is sent to the kernel, and what others set is shown, without either
 * losing a keystroke.
 */

import { listen, onAbort } from "../host.ts";
import { setTrait, trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { h, icon, mark, write } from "./dom.ts";
import type { Part } from "./part.ts";
import type { Slots } from "./slots.ts";
import { oneLine, type PromptWords, promptProblem, promptWords } from "./words.ts";

/** This long after the last keystroke the box shows the kernel's prompt, whatever came in between. */
const SETTLE_MS = 1000;

/** The prompt box with Apply, `enrich`, a place for the reference image, and a status line. */
export function promptBar(
  session: Session,
  signal: AbortSignal,
): Part & { slots: Pick<Slots, "image" | "prompt"> } {
  const { model } = session;
  const input = h("input", {
    class: "dw-prompt",
    type: "text",
    placeholder: "Describe the look: a pencil sketch",
    "aria-label": "Prompt",
    autocomplete: "off",
    spellcheck: "false",
    enterkeyhint: "go",
  });
  const enrich = h("input", { class: "dw-enrich", type: "checkbox" });
  const check = h(
    "label",
    { class: "dw-check", title: "Lets the service fill in the rest" },
    enrich,
    "enrich",
  );
  const apply = h(
    "button",
    { type: "submit", class: "dw-button dw-main dw-apply" },
    "Apply",
    icon("enter"),
  );
  const status = h("div", { class: "dw-prompt-status", role: "status", "aria-live": "polite" });
  const image = h("span", { class: "dw-image" });
  const parts = [image, input, check, apply, status];
  const element = h("form", { class: "dw-bar", autocomplete: "off" }, ...parts);

  // Values that were sent to the kernel: when one of them comes back, it is an echo and no change.
  let pending = new Set<string>();
  let settle: ReturnType<typeof setTimeout> | undefined;
  let isComposing = false;
  let isSetting = false;
  /** Why what was typed is not sent. It stays in the box, whatever the kernel holds. */
  let problem = "";
  onAbort(signal, () => clearTimeout(settle));

  /** The kernel's prompt, as the box can show it. */
  const held = () => oneLine(trait(model, "prompt"));
  const show = (value: string) => {
    if (input.value === value || isComposing || problem) return;
    const { selectionStart, selectionEnd } = input;
    input.value = value;
    if (document.activeElement === input) input.setSelectionRange(selectionStart, selectionEnd);
  };
  /** Writes the line under the box. */
  const tell = () => {
    const { note } = session.referenceImage;
    let words: PromptWords;
    if (problem) words = { text: problem, tone: "bad" };
    else if (note) words = { text: note, tone: "" };
    else words = promptWords(session.state, model);
    write(status, words.text);
    mark(status, "tone", words.tone);
  };
  const send = () => {
    if (isComposing) return;
    problem = promptProblem(input.value);
    input.setAttribute("aria-invalid", String(problem !== ""));
    tell();
    if (problem) {
      clearTimeout(settle);
      return;
    }
    pending.add(input.value);
    isSetting = true;
    setTrait(model, "prompt", input.value);
    isSetting = false;
    clearTimeout(settle);
    settle = setTimeout(() => {
      pending = new Set();
      show(held());
    }, SETTLE_MS);
  };

  input.addEventListener("compositionstart", () => {
    isComposing = true;
  });
  input.addEventListener("compositionend", () => {
    isComposing = false;
    send();
  });
  input.addEventListener("input", send);
  enrich.addEventListener("change", () => setTrait(model, "enrich", enrich.checked));
  input.addEventListener("keydown", (event) => {
    // The Enter that ends an IME composition chooses a word; the form must not apply the prompt.
    if (event.key === "Enter" && (event.isComposing || event.keyCode === 229))
      event.preventDefault();
  });
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!isComposing && !problem && input.value.trim()) session.apply(input.value, enrich.checked);
  });
  listen(
    model,
    "change:prompt",
    () => {
      if (isSetting) return;
      const value = held();
      if (value === input.value) pending = new Set();
      else if (!pending.has(value)) show(value);
    },
    signal,
  );
  show(held());

  return {
    element,
    slots: { image, prompt: input },
    update() {
      enrich.checked = trait(model, "enrich");
      tell();
    },
  };
}
