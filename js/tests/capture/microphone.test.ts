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
  await settled(); // the chunk `capture` is loaded
}

/** Runs a start up to the open camera and the offer. */
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
const microphoneStates = () =>
  camera.microphones.map(({ readyState, enabled }) => `${readyState} ${enabled}`);
const troubles = () => model.all("trouble").map(({ code }) => code);

test("a microphone that is off is not requested, and the offer has no audio transceiver", async () => {
  await begin({});
  const peer = await start();
  expect(camera.asked.map(({ audio }) => audio)).toEqual([false]);
  expect(peer.voice).toBeUndefined();
});

test("a microphone is requested once, together with the camera, and sent", async () => {
  await begin({ microphone: true });
  const peer = await start();
  expect(camera.asked.map(({ audio, video }) => [audio, video !== false])).toEqual([[true, true]]);
  expect(peer.voice).toBe(camera.microphones[0]);
  expect(microphoneStates()).toEqual(["live true"]);
});

test("muting and unmuting needs no further permission prompt", async () => {
  await begin({ microphone: true });
  const peer = await start();
  await set("muted", true);
  expect(microphoneStates()).toEqual(["live false"]);
  await set("muted", false);
  expect(microphoneStates()).toEqual(["live true"]);
  expect(peer.voice).toBe(camera.microphones[0]);
  expect(camera.asked).toHaveLength(1);
});

test("a microphone that is muted from the start sends silence", async () => {
  await begin({ microphone: true, muted: true });
  await start();
  expect(microphoneStates()).toEqual(["live false"]);
});

test("a microphone that is switched off is stopped, and requested alone when it is switched on again", async () => {
  await begin({ microphone: true });
  const peer = await start();
  await set("microphone", false);
  expect(microphoneStates()).toEqual(["ended true"]);
  expect(peer.voice).toBeNull();
  expect(camera.on).toBe(true);
  await set("microphone", true);
  expect(camera.asked.at(-1)).toEqual({ audio: true, video: false });
  await camera.open();
  expect(peer.voice).toBe(camera.microphones[1]);
  expect(microphoneStates()).toEqual(["ended true", "live true"]);
});

test("a microphone that is switched off during the permission prompt is stopped when it opens", async () => {
  await begin({ microphone: true });
  session.start();
  await set("microphone", false);
  await camera.open();
  expect(microphoneStates()).toEqual(["ended true"]);
});

test("stopping the session stops the microphone", async () => {
  await begin({ microphone: true });
  await start();
  session.stop();
  expect(microphoneStates()).toEqual(["ended true"]);
});

test("a microphone that opens after Stop is stopped at once", async () => {
  await begin({ microphone: true });
  session.start();
  session.stop();
  await camera.open();
  expect(microphoneStates()).toEqual(["ended true"]);
  expect(camera.on).toBe(false);
});

test("a missing microphone is reported, and the camera is opened without it", async () => {
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

test("a denied microphone is reported, and the camera is opened without it", async () => {
  camera.permission = "granted";
  await begin({ microphone: true });
  session.start();
  await camera.refuse("NotAllowedError");
  await camera.open();
  expect(camera.on).toBe(true);
  expect(troubles()).toEqual(["microphone-failed"]);
});

test("no second prompt appears when camera and microphone are both denied", async () => {
  camera.permission = "denied";
  const onMicrophone = vi.fn();
  scope = new AbortController();
  const opened = openCamera(null, { width: 4, height: 4, fps: 30 }, scope.signal, onMicrophone);
  const refused = expect(opened).rejects.toMatchObject({ reason: "permission-denied" });
  await camera.refuse("NotAllowedError");
  await refused;
  expect(camera.asked).toHaveLength(1);
  expect(onMicrophone).not.toHaveBeenCalled();
});

test("a microphone that is switched on without an audio transceiver is sent after the next reconnect", async () => {
  await begin({});
  await start();
  await set("microphone", true);
  expect(camera.asked).toHaveLength(1);
  expect(troubles()).toEqual(["microphone-later"]);
  expect(model.get("microphone")).toBe(true);
  // A reconnect keeps the camera, and its offer has an audio transceiver.
  model.receive({ type: "end", attempt: 1, reason: "reconnecting", keep_camera: true });
  model.receive(prepare(model, 2));
  await settled();
  await camera.open();
  expect(camera.asked.at(-1)).toEqual({ audio: true, video: false });
  expect(FakePeer.last.voice).toBe(camera.microphones[0]);
  expect(troubles()).toHaveLength(1);
});

test("an unplugged microphone is replaced by another one, or reported if there is none", async () => {
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

test("in a room the microphone can be switched on and off at any time", async () => {
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

test("received sound is added to the picture's stream, whichever track comes first", async () => {
  await begin({ microphone: true });
  const peer = await start();
  peer.emitTrack("audio");
  expect(session.attempt?.stream).toBeNull();
  peer.emitTrack("video");
  const { stream } = session.attempt as { stream: MediaStream };
  expect([stream.getVideoTracks().length, stream.getAudioTracks().length]).toEqual([1, 1]);
});

test("a microphone that can't be published in the room is reported and stopped", async () => {
  const rooms = new FakeRooms();
  rooms.refusesSound = true;
  await begin({ microphone: true }, rooms.load);
  session.start();
  model.receive({ ...prepare(model), transport: "livekit" });
  await settled();
  await camera.open();
  expect(troubles()).toEqual(["microphone-failed"]);
  expect(microphoneStates()).toEqual(["ended true"]);
  expect(model.get("microphone")).toBe(false);
  expect(camera.on).toBe(true);
});

test("a page without media devices reports that the microphone failed", async () => {
  vi.stubGlobal("navigator", { userAgent: "Fake/1.0" });
  await begin({ microphone: true, source: "screen" });
  const trouble = vi.fn();
  const voice = microphone(false, { microphoneChanged: () => undefined, trouble }, scope.signal);
  await voice.open();
  expect(trouble).toHaveBeenCalledWith("microphone-failed");
});
