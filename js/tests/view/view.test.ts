import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import decartWidget from "../../src/index.ts";
import { STATES } from "../../src/session/model.ts";
import { FakeCamera, FakeModel, FakePeer, peers, prepare, settled } from "../fakes.ts";

let model: FakeModel;
let widget: ReturnType<typeof decartWidget>;
let root: HTMLElement;
let life: AbortController;

function render(): { element: HTMLElement; remove: () => void } {
  const el = document.body.appendChild(document.createElement("div"));
  const remove = widget.render({ model, el, signal: life.signal });
  return { element: el.firstElementChild as HTMLElement, remove };
}

function one<T extends HTMLElement>(selector: string, within: HTMLElement = root): T {
  const found = within.querySelector<T>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
}

const text = (selector: string) => one(selector).textContent;
const visible = (selector: string) => !one(selector).closest("[hidden]");

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

describe("entryPoints", () => {
  test("views of a model share one session", () => {
    const second = render().element;
    one(".dw-start").click();
    expect(root.dataset.state).toBe("connecting");
    expect(second.dataset.state).toBe("connecting");
    expect(model.all("hello")).toHaveLength(1);
    expect(model.all("start")).toHaveLength(1);
  });

  test("models do not share anything", () => {
    const other = new FakeModel();
    decartWidget(peers).initialize({ model: other, signal: life.signal });
    expect(other.pageId).not.toBe(model.pageId);
  });

  test("initialize may come again, after render, or never", () => {
    for (const order of [
      ["render"],
      ["render", "initialize"],
      ["initialize", "initialize", "render"],
    ]) {
      const late = new FakeModel();
      const entryPoints = decartWidget(peers);
      const scope = new AbortController();
      for (const name of order) {
        const el = document.createElement("div");
        entryPoints[name as "render"]({ model: late, el, signal: scope.signal });
      }
      expect(late.all("hello")).toHaveLength(1);
      scope.abort();
      expect(late.listeners).toBe(0);
    }
  });

  test("a host without signals calls what it was given", () => {
    const bare = new FakeModel();
    const entryPoints = decartWidget(peers);
    const el = document.createElement("div");
    const close = entryPoints.initialize({ model: bare });
    const remove = entryPoints.render({ model: bare, el });
    expect(el.children).toHaveLength(1);
    remove();
    expect(el.children).toHaveLength(0);
    expect(bare.listeners).toBeGreaterThan(0);
    close();
    expect(bare.listeners).toBe(0);
  });

  test("a model without any trait is shown all the same", () => {
    const el = document.createElement("div");
    decartWidget(peers).render({ model: new FakeModel(), el, signal: life.signal });
    expect((el.firstElementChild as HTMLElement).dataset.state).toBe("idle");
  });
});

describe("state", () => {
  test.each(STATES)("%s has its words", (state) => {
    model.set("connection_state", state);
    expect(root.dataset.state).toBe(state);
    expect(text(".dw-state")).not.toBe("");
  });

  test("the seven states have seven texts", () => {
    const texts = STATES.map((state) => {
      model.set("connection_state", state);
      return text(".dw-state");
    });
    expect(new Set(texts).size).toBe(7);
  });

  test("there is one of Start and Stop", () => {
    for (const state of STATES) {
      model.set("connection_state", state);
      const rest = state === "idle" || state === "disconnected";
      expect([state, visible(".dw-start")]).toEqual([state, rest]);
      expect([state, visible(".dw-retry")]).toEqual([state, state === "error"]);
      expect([state, visible(".dw-stop")]).toEqual([state, !rest && state !== "error"]);
    }
  });

  test("the queue is seen", () => {
    model.set("queue_position", 3);
    model.set("queue_size", 12);
    expect(text(".dw-queue")).toBe("");
    model.set("connection_state", "connecting");
    expect(text(".dw-queue")).toBe("3 of 12 in the queue");
    model.set("queue_size", null);
    expect(text(".dw-queue")).toBe("place 3 in the queue");
  });

  test("reconnecting says which attempt, and when", () => {
    model.set("connection_state", "reconnecting");
    model.set("_retry", { attempt: 2, of: 5, in_s: 2 });
    expect(text(".dw-state")).toBe("Reconnecting · 2 of 5in 2 s");
    vi.advanceTimersByTime(1000);
    expect(text(".dw-time")).toBe("in 1 s");
    vi.advanceTimersByTime(1000);
    expect(text(".dw-time")).toBe("");
  });

  test("the generated seconds are shown as billed or not", () => {
    expect(text(".dw-billed")).toBe("Nothing billed");
    model.set("generation_tick", 42.9);
    expect(text(".dw-billed")).toBe("0:42 billed");
    model.set("budget", 120);
    expect(text(".dw-billed")).toBe("0:42 of 2:00 billed");
    expect(one(".dw-meter i").style.inlineSize).toMatch(/^35\.75%$/);
    model.set("endpoint", "sandbox");
    expect(text(".dw-billed")).toBe("0:42 of 2:00, not billed");
    model.set("connection_state", "generating");
    expect(text(".dw-time")).toBe("0:42");
  });

  test("the end of a budget is announced beside the state, once", () => {
    for (const [name, value] of Object.entries({ budget: 60, connection_state: "generating" }))
      model.set(name, value);
    expect(text(".dw-queue")).toBe("");
    model.set("budget_low", true);
    expect(text(".dw-queue")).toBe("budget almost used up");
    expect(one(".dw-meter").dataset.low).toBe("true");
    expect(visible(".dw-notice")).toBe(false);
    model.set("connection_state", "disconnected");
    expect(text(".dw-queue")).toBe("");
  });

  test("a busy kernel is named beside any state", () => {
    model.set("kernel_busy", true);
    expect(text(".dw-queue")).toBe("kernel busy");
    one(".dw-start").click();
    expect(text(".dw-state")).toContain("kernel busy");
    model.set("kernel_busy", false);
    expect(text(".dw-queue")).toBe("");
  });

  test("the widget of a cell's last run says that the cell was run again", () => {
    model.set("error", { code: "superseded-by-rerun", message: "Ended.", remedy: "Start here." });
    model.set("connection_state", "disconnected");
    expect(text(".dw-notice .dw-title")).toBe("The cell was run again");
    expect(text(".dw-notice")).toContain("Ended.");
  });

  test("the time is shown, but not announced", () => {
    expect(one(".dw-state").getAttribute("aria-live")).toBe("polite");
    expect(one(".dw-time").getAttribute("aria-hidden")).toBe("true");
  });

  test("the badge is on the sandbox, and only there", () => {
    expect(visible(".dw-badge")).toBe(false);
    model.set("endpoint", "sandbox");
    expect(visible(".dw-badge")).toBe(true);
    expect(text(".dw-badge")).toMatch(/^Local preview: .*not Decart\. Set DECART_API_KEY\.$/);
  });

  test("the stage has the model's shape before there is a picture", () => {
    expect(one(".dw-stage").style.getPropertyValue("--dw-ratio")).toBe("1280 / 704");
  });

  test("a page that does not own the session has no Stop", () => {
    model.set("connection_state", "generating");
    const welcome = { type: "welcome", page_id: model.pageId, owner: false, protocol: 1 };
    model.receive({ ...welcome, version: "1", attempt: 3 });
    expect(root.dataset.owner).toBe("false");
    expect(visible(".dw-stop")).toBe(false);
    expect(text(".dw-poster .dw-title")).toBe("Shown in another tab");
  });

  test("what is shown in another tab can be taken over from here", () => {
    model.receive({ type: "owner", page_id: "another page" });
    expect(text(".dw-start")).toBe("Start"); // nothing runs there
    model.set("connection_state", "generating");
    expect(text(".dw-start")).toBe("Take over");
    expect(visible(".dw-start")).toBe(true);
    one(".dw-start").click();
    expect(model.all("take")).toHaveLength(1);
    expect(model.all("start")).toHaveLength(0);
    model.receive({ type: "owner", page_id: model.pageId });
    expect(visible(".dw-start")).toBe(false);
    expect(visible(".dw-stop")).toBe(true);
  });
});

describe("prompt", () => {
  const box = () => one<HTMLInputElement>("input.dw-prompt");
  const type = (value: string) => {
    box().focus();
    box().value = value;
    box().dispatchEvent(new Event("input", { bubbles: true }));
  };

  test("typing sets the trait and saves it", () => {
    type("a cat");
    expect(model.get("prompt")).toBe("a cat");
    expect(model.saves).toBe(1);
    expect(model.all("apply")).toHaveLength(0);
  });

  test("Apply sends what the box holds, after the trait was saved", () => {
    type("a cat");
    one(".dw-apply").click();
    const apply = { type: "apply", page_id: model.pageId, prompt: "a cat", enrich: true };
    expect(model.sent.at(-1)).toEqual(apply);
    expect(model.saves).toBe(1);
  });

  test("an empty prompt is not applied", () => {
    type("  ");
    one(".dw-apply").click();
    expect(model.all("apply")).toHaveLength(0);
  });

  test("an echo of what was typed does not take back what was typed since", () => {
    type("a c");
    type("a cat");
    model.set("prompt", "a c"); // the kernel's late echo
    expect(box().value).toBe("a cat");
    model.set("prompt", "a cat");
    expect(box().value).toBe("a cat");
  });

  test("what somebody else sets comes in, also while the box has the focus", () => {
    type("a cat");
    model.set("prompt", "from a link");
    expect(box().value).toBe("from a link");
  });

  test("after a quiet second the box shows what the kernel holds", () => {
    type("a c");
    type("a cat");
    model.set("prompt", "a c");
    vi.advanceTimersByTime(1000);
    expect(box().value).toBe("a c");
  });

  test("a word that is being composed is not sent yet", () => {
    box().dispatchEvent(new Event("compositionstart"));
    type("に");
    expect(model.get("prompt")).toBe("anime style");
    model.set("prompt", "from a link");
    expect(box().value).toBe("に");
    const enter = new KeyboardEvent("keydown", {
      ...{ key: "Enter", isComposing: true, bubbles: true, cancelable: true },
    });
    box().dispatchEvent(enter);
    expect(enter.defaultPrevented).toBe(true);
    box().value = "日本";
    box().dispatchEvent(new Event("compositionend"));
    expect(model.get("prompt")).toBe("日本");
  });

  test("enrich goes both ways", () => {
    const check = one<HTMLInputElement>("input.dw-enrich");
    expect(check.checked).toBe(true);
    check.click();
    expect(model.get("enrich")).toBe(false);
    model.set("enrich", true);
    expect(check.checked).toBe(true);
  });

  test("the line below says what became of it", () => {
    const line = () => [text(".dw-prompt-status"), one(".dw-prompt-status").dataset.tone];
    model.set("connection_state", "generating");
    model.set("prompt_status", "pending");
    expect(line()).toEqual(["applying…", "busy"]);
    model.set("_applied_in", 0.314);
    model.set("prompt_status", "applied");
    expect(line()).toEqual(["applied in 0.31 s", "ok"]);
    model.set("_applied_in", 0.0031);
    expect(line()).toEqual(["applied in 3 ms", "ok"]);
    model.set("error", { code: "request-rejected", message: "moderation said no", remedy: "" });
    model.set("prompt_status", "rejected");
    expect(line()).toEqual(["rejected: moderation said no", "bad"]);
    // What went wrong since, with what to do; a prompt that is under way comes before it.
    model.set("prompt_status", "applied");
    model.set("error", { code: "bad-video", message: "No video.", remedy: "Drop an MP4." });
    expect(line()).toEqual(["No video. Drop an MP4.", "bad"]);
    model.set("prompt_status", "pending");
    expect(line()).toEqual(["applying…", "busy"]);
    expect(visible(".dw-notice")).toBe(false);
  });

  test("no key leaves the widget", () => {
    const keys = vi.fn();
    for (const name of ["keydown", "keyup", "keypress"]) {
      document.addEventListener(name, keys, { signal: life.signal });
      box().dispatchEvent(new KeyboardEvent(name, { key: "d", bubbles: true }));
      one(".dw-start").dispatchEvent(new KeyboardEvent(name, { key: "d", bubbles: true }));
    }
    expect(keys).not.toHaveBeenCalled();
    expect(box().closest("[data-lm-suppress-shortcuts]")).toBe(root);
  });
});

describe("notices", () => {
  const notice = () => [one(".dw-notice").dataset.code, text(".dw-notice .dw-title")];

  test("an error of the kernel's is shown with its own words", () => {
    model.set("connection_state", "error");
    model.set("error", { code: "at-capacity", message: "All are busy.", remedy: "Wait a bit." });
    expect(notice()).toEqual(["at-capacity", "No free place now"]);
    expect(text(".dw-notice p")).toContain("All are busy.");
    expect(text(".dw-notice p")).toContain("Wait a bit.");
    one(".dw-retry").click();
    expect(model.all("start")).toHaveLength(1);
  });

  test("an error without a name is an error all the same", () => {
    model.set("connection_state", "error");
    expect(notice()).toEqual(["decart-error", "Something went wrong"]);
    model.set("error", { code: "toString", message: "odd" });
    expect(notice()).toEqual(["toString", "Something went wrong"]);
  });

  test("the error of a missing page is not shown on a page", () => {
    model.set("connection_state", "error");
    model.set("error", { code: "no-frontend", message: "No page.", remedy: "Show it." });
    expect(visible(".dw-notice")).toBe(false);
    expect(visible(".dw-start")).toBe(true);
  });

  test("why a session ended is shown after its end", () => {
    model.set("connection_state", "disconnected");
    model.set("error", { code: "unattended", message: "Nobody was there.", remedy: "" });
    expect(notice()[0]).toBe("unattended");
  });

  test.each([
    ["insecure-origin", "ssh -L 8888:localhost:8888 localhost"],
    ["permission-denied", ""],
    ["no-camera", ""],
    ["camera-busy", ""],
    ["over-constrained", ""],
    ["blocked-by-frame", ""],
    ["no-webrtc", ""],
    ["media-failed", ""],
  ])("%s has a title, a remedy and, if need be, a line to copy", (code, command) => {
    model.set("connection_state", "error");
    model.set("error", { code, message: "It failed.", remedy: "Do this." });
    expect(notice()[0]).toBe(code);
    expect(text(".dw-notice .dw-title")).not.toBe("Something went wrong");
    expect(text(".dw-notice code")).toBe(command);
  });

  test("it is announced", () => {
    expect(one(".dw-notice").getAttribute("role")).toBe("alert");
  });
});

test("the root's handle has attempt and statistics", async () => {
  const handle = (root as HTMLElement & { decart: { attempt: number; stats(): Promise<object> } })
    .decart;
  expect(handle.attempt).toBeNull();
  expect(await handle.stats()).toEqual({ transport: "webrtc", framesDecoded: 0 });
  one(".dw-start").click();
  model.receive(prepare(model, 4));
  await settled();
  expect(handle.attempt).toBe(4);
  FakePeer.last.framesDecoded = 7;
  expect(await handle.stats()).toMatchObject({
    transport: "webrtc",
    framesDecoded: 7,
    width: 1280,
  });
});

test("every control has a name", () => {
  for (const control of root.querySelectorAll("button, input")) {
    const name =
      control.getAttribute("aria-label") ?? control.closest("label, button")?.textContent;
    expect(name?.trim()).toBeTruthy();
  }
});
