/** Elements in one expression, and writes that touch the page only where something changed. */

type Props = Record<string, string | boolean>;

/** An element with attributes (true for one without a value, false for none) and children. */
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

/** Sets the text where it differs: a live region announces every write. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows or hides, and tells assistive technology. */
export function show(element: HTMLElement, visible: boolean): void {
  if (element.hidden === visible) element.hidden = !visible;
}

export function mark(element: HTMLElement, name: string, value: unknown): void {
  const text = String(value);
  if (element.dataset[name] !== text) element.dataset[name] = text;
}

const PATHS = {
  play: '<path d="M4.5 2.8v10.4L13 8z" fill="currentColor"/>',
  stop: '<rect x="3.5" y="3.5" width="9" height="9" rx="1.5" fill="currentColor"/>',
  enter: '<path d="M13 3.5v4a2 2 0 0 1-2 2H3.5m3-3-3 3 3 3"/>',
  retry: '<path d="M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3"/>',
};

/** A drawn sign beside words; it says nothing of its own. */
export function icon(name: keyof typeof PATHS): SVGElement {
  return drawing(name, PATHS[name]);
}

/** The same with a shape of one's own: what stands inside of an svg of 16 by 16. */
export function drawing(name: string, shape: string): SVGElement {
  const holder = document.createElement("template");
  holder.innerHTML = `<svg class="dw-icon" data-icon="${name}" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${shape}</svg>`;
  return holder.content.firstElementChild as SVGElement;
}
