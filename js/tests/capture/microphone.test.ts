import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openCamera } from "../../src/capture/camera.ts";
import { microphone } from "../../src/capture/microphone.ts";
import { Session } from "../../src/session/session.ts";
import {
  FakeCamera,
  FakeModel,
  FakePeer,
  FakeRooms,
  type FakeTrack,
  peers,
  prepare,
  settled,
} from "../fakes.ts";

let model: FakeModel;
let camera: FakeCamera;
let scope: AbortController;
let session: Session;

beforeEach(() => {
  localStorage.clear();
  FakePeer.made = [];
  camera = new FakeCamera();
});
afterEach(() => scope.abort());

async function begin(
  traits: object,
  load: ConstructorParameters<typeof Session>[1] = peers,
): Promise<void> {
  model = new FakeModel({ connection_state: "idle", endpoint: "decart", ...traits });
  scope = new AbortController();
  session = new Session(model, load, scope.signal);
  session.attachView(scope.signal);
  model.receive({
    ...{ type: "welcome", page_id: model.pageId, owner: true, protocol: 1, version: "1" },
    attempt: null,
  });
  await settled(); // the piece that opens cameras has come
}

/** As far as an open camera and an offer. */
async function start(attempt = 1, more: object = {}): Promise<FakePeer> {
  session.start();
  model.set("connection_state", "connecting");
  model.receive({ ...prepare(model, attempt), ...more });
  await settled();
  await camera.open();
  return FakePeer.last;
}

const set = async (name: string, value: unknown) => {
  model.set(name, value);
  await settled();
};
const heard = () => camera.microphones.map(({ readyState, enabled }) => `${readyState} ${enabled}`);
const troubles = () => model.all("trouble").map(({ code }) => code);

test("is not asked for where nobody wished for it, and has no place in the offer", async () => {
  await begin({});
  const peer = await start();
  expect(camera.asked.map(({ audio }) => audio)).toEqual([false]);
  expect(peer.voice).toBeUndefined();
});

test("is asked for together with the camera, once, and sent", async () => {
  await begin({ microphone: true });
  const peer = await start();
  expect(camera.asked.map(({ audio, video }) => [audio, video !== false])).toEqual([[true, true]]);
  expect(peer.voice).toBe(camera.microphones[0]);
  expect(heard()).toEqual(["live true"]);
});

test("is muted and heard again without another question", async () => {
  await begin({ microphone: true });
  const peer = await start();
  await set("muted", true);
  expect(heard()).toEqual(["live false"]);
  await set("muted", false);
  expect(heard()).toEqual(["live true"]);
  expect(peer.voice).toBe(camera.microphones[0]);
  expect(camera.asked).toHaveLength(1);
});

test("that is muted from the start never sends a sound", async () => {
  await begin({ microphone: true, muted: true });
  await start();
  expect(heard()).toEqual(["live false"]);
});

test("that is switched off is off, and comes back with a question of its own", async () => {
  await begin({ microphone: true });
  const peer = await start();
  await set("microphone", false);
  expect(heard()).toEqual(["ended true"]);
  expect(peer.voice).toBeNull();
  expect(camera.on).toBe(true);
  await set("microphone", true);
  expect(camera.asked.at(-1)).toEqual({ audio: true, video: false });
  await camera.open();
  expect(peer.voice).toBe(camera.microphones[1]);
  expect(heard()).toEqual(["ended true", "live true"]);
});

test("that is switched off while the question is open stays off", async () => {
  await begin({ microphone: true });
  session.start();
  await set("microphone", false);
  await camera.open();
  expect(heard()).toEqual(["ended true"]);
});

test("goes off with the session", async () => {
  await begin({ microphone: true });
  await start();
  session.stop();
  expect(heard()).toEqual(["ended true"]);
});

test("that comes late, after Stop, is closed at once", async () => {
  await begin({ microphone: true });
  session.start();
  session.stop();
  await camera.open();
  expect(heard()).toEqual(["ended true"]);
  expect(camera.on).toBe(false);
});

test("that is not there leaves the camera alone, and is said", async () => {
  await begin({ microphone: true });
  session.start();
  model.receive(prepare(model));
  await settled();
  await camera.refuse("NotFoundError");
  expect(camera.asked.at(-1)?.audio).toBe(false);
  await camera.open();
  expect(camera.on).toBe(true);
  expect(troubles()).toEqual(["microphone-failed"]);
  expect(model.get("microphone")).toBe(false);
});

test("that alone is forbidden leaves the camera alone", async () => {
  camera.permission = "granted";
  await begin({ microphone: true });
  session.start();
  await camera.refuse("NotAllowedError");
  await camera.open();
  expect(camera.on).toBe(true);
  expect(troubles()).toEqual(["microphone-failed"]);
});

test("who says no to both is not asked again", async () => {
  camera.permission = "denied";
  const hear = vi.fn();
  scope = new AbortController();
  const opened = openCamera(null, { width: 4, height: 4, fps: 30 }, scope.signal, hear);
  const refused = expect(opened).rejects.toMatchObject({ reason: "permission-denied" });
  await camera.refuse("NotAllowedError");
  await refused;
  expect(camera.asked).toHaveLength(1);
  expect(hear).not.toHaveBeenCalled();
});

test("waits for the next start where the connection has no place for it", async () => {
  await begin({});
  await start();
  await set("microphone", true);
  expect(camera.asked).toHaveLength(1);
  expect(troubles()).toEqual(["microphone-later"]);
  expect(model.get("microphone")).toBe(true);
  // A reconnect keeps the camera, and makes a place.
  model.receive({ type: "end", attempt: 1, reason: "reconnecting", keep_camera: true });
  model.receive(prepare(model, 2));
  await settled();
  await camera.open();
  expect(camera.asked.at(-1)).toEqual({ audio: true, video: false });
  expect(FakePeer.last.voice).toBe(camera.microphones[0]);
  expect(troubles()).toHaveLength(1);
});

test("that is pulled out makes room for the next one; without one it is said", async () => {
  await begin({ microphone: true });
  const peer = await start();
  const first = camera.microphones[0] as FakeTrack;
  first.dispatchEvent(new Event("ended"));
  await settled();
  expect(peer.voice).toBeNull();
  await camera.open();
  const second = camera.microphones[1] as FakeTrack;
  expect(peer.voice).toBe(second);
  second.dispatchEvent(new Event("ended"));
  await settled();
  await camera.refuse("NotFoundError");
  expect(peer.voice).toBeNull();
  expect(troubles()).toEqual(["microphone-failed"]);
  expect(camera.on).toBe(true);
});

test("in a room may be switched on at any time, and is told once", async () => {
  const rooms = new FakeRooms();
  await begin({}, rooms.load);
  session.start();
  model.receive({ ...prepare(model), transport: "livekit" });
  await settled();
  await camera.open();
  expect(rooms.spoken).toEqual([]);
  await set("microphone", true);
  await camera.open();
  await set("microphone", false);
  expect(rooms.spoken).toEqual([camera.microphones[0], null]);
  expect(troubles()).toEqual([]);
});

test("sound that comes back joins the picture's stream, whichever is first", async () => {
  await begin({ microphone: true });
  const peer = await start();
  peer.emitTrack("audio");
  expect(session.attempt?.stream).toBeNull();
  peer.emitTrack("video");
  const { stream } = session.attempt as { stream: MediaStream };
  expect([stream.getVideoTracks().length, stream.getAudioTracks().length]).toEqual([1, 1]);
});

test("that a room does not take is said, and closed", async () => {
  const rooms = new FakeRooms();
  rooms.refusesSound = true;
  await begin({ microphone: true }, rooms.load);
  session.start();
  model.receive({ ...prepare(model), transport: "livekit" });
  await settled();
  await camera.open();
  expect(troubles()).toEqual(["microphone-failed"]);
  expect(heard()).toEqual(["ended true"]);
  expect(model.get("microphone")).toBe(false);
  expect(camera.on).toBe(true);
});

test("is said to be missing where a page has no devices", async () => {
  vi.stubGlobal("navigator", { userAgent: "Fake/1.0" });
  await begin({ microphone: true, source: "screen" });
  const trouble = vi.fn();
  const voice = microphone(false, { microphoneChanged: () => undefined, trouble }, scope.signal);
  await voice.open();
  expect(trouble).toHaveBeenCalledWith("microphone-failed");
});
