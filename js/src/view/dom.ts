/** Makes elements in one expression, and writes to the page only where something has changed. */

type Props = Record<string, string | boolean>;

/** An element with attributes (true: without a value, false: none) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** A button in the widget's style, with further classes. */
export function button(classes: string, ...children: (Node | string)[]): HTMLButtonElement {
  return h("button", { type: "button", class: `dw-button ${classes}` }, ...children);
}

/** Sets the text where it differs, because a live region announces every write. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows or hides an element, for assistive technology too. */
export function show(element: HTMLElement, visible: boolean): void {
  if (element.hidden === visible) element.hidden = !visible;
}

/** Sets a data attribute, which style sheets and tests read. */
export function mark(element: HTMLElement, name: string, value: unknown): void {
  const text = String(value);
  if (element.dataset[name] !== text) element.dataset[name] = text;
}

/** The contents of SVGs of 16 by 16. */
const PATHS = {
  play: '<path d="M4.5 2.8v10.4L13 8z" fill="currentColor"/>',
  stop: '<rect x="3.5" y="3.5" width="9" height="9" rx="1.5" fill="currentColor"/>',
  enter: '<path d="M13 3.5v4a2 2 0 0 1-2 2H3.5m3-3-3 3 3 3"/>',
  retry: '<path d="M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3"/>',
};

/** An icon beside words, hidden from assistive technology. */
export function icon(name: keyof typeof PATHS): SVGElement {
  return drawing(name, PATHS[name]);
}

/** The same of any shape: the content of an SVG of 16 by 16. */
export function drawing(name: string, shape: string): SVGElement {
  const holder = document.createElement("template");
  holder.innerHTML = `<svg class="dw-icon" data-icon="${name}" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${shape}</svg>`;
  return holder.content.firstElementChild as SVGElement;
}
