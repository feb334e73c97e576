/** Adds styles once to each document or shadow root that shows a view. */

import { onAbort } from "../host.ts";

/**
 * Adds the styles to the document or shadow root of `root`, also where the host moves it there later:
 * hosts fill an element before they attach it to the page, and may move it elsewhere.
 *
 * @param styles a minified style sheet
 */
export function injectStyles(root: HTMLElement, signal: AbortSignal, styles: string): void {
  const inject = () => {
    const place = root.getRootNode();
    injectInto(place instanceof ShadowRoot ? place : root.ownerDocument.head, styles);
  };
  inject();
  // Called when the root is laid out for the first time, and so after it has been attached.
  const observer = new ResizeObserver(inject);
  observer.observe(root);
  onAbort(signal, () => observer.disconnect());
}

function injectInto(place: ParentNode & Node, styles: string): void {
  // Compared by content, not by an id: another version of this package may have added its own.
  for (const style of place.querySelectorAll("style[data-decart-widget]")) {
    if (style.textContent === styles) return;
  }
  const style = (place.ownerDocument ?? document).createElement("style");
  style.dataset.decartWidget = "";
  style.textContent = styles;
  place.append(style);
}
