import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import decartWidget from "../src/loader.ts";
import { FakeModel, type Message } from "./fakes.ts";

/** A front end that logs its calls. */
const SOURCE = `export const log = [];
export default (load) => {
  log.push("made");
  return {
    initialize() { log.push("initialize"); return () => {}; },
    render({ el }) { log.push("render"); el.append("the view"); return () => {}; },
    load,
  };
};`;

let source: string;
let hash: string;
let count = 0;
let life: AbortController;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  // The page's map outlives a test.
  source = `${SOURCE}//${++count}`;
  hash = createHash("sha256").update(source).digest("hex").slice(0, 32);
  life = new AbortController();
  document.body.replaceChildren();
  // Node imports no Blob URL; the address of the data says the same.
  const made = new Map<string, Blob>();
  vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
    const url = `data:text/javascript,${encodeURIComponent(source)}`;
    made.set(url, blob as Blob);
    return url;
  });
});
afterEach(() => {
  life.abort();
  vi.useRealTimers();
});

function show(model: FakeModel, entryPoints = decartWidget()) {
  const el = document.body.appendChild(document.createElement("div"));
  entryPoints.initialize({ model, signal: life.signal });
  const end = entryPoints.render({ model, el, signal: life.signal });
  return { el, end, entryPoints };
}

const widget = (more: object = {}) => new FakeModel({ _chunks: { main: hash }, ...more });

function deliver(model: FakeModel, more: object = {}, code = source) {
  const message = { type: "chunk", name: "main", hash, encoding: "none", ...more };
  model.receive(message, [new TextEncoder().encode(code)]);
}

const needs = (...models: FakeModel[]): Message[] => models.flatMap((model) => model.all("need"));

describe("a page that has the front end", () => {
  test("hands the host on to it, for model and view", async () => {
    const model = widget();
    const { el } = show(model);
    deliver(model);
    await vi.waitFor(() => expect(el.textContent).toBe("the view"));
    expect(el.querySelector(".decart-loading")).toBeNull();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(needs(model)).toEqual([]);
  });

  test("requests it once: the next model sends no request", async () => {
    const first = widget();
    const { el } = show(first);
    deliver(first);
    await vi.waitFor(() => expect(el.textContent).toBe("the view"));
    const second = widget();
    const { el: other } = show(second);
    await vi.waitFor(() => expect(other.textContent).toBe("the view"));
    expect(needs(first, second)).toEqual([]);
    expect(URL.createObjectURL).toHaveBeenCalledTimes(1);
  });

  test("takes it from whichever model's kernel sends it", async () => {
    const [first, second] = [widget(), widget()];
    const views = [show(first), show(second)];
    deliver(second);
    deliver(first);
    for (const { el } of views) await vi.waitFor(() => expect(el.textContent).toBe("the view"));
    expect(URL.createObjectURL).toHaveBeenCalledTimes(1);
  });

  test("does not run code whose hash doesn't fit, and takes the right code after it", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const [first, second] = [widget(), widget()];
    const [{ el }, { el: other }] = [show(first), show(second)];
    deliver(first, {}, `${source} /* changed */`);
    await vi.waitFor(() => expect(el.textContent).toContain("Another version"));
    expect(URL.createObjectURL).not.toHaveBeenCalled();
    deliver(second);
    await vi.waitFor(() => expect(other.textContent).toBe("the view"));
  });

  test("takes code without a check where the page has no crypto.subtle", async () => {
    vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
    const model = widget();
    const { el } = show(model);
    deliver(model, {}, `${source} /* changed */`);
    await vi.waitFor(() => expect(el.textContent).toBe("the view"));
    vi.unstubAllGlobals();
  });

  test("keeps versions apart", async () => {
    const old = new FakeModel({ _chunks: { main: `${hash}-old` } });
    const { el } = show(old);
    const model = widget();
    const { el: other } = show(model);
    deliver(model);
    await vi.waitFor(() => expect(other.textContent).toBe("the view"));
    expect(el.querySelector(".decart-loading")).not.toBeNull();
  });
});

describe("a page that lacks the front end", () => {
  test("waits for it to be sent, then requests it repeatedly", async () => {
    const model = widget();
    show(model);
    await vi.advanceTimersByTimeAsync(140);
    expect(needs(model)).toEqual([]);
    const times: number[] = [];
    const began = performance.now();
    model.send = (message) => {
      expect(message).toMatchObject({ type: "need", name: "main", hash });
      expect((message as Message).page_id).toMatch(/^\S{8,100}$/);
      times.push(Math.round(performance.now() - began) + 140);
    };
    await vi.advanceTimersByTimeAsync(8000);
    expect(times).toEqual([150, 650, 1650, 3650, 5650, 7650]);
  });

  test("sends one request for all its models", async () => {
    const models = [widget(), widget(), widget()];
    for (const model of models) show(model);
    await vi.advanceTimersByTimeAsync(700);
    expect(needs(...models)).toHaveLength(2);
  });

  test("sends the request through another model where one has lost its kernel", async () => {
    const [dead, model] = [widget(), widget()];
    dead.send = () => {
      throw new Error("Cannot send");
    };
    show(dead);
    show(model);
    await vi.advanceTimersByTimeAsync(200);
    expect(needs(model)).toHaveLength(1);
  });

  test("does not rely for long on a model whose kernel does not answer", async () => {
    const [silent, model] = [widget(), widget()];
    show(silent);
    await vi.advanceTimersByTimeAsync(50);
    show(model); // each of its turns comes just after one of the other's
    await vi.advanceTimersByTimeAsync(10_000);
    expect(needs(model).length).toBeGreaterThan(0);
  });

  test("stops its requests with the model, and after a number of them", async () => {
    const model = widget();
    show(model);
    await vi.advanceTimersByTimeAsync(3_600_000);
    const asked = needs(model).length;
    expect(asked).toBeLessThan(60);
    model.emit("comm_live_update");
    await vi.advanceTimersByTimeAsync(200);
    expect(needs(model)).toHaveLength(asked + 1);
    life.abort();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(needs(model)).toHaveLength(asked + 1);
    expect(model.listeners).toBe(0);
  });

  test("requests every chunk that the model names", async () => {
    const model = new FakeModel({ _chunks: { main: hash, room: `${hash}-room` } });
    show(model);
    await vi.advanceTimersByTimeAsync(200);
    expect(needs(model).map((m) => m.name)).toEqual(["main", "room"]);
  });
});

describe("the placeholder", () => {
  const shownText = (el: HTMLElement) => el.querySelector(".decart-loading p")?.textContent;

  test("is empty at first, then shows what a page without a kernel needs", async () => {
    const { el } = show(widget());
    expect(shownText(el)).toBe("");
    await vi.advanceTimersByTimeAsync(3000);
    expect(shownText(el)).toBe("Run the cell to see it live.");
  });

  test("shows that the kernel has another version", async () => {
    const model = widget();
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { el } = show(model);
    deliver(model, { hash: "another" });
    await vi.waitFor(() => expect(shownText(el)).toContain("Another version"));
    expect(error).toHaveBeenCalledOnce();
  });

  test("shows that the browser can't unpack it", async () => {
    vi.stubGlobal("DecompressionStream", undefined);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const model = widget();
    const { el } = show(model);
    deliver(model, { encoding: "gzip" });
    await vi.waitFor(() => expect(shownText(el)).toContain("too old"));
  });

  test("shows that the page forbids to load it", async () => {
    vi.mocked(URL.createObjectURL).mockReturnValue("data:text/javascript,throw 1//forbidden");
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const model = widget();
    const { el } = show(model);
    deliver(model);
    await vi.waitFor(() => expect(shownText(el)).toContain("does not let"));
  });

  test("is removed with its view", () => {
    const { el, end } = show(widget());
    end();
    expect(el.childElementCount).toBe(0);
  });
});
