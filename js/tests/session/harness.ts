/** A new session on fakes for each test; shared by the tests of this folder. */

import { afterEach, beforeEach, vi } from "vitest";
import { Session } from "../../src/session/session.ts";
import { FakeCamera, FakeModel, FakePeer, peers, prepare, settled } from "../fakes.ts";

export let model: FakeModel;
export let camera: FakeCamera;
export let scope: AbortController;
export let session: Session;
export let view: AbortController;

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  FakePeer.made = [];
  camera = new FakeCamera();
  model = new FakeModel({ connection_state: "idle", endpoint: "decart" });
  scope = new AbortController();
  session = new Session(model, peers, scope.signal);
  view = new AbortController();
  session.attachView(view.signal);
  welcome();
});
afterEach(() => {
  scope.abort();
  vi.useRealTimers();
});

/** The kernel's answer to `hello`. */
export function welcome(more: object = {}) {
  model.receive({
    ...{ type: "welcome", page_id: model.pageId, owner: true, protocol: 1, version: "1" },
    ...{ attempt: null, ...more },
  });
}

/** Runs a start up to the open camera and the answered offer. */
export async function connect(attempt = 1): Promise<FakePeer> {
  session.start();
  model.set("connection_state", "connecting");
  model.receive(prepare(model, attempt));
  await camera.open();
  model.receive({ type: "answer", attempt, sdp: "v=0\r\n" });
  await settled();
  return FakePeer.last;
}

/** Runs a start up to the first generated picture. */
export async function generate(attempt = 1): Promise<FakePeer> {
  const peer = await connect(attempt);
  peer.become("connected");
  peer.emitTrack();
  model.set("connection_state", "generating");
  peer.framesDecoded = 1;
  await vi.advanceTimersByTimeAsync(100);
  return peer;
}

/** Lets time pass while the kernel sends beats and frames come in. */
export async function passSeconds(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    if (second % 5 === 0) model.receive({ type: "beat" });
    for (const peer of FakePeer.made) peer.framesDecoded += 30;
    await vi.advanceTimersByTimeAsync(1000);
  }
}

/** The kernel's end of the attempt. */
export const end = (more: object) =>
  model.receive({ type: "end", attempt: 1, reason: "stopped", keep_camera: false, ...more });
