/** A new view on fakes for each test; shared by the tests of this folder. */

import { afterEach, beforeEach, vi } from "vitest";
import decartWidget from "../../src/index.ts";
import { FakeCamera, FakeModel, FakePeer, peers } from "../fakes.ts";

export let model: FakeModel;
export let widget: ReturnType<typeof decartWidget>;
export let root: HTMLElement;
export let life: AbortController;

/** Shows another view of the model. */
export function render(): { element: HTMLElement; remove: () => void } {
  const el = document.body.appendChild(document.createElement("div"));
  const remove = widget.render({ model, el, signal: life.signal });
  return { element: el.querySelector(".decart-widget") as HTMLElement, remove };
}

/** The only element of a selector; throws where there is none. */
export function one<T extends HTMLElement>(selector: string, within: HTMLElement = root): T {
  const found = within.querySelector<T>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
}

export const text = (selector: string) => one(selector).textContent;
export const visible = (selector: string) => !one(selector).closest("[hidden]");

beforeEach(() => {
  vi.useFakeTimers();
  document.body.replaceChildren();
  FakePeer.made = [];
  new FakeCamera();
  model = new FakeModel({
    ...{ model: "lucy-latest", prompt: "anime style", enrich: true, connection_state: "idle" },
    ...{ endpoint: "decart", _media: { width: 1280, height: 704, fps: 30 } },
  });
  life = new AbortController();
  widget = decartWidget(peers);
  widget.initialize({ model, signal: life.signal });
  root = render().element;
});
afterEach(() => {
  life.abort();
  vi.useRealTimers();
});
