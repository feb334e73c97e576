/** The keys of a view: 1 to 9 switch, holding B shows A. None of them acts while text is typed. */

import type { Hold } from "./hold.ts";

/** Inputs in which letters and digits aren't typed. */
const NOT_TYPED = new Set(["range", "checkbox", "radio", "button", "submit"]);

/** Whether keys pressed in an element are its own. */
export function isTyped(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !NOT_TYPED.has(target.type);
  return (
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    target.isContentEditable
  );
}

/**
 * Handles the keys that are pressed in a view until the signal.
 *
 * @param onSwitch gets the digit that was pressed
 */
export function deckKeys(
  root: HTMLElement,
  hold: Pick<Hold, "begin" | "end">,
  signal: AbortSignal,
  onSwitch: (key: number) => void,
): void {
  // A click anywhere in the view then makes its keys work.
  if (!root.hasAttribute("tabindex")) root.setAttribute("tabindex", "-1");
  const isB = (event: KeyboardEvent) => event.key.toLowerCase() === "b";
  root.addEventListener(
    "keydown",
    (event) => {
      const isModified = event.ctrlKey || event.metaKey || event.altKey;
      if (isModified || event.isComposing || isTyped(event.target)) return;
      if (/^[1-9]$/.test(event.key)) {
        event.preventDefault();
        if (!event.repeat) onSwitch(Number(event.key));
      } else if (isB(event)) {
        event.preventDefault();
        if (!event.repeat) hold.begin();
      }
    },
    { signal },
  );
  root.addEventListener("keyup", (event) => isB(event) && hold.end(), { signal });
  // Without the focus the key's release would not be heard.
  root.addEventListener(
    "focusout",
    (event) => {
      if (!root.contains(event.relatedTarget as Node | null)) hold.end();
    },
    { signal },
  );
}
