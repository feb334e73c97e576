/** The prompt bar: what is typed goes to the kernel, what others set comes in, neither loses a key. */

import { listen } from "../host.ts";
import { trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { h, icon, mark, write } from "./dom.ts";
import type { Part } from "./stage.ts";
import { type PromptWords, promptWords } from "./words.ts";

/** After this long without a key the box shows what the kernel holds, whatever came in between. */
const SETTLE_MS = 1000;

export function promptBar(session: Session, signal: AbortSignal): Part {
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

  // Values on their way to the kernel: when one of them comes back, it is an echo, not news.
  let underWay = new Set<string>();
  let settle: ReturnType<typeof setTimeout> | undefined;
  let composing = false;
  let setting = false;
  signal.addEventListener("abort", () => clearTimeout(settle), { once: true });

  const show = (value: string) => {
    if (input.value === value || composing) return;
    const { selectionStart, selectionEnd } = input;
    input.value = value;
    if (document.activeElement === input) input.setSelectionRange(selectionStart, selectionEnd);
  };
  const send = () => {
    if (composing) return;
    underWay.add(input.value);
    setting = true;
    session.set("prompt", input.value);
    setting = false;
    clearTimeout(settle);
    settle = setTimeout(() => {
      underWay = new Set();
      show(trait(model, "prompt"));
    }, SETTLE_MS);
  };

  input.addEventListener("compositionstart", () => {
    composing = true;
  });
  input.addEventListener("compositionend", () => {
    composing = false;
    send();
  });
  input.addEventListener("input", send);
  enrich.addEventListener("change", () => session.set("enrich", enrich.checked));
  input.addEventListener("keydown", (event) => {
    // Enter that ends a composition chooses a word; the form must not take it for Apply.
    if (event.key === "Enter" && (event.isComposing || event.keyCode === 229))
      event.preventDefault();
  });
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!composing && input.value.trim()) session.apply(input.value, enrich.checked);
  });
  listen(
    model,
    "change:prompt",
    () => {
      if (setting) return;
      const value = trait(model, "prompt");
      if (value === input.value) underWay = new Set();
      else if (!underWay.has(value)) show(value);
    },
    signal,
  );
  show(trait(model, "prompt"));

  return {
    element,
    update() {
      enrich.checked = trait(model, "enrich");
      const note: PromptWords = { text: session.note, tone: "" };
      const { text, tone } = session.note ? note : promptWords(session.state, model);
      write(status, text);
      mark(status, "tone", tone);
    },
  };
}
