/** The examples of the messages between kernel and page, which the kernel's tests read too. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import vectors from "../../../tests/vectors/page_messages.json";
import { requestChunks } from "../../src/chunks.ts";
import { PROTOCOL, parse } from "../../src/kernel/messages.ts";
import { Session } from "../../src/session/session.ts";
import { imageSlot } from "../../src/tools/image.ts";
import {
  FakeCamera,
  FakeModel,
  FakePeer,
  FakeRecorder,
  FakeRooms,
  type Message,
  peers,
  prepare,
  settled,
} from "../fakes.ts";

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear(); // a choice of camera is remembered there
});
afterEach(() => {
  vi.useRealTimers();
});

/** Everything that a session sends when all of its features are used. */
async function everything(): Promise<Message[]> {
  const camera = new FakeCamera();
  const model = new FakeModel();
  const scope = new AbortController();
  const rooms = new FakeRooms();
  // Different each time, because a page doesn't request the same chunk twice.
  const hash = () => String(Math.random());
  const names = {
    main: hash(),
    peer: hash(),
    room: hash(),
    capture: hash(),
    tools: hash(),
    take: hash(),
  };
  requestChunks(model, names, () => undefined, scope.signal);
  const session = new Session(model, rooms.load, scope.signal);
  session.attachView(new AbortController().signal);
  await settled();
  session.apply("a pencil sketch", true);
  session.hints.anticipateStart();
  session.start();
  model.receive(prepare(model, 1));
  await camera.refuse("NotAllowedError");
  session.start();
  session.stop();
  session.start();
  model.receive(prepare(model, 2));
  await camera.open(); // the one that was stopped
  await camera.open();
  const peer = FakePeer.last;
  const candidate = { candidate: "candidate:1", sdpMid: "0", sdpMLineIndex: 0 };
  peer.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate }));
  peer.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate: null }));
  peer.become("connected");
  peer.framesDecoded = 1;
  model.set("connection_state", "generating");
  peer.emitTrack();
  await captureEverything(session, model);
  model.receive({ type: "switch-camera", page_id: model.pageId, request: 5 }); // there is no other camera
  await settled();
  await vi.advanceTimersByTimeAsync(6000); // without a frame: a stall
  model.set("connection_state", "reconnecting");
  window.dispatchEvent(new Event("online"));
  peer.become("disconnected");
  peer.become("failed");
  camera.tracks.at(-1)?.dispatchEvent(new Event("ended"));
  await settled();
  window.dispatchEvent(new Event("beforeunload"));
  window.dispatchEvent(new Event("pagehide"));
  session.stop();
  model.receive({ ...prepare(model, 3), transport: "livekit" });
  await settled();
  rooms.become("reconnecting");
  rooms.become("failed", { reason: "no answer" });
  model.receive({ type: "owner", page_id: "another page" });
  session.start();
  session.stop();
  await settled();
  scope.abort();
  return model.sent;
}

/** Records a clip, requests one that the browser can't record, and clicks the Record button. */
async function captureEverything(session: Session, model: FakeModel): Promise<void> {
  vi.stubGlobal("MediaRecorder", FakeRecorder);
  const clip = { type: "tap", page_id: model.pageId, what: "record", which: "output" };
  model.receive({ ...clip, id: 7, format: "mp4" });
  await vi.advanceTimersByTimeAsync(600);
  model.receive({ type: "credit", id: 7, frames: 8 });
  model.receive({ type: "untap", id: 7 });
  await vi.advanceTimersByTimeAsync(600);
  vi.stubGlobal("MediaRecorder", undefined);
  model.receive({ ...clip, id: 8 });
  await vi.advanceTimersByTimeAsync(0);
  const el = () => document.createElement("div");
  const slots = { root: el(), image: el() };
  const slot = imageSlot(session, slots, new AbortController().signal);
  await slot.upload(new Blob(["x".repeat(12_000)]));
  slots.image.querySelector<HTMLElement>(".dw-clear")?.click();
  session.taps.startRecording();
  session.taps.stopRecording();
}

test("both sides have the same protocol version", () => {
  expect(vectors.protocol).toBe(PROTOCOL);
});

describe("browser to kernel", () => {
  const label = (m: Message) =>
    JSON.stringify({ type: m.type, state: m.state, name: m.name, candidate: m.candidate });
  /** What distinguishes examples of one type. */
  const kind = (m: Message) =>
    [
      m.type,
      m.state,
      m.name,
      m.on,
      m.total === 0,
      m.camera === null,
      m.request !== undefined && m.request !== null,
      m.state === "failed" && "detail" in m,
      m.type === "stop" && m.attempt === null,
      m.candidate === null,
    ].join();
  const shape = (value: unknown): unknown =>
    value === null || typeof value !== "object"
      ? typeof value
      : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner)]));

  /** Messages about a session in the kernel, and of the chunk `deck`, which have tests of their own. */
  const watching = new Set([
    ...["watch", "shown", "camera-frame"],
    ...["effect", "mark", "switch", "sweep", "thumbnails"],
  ]);
  const examples = (vectors.to_kernel as Message[]).filter((m) => !watching.has(String(m.type)));

  test.each(examples.map((m) => [label(m), m] as const))("%s is sent", async (_, example) => {
    const sent = (await everything()).filter((m) => kind(m) === kind(example));
    expect(sent).not.toEqual([]);
    for (const message of sent) {
      if (Array.isArray(message.cameras) && !message.cameras.length) continue; // not listed yet
      // Details are for the log; an example may leave them out.
      const { detail, ...rest } = message;
      const { detail: wanted, ...expected } = example;
      if (wanted) expect(shape(detail)).toEqual(shape(wanted));
      if (example.type === "log") {
        const entry = (m: Message) => (m.events as unknown[][]).map((e) => shape(e.slice(0, 3)))[0];
        expect(entry(message)).toEqual(entry(example));
        rest.events = expected.events = [];
      }
      if (example.type === "stats") rest.rtt_s ??= 0; // unknown until the first answer
      expect(shape(rest)).toEqual(shape(expected));
    }
  });
});

describe("kernel to browser", () => {
  const examples = vectors.to_browser as Message[];

  test.each(examples.map((m) => [JSON.stringify(m).slice(0, 60), m] as const))(
    "%s is understood",
    async (_, example) => {
      expect(parse(example)).toEqual(example);
      new FakeCamera();
      const model = new FakeModel();
      const scope = new AbortController();
      const session = new Session(model, peers, scope.signal);
      const mine = "page_id" in example ? { ...example, page_id: model.pageId } : example;
      const attempt = typeof example.attempt === "number" ? example.attempt : 1;
      if (example.type !== "prepare") model.receive(prepare(model, attempt));
      model.receive(mine);
      await settled();
      expect(session.kernel.counts).toEqual({ dropped: 0, unknown: 0, unsent: 0 });
      // A message for another page is ignored.
      const other = new Session(new FakeModel(), peers, scope.signal);
      other.kernel.model.on("msg:custom", () => undefined);
      (other.kernel.model as FakeModel).receive(example);
      expect(other.attempt).toBeNull();
      scope.abort();
    },
  );
});
