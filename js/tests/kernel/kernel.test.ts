import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { storeFormerPage, takeFormerPages } from "../../src/kernel/former-pages.ts";
import { Kernel, type KernelEvents } from "../../src/kernel/kernel.ts";
import { FakeModel, prepare } from "../fakes.ts";

const fakeEvents = () =>
  ({
    onMessage: vi.fn(),
    onWelcome: vi.fn(),
    onPrepare: vi.fn(),
    onAttemptMessage: vi.fn(),
    onOwner: vi.fn(),
    onTap: vi.fn(),
    onSwitchCamera: vi.fn(),
    onImageState: vi.fn(),
    onInterrupted: vi.fn(),
  }) satisfies KernelEvents;

let model: FakeModel;
let scope: AbortController;
let events: ReturnType<typeof fakeEvents>;
let kernel: Kernel;

beforeEach(() => {
  vi.useFakeTimers();
  model = new FakeModel();
  scope = new AbortController();
  events = fakeEvents();
  kernel = new Kernel(model, events, scope.signal);
});
afterEach(() => {
  scope.abort();
  vi.useRealTimers();
});

const welcome = (pageId = kernel.pageId) =>
  model.receive({ type: "welcome", page_id: pageId, owner: true, protocol: 1, attempt: null });

test("hello is sent at once, then after 0.25, 0.5, 1, 2, 2 … s, until the welcome", () => {
  const at = () => model.all("hello").length;
  expect(at()).toBe(1);
  for (const [ms, count] of [
    [250, 2],
    [500, 3],
    [1000, 4],
    [2000, 5],
    [2000, 6],
  ] as const) {
    vi.advanceTimersByTime(ms);
    expect(at()).toBe(count);
  }
  welcome("another page");
  vi.advanceTimersByTime(2000);
  expect(at()).toBe(7);
  welcome();
  vi.advanceTimersByTime(60_000);
  expect(at()).toBe(7);
  expect(events.onWelcome).toHaveBeenCalledOnce();
});

test("hello names protocol, bundle and page", () => {
  expect(model.sent[0]).toMatchObject({
    type: "hello",
    protocol: 1,
    version: "0.0.0-test",
    page: { host: "localhost:8888", visible: true },
  });
  expect(kernel.pageId).toMatch(/^[0-9a-f]{24}$/);
});

test("heartbeats are sent every 5 s during an attempt, and never otherwise", () => {
  welcome();
  vi.advanceTimersByTime(60_000);
  expect(model.all("heartbeat")).toHaveLength(0);
  kernel.attempt = 3;
  vi.advanceTimersByTime(15_000);
  expect(model.all("heartbeat").map((m) => m.attempt)).toEqual([3, 3, 3]);
  kernel.attempt = null;
  vi.advanceTimersByTime(60_000);
  expect(model.all("heartbeat")).toHaveLength(3);
});

test("messages of another attempt are dropped and counted", () => {
  kernel.attempt = 3;
  model.receive({ type: "answer", attempt: 2, sdp: "v=0" });
  model.receive({ type: "end", attempt: 4, reason: "stopped", keep_camera: false });
  expect(events.onAttemptMessage).not.toHaveBeenCalled();
  expect(kernel.counts.dropped).toBe(2);
  model.receive({ type: "answer", attempt: 3, sdp: "v=0" });
  expect(events.onAttemptMessage).toHaveBeenCalledOnce();
  kernel.attempt = null;
  model.receive({ type: "candidate", attempt: 3, candidate: null });
  expect(kernel.counts.dropped).toBe(3);
});

test("an attempt is prepared once, in this page only", () => {
  model.receive({ ...prepare(model, 5), page_id: "another page" });
  expect(events.onPrepare).not.toHaveBeenCalled();
  model.receive(prepare(model, 5));
  model.receive(prepare(model, 5));
  model.receive(prepare(model, 4));
  expect(events.onPrepare).toHaveBeenCalledOnce();
  expect(kernel.counts.dropped).toBe(2);
});

test.each([
  [null],
  [7],
  ["hello"],
  [[]],
  [{}],
  [{ type: 5 }],
  [{ type: "nonsense" }],
  [{ type: "toString" }],
  [{ type: "answer", attempt: 1 }],
  [{ type: "answer", attempt: "1", sdp: "v=0" }],
  [{ type: "candidate", attempt: 1, candidate: "x" }],
  [{ type: "prepare", attempt: 1, page_id: "x" }],
])("%j is counted and ignored", (junk) => {
  model.receive(junk);
  expect(kernel.counts.unknown).toBe(1);
  for (const method of Object.values(events)) expect(method).not.toHaveBeenCalled();
});

test("a page that is left sends pagehide", () => {
  window.dispatchEvent(new Event("pagehide"));
  expect(model.all("pagehide")).toHaveLength(1);
});

describe("a page that may be left", () => {
  const leave = () => window.dispatchEvent(new Event("beforeunload"));

  test("says so before its socket is closed, during an attempt only", () => {
    leave();
    expect(model.all("leaving")).toHaveLength(0);
    kernel.attempt = 3;
    leave();
    expect(model.all("leaving")).toHaveLength(1);
    kernel.attempt = null;
    leave();
    expect(model.all("leaving")).toHaveLength(1);
  });

  test("says hello when it has stayed after all", () => {
    welcome();
    kernel.attempt = 3;
    leave();
    expect(model.all("hello")).toHaveLength(1);
    vi.advanceTimersByTime(2000);
    expect(model.all("hello")).toHaveLength(2);
    welcome();
    vi.advanceTimersByTime(60_000);
    expect(model.all("hello")).toHaveLength(2);
  });
});

describe("the ids of a page that was left", () => {
  beforeEach(() => sessionStorage.clear());

  test("are in the tab's storage until the next page takes them, so that no copy of the tab has them", () => {
    const other = new AbortController();
    const second = new Kernel(new FakeModel(), events, other.signal);
    window.dispatchEvent(new Event("pagehide"));
    other.abort();
    expect(takeFormerPages()).toEqual([kernel.pageId, second.pageId]);
    expect(takeFormerPages()).toEqual([]);
    expect(sessionStorage.length).toBe(0);
  });

  test("are taken out when the page comes back from the back-forward cache", () => {
    window.dispatchEvent(new Event("pagehide"));
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    expect(takeFormerPages()).toEqual([]);
  });

  test("are sent with each hello of the page that was loaded in its place", async () => {
    window.dispatchEvent(new Event("pagehide"));
    vi.resetModules();
    const reloaded = await import("../../src/kernel/kernel.ts");
    const next = new FakeModel();
    new reloaded.Kernel(next, events, scope.signal);
    expect(next.sent[0]).toMatchObject({ type: "hello", page: { former: [kernel.pageId] } });
  });

  test("are bounded, and another script's entry does no harm", () => {
    sessionStorage.setItem("decart-widget.former", "{");
    expect(takeFormerPages()).toEqual([]);
    for (let index = 0; index < 100; index++) storeFormerPage(String(index));
    expect(takeFormerPages()).toHaveLength(64);
  });
});

test("a lost and regained kernel is sent hello again", () => {
  welcome();
  model.emit("comm_live_update");
  expect(events.onInterrupted).toHaveBeenCalledOnce();
  expect(model.all("hello")).toHaveLength(2);
});

test("a host that can't send is no error", () => {
  model.send = () => {
    throw new Error("Cannot send: the comm is closed");
  };
  kernel.send({ type: "start" });
  expect(kernel.counts.unsent).toBe(1);
});

test("ending removes all listeners, and nothing is sent afterwards", () => {
  kernel.attempt = 1;
  scope.abort();
  vi.advanceTimersByTime(60_000);
  window.dispatchEvent(new Event("pagehide"));
  expect(model.sent.map((m) => m.type)).toEqual(["hello"]);
  expect(model.listeners).toBe(0);
});
