/** The styles, put once into each document or shadow root that shows a view. */

/** The minified styles.css. */
declare const __STYLES__: string;
const STYLES: string = __STYLES__;

/**
 * Gives the root's document or shadow root the styles, also where the host moves it there later
 * (hosts fill an element before they put it into the page) or takes it elsewhere.
 */
export function injectStyles(root: HTMLElement, signal: AbortSignal, styles = STYLES): void {
  const put = () => {
    const place = root.getRootNode();
    if (place instanceof ShadowRoot) into(place, styles);
    else into(root.ownerDocument.head, styles);
  };
  put();
  // Called when the root is laid out for the first time, and so after it has found its place.
  const observer = new ResizeObserver(put);
  observer.observe(root);
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
}

function into(place: ParentNode & Node, styles: string): void {
  // By what it says, not by an id: another version's styles are other styles.
  for (const style of place.querySelectorAll("style[data-decart-widget]")) {
    if (style.textContent === styles) return;
  }
  const style = (place.ownerDocument ?? document).createElement("style");
  style.dataset.decartWidget = "";
  style.textContent = styles;
  place.append(style);
}
