/** A session that runs in the kernel, as a page sees it: no camera, no ownership, no say in its end. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import decartWidget from "../../src/index.ts";
import { Session } from "../../src/session/session.ts";
import { FakeCamera, FakeModel, peers, prepare, settled } from "../fakes.ts";
import { fakePictures, observers } from "./fakes.ts";

let model: FakeModel;
let camera: FakeCamera;
let session: Session;
let scope: AbortController;
let view: AbortController;

beforeEach(() => {
  vi.useFakeTimers();
  document.body.replaceChildren();
  localStorage.clear();
  fakePictures();
  camera = new FakeCamera();
  model = new FakeModel({
    ...{ connection_state: "idle", endpoint: "decart", engine: "kernel", source: "clip.mp4" },
    ...{ model: "lucy-latest", _media: { width: 1280, height: 720, fps: 30 } },
  });
  scope = new AbortController();
  view = new AbortController();
});
afterEach(() => {
  scope.abort();
  vi.useRealTimers();
});

function open(): void {
  session = new Session(model, peers, scope.signal);
  session.attachView(view.signal);
  welcome();
}

function welcome(more: object = {}): void {
  model.receive({
    ...{ type: "welcome", page_id: model.pageId, owner: true, protocol: 1, version: "1" },
    ...{ attempt: null, ...more },
  });
}

/** Runs a start up to the first picture. */
async function generate(attempt = 1): Promise<void> {
  model.set("connection_state", "generating");
  model.receive({ ...prepare(model, attempt), transport: "kernel", rtc: {} });
  await settled();
  const screen = document.createElement("video");
  session.attempt?.showOn(screen);
  await settled();
  observers.see(screen, true);
  await picture(0, attempt);
}

async function picture(number: number, attempt = 1): Promise<void> {
  const about = { attempt, stream: "output", number, codec: "h264", key: true, config: null };
  model.receive({ type: "picture", page_id: model.pageId, ...about }, [new Uint8Array(10)]);
  await settled();
  await vi.advanceTimersByTimeAsync(400);
}

test("Start opens no camera, and the kernel's pictures are revealed", async () => {
  open();
  session.start();
  await generate();
  expect(camera.asked).toEqual([]);
  expect(session.attempt?.revealed).toBe(true);
  expect(session.attempt?.frame).toEqual({ width: 640, height: 360 });
  expect(model.all("shown")).toEqual([
    { type: "shown", attempt: 1, stream: "output", number: 0, page_id: model.pageId },
  ]);
});

test("the kernel is told what this page is shown, but not the state of media that are its own", async () => {
  open();
  await generate();
  await vi.advanceTimersByTimeAsync(3000);
  expect(session.attempt?.reading).toMatchObject({ width: 640, codec: "H264" });
  expect(model.all("media")).toEqual([]);
  expect(model.all("stats").at(-1)).toMatchObject({ attempt: 1, width: 640, rtt_s: null });
  expect(model.all("heartbeat")).toEqual([]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(model.all("heartbeat")).not.toEqual([]);
});

test("every page shows it, whichever one owns the widget", async () => {
  open();
  welcome({ owner: false, attempt: 1 });
  await generate();
  model.receive({ type: "owner", page_id: "another page" });
  expect(session.attempt?.revealed).toBe(true);
  expect(session.isOwnedElsewhere).toBe(false);
  session.stop();
  expect(model.all("stop")).toHaveLength(1);
});

test("a page whose last view is gone watches no more, and leaves the session alone", async () => {
  open();
  await generate();
  view.abort();
  await vi.advanceTimersByTimeAsync(6000);
  const heartbeats = model.all("heartbeat").length;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(model.all("stop")).toEqual([]);
  expect(model.all("heartbeat")).toHaveLength(heartbeats);
  session.attachView(new AbortController().signal);
  await vi.advanceTimersByTimeAsync(6000);
  expect(model.all("heartbeat").length).toBeGreaterThan(heartbeats);
  await picture(1);
  expect(model.all("shown")).toHaveLength(2);
});

test("a kernel that is silent is no reason to stop, and is forgiven when it answers", async () => {
  open();
  await generate();
  model.emit("comm_live_update");
  await vi.advanceTimersByTimeAsync(11_000);
  expect(session.fault?.code).toBe("kernel-away");
  expect(session.state).toBe("reconnecting");
  expect(session.attempt).not.toBeNull();
  expect(model.all("stop")).toEqual([]);
  model.receive({ type: "beat" });
  expect(session.fault).toBeNull();
  expect(session.state).toBe("generating");
});

test("a click on Start that no kernel answers is taken back", async () => {
  open();
  session.start();
  await vi.advanceTimersByTimeAsync(23_000);
  expect(session.fault?.code).toBe("kernel-silent");
  expect(model.all("stop")).toHaveLength(1);
});

test("the next attempt goes on where the one before was lost", async () => {
  open();
  await generate(1);
  model.set("connection_state", "reconnecting");
  model.receive({ type: "end", attempt: 1, reason: "reconnecting", keep_camera: true });
  expect(session.attempt).toBeNull();
  await generate(2);
  expect(session.attempt?.revealed).toBe(true);
  expect(model.all("watch").map(({ attempt }) => attempt)).toEqual([1, 2]);
});

test("the end of the source is said as one, until the next start", async () => {
  open();
  await generate();
  model.receive({ type: "end", attempt: 1, reason: "ended", keep_camera: false });
  expect(session.isSourceOver).toBe(true);
  model.receive({ ...prepare(model, 2), transport: "kernel", rtc: {} });
  model.receive({ type: "end", attempt: 2, reason: "stopped", keep_camera: false });
  expect(session.isSourceOver).toBe(false);
});

test("with a page's source the same engine leaves camera and ownership to the page", async () => {
  model.set("source", "camera");
  open();
  expect(session.isKernelSource).toBe(false);
  session.start();
  await settled();
  expect(camera.asked).toHaveLength(1);
});

test("a recording of the kernel's is shown as one, until it is saved", () => {
  open();
  const recording = (state: string) =>
    model.receive({ type: "recording", state, name: "decart.mp4", text: "" });
  recording("recording");
  expect(session.taps.recording?.seconds).toBeGreaterThanOrEqual(0);
  recording("saving");
  expect(session.taps.recording).toBeNull();
});

test("a view names what the kernel sends, and has no tools for a camera", async () => {
  const widget = decartWidget(peers);
  const el = document.body.appendChild(document.createElement("div"));
  widget.render({ model, el, signal: scope.signal });
  await settled();
  const visible = (selector: string) => !el.querySelector(selector)?.closest("[hidden]");
  expect(el.querySelector(".dw-poster p")?.textContent).toContain("Start sends clip.mp4");
  expect(el.querySelector(".dw-sent")?.textContent).toBe("clip.mp4");
  for (const tool of [".dw-choice-camera", ".dw-choice-mirror", ".dw-microphone", ".dw-camera"]) {
    expect([tool, visible(tool)]).toEqual([tool, false]);
  }
  for (const tool of [".dw-sent", ".dw-choice-shape", ".dw-snapshot", ".dw-wipe"]) {
    expect([tool, visible(tool)]).toEqual([tool, true]);
  }
  expect(el.querySelector(".dw-quality")?.textContent).toBe("");
  model.set("connection_state", "disconnected");
  expect(el.querySelector(".dw-poster p")?.textContent).toContain("Start sends clip.mp4 again");
  model.set("engine", "browser");
  model.set("source", "camera");
  expect(visible(".dw-choice-camera")).toBe(true);
  expect(visible(".dw-sent")).toBe(false);
});
