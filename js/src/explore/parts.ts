/** Small pieces that several parts of a sheet's view are made of. */

import { h, mark, write } from "../view/dom.ts";
import { sheetIcon } from "./icons.ts";

/** A button with an icon and a text; in narrow views a `bare` one shows its icon only. */
export function button(
  classes: string,
  icon: Parameters<typeof sheetIcon>[0] | null,
  text = "",
): HTMLButtonElement {
  const parts: Node[] = icon ? [sheetIcon(icon)] : [];
  if (text) parts.push(h("span", {}, text));
  return h("button", { type: "button", class: `ds-button ${classes}`.trim() }, ...parts);
}

/** Writes a button's text, which is its only `span`. */
export function relabel(element: HTMLElement, text: string): void {
  const span = element.querySelector("span");
  if (span) write(span, text);
}

/** A thin bar, hidden from assistive technology: the text beside it says the same. */
export function meter(): HTMLElement {
  return h("span", { class: "ds-meter", "aria-hidden": "true" }, h("i"));
}

/** Fills a bar to a share (0..1), with a thin line over the interval where there is one. */
export function fill(
  element: HTMLElement,
  share: number,
  low: number | null = null,
  high: number | null = null,
): void {
  property(element, "--v", clamp(share, 0, 1).toFixed(3));
  mark(element, "interval", low !== null && high !== null);
  if (low === null || high === null) return;
  property(element, "--low", clamp(low, 0, 1).toFixed(3));
  property(element, "--high", clamp(high, 0, 1).toFixed(3));
}

/** Sets a CSS variable where it differs. */
export function property(element: HTMLElement, name: string, value: string): void {
  if (element.style.getPropertyValue(name) !== value) element.style.setProperty(name, value);
}

/** Sets an attribute where it differs; null removes it. */
export function attribute(element: Element, name: string, value: string | null): void {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** Which of `count` equal parts of an element a pointer is over. */
export function partAt(event: PointerEvent, element: Element, count: number): number {
  const { left, width } = element.getBoundingClientRect();
  return clamp(Math.floor(((event.clientX - left) / (width || 1)) * count), 0, count - 1);
}

/** Where a pointer is over an element, in percent of its width. */
export function percentAt(event: PointerEvent, element: Element): number {
  const { left, width } = element.getBoundingClientRect();
  return clamp(((event.clientX - left) / (width || 1)) * 100, 0, 100);
}

/**
 * Puts children into an order without touching those that are there already, and gives the focus back to the
 * one that has it, because a browser takes it from what is moved.
 */
export function arrange(parent: Element, children: readonly Element[]): void {
  const root = parent.getRootNode() as Document | ShadowRoot;
  const focused = parent.contains(root.activeElement) ? root.activeElement : null;
  for (const [index, child] of children.entries()) {
    if (parent.children[index] !== child)
      parent.insertBefore(child, parent.children[index] ?? null);
  }
  while (parent.children.length > children.length) parent.lastElementChild?.remove();
  if (focused instanceof HTMLElement && focused !== root.activeElement) {
    focused.focus({ preventScroll: true });
  }
}
