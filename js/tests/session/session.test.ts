/** A session: its start and stop, its attempts, its camera, and which page owns it. */

import { expect, test, vi } from "vitest";
import { FakePeer, prepare, settled } from "../fakes.ts";
import { camera, connect, end, generate, model, scope, session, welcome } from "./harness.ts";

test("nothing is opened before Start", () => {
  expect(camera.asked).toHaveLength(0);
  expect(FakePeer.made).toHaveLength(0);
  expect(session.state).toBe("idle");
});

test("Start opens the camera, sends a start to the kernel and shows the state at once", () => {
  session.start();
  expect(camera.asked).toHaveLength(1);
  expect(model.all("start")).toHaveLength(1);
  expect(session.state).toBe("connecting");
  session.start();
  expect(model.all("start")).toHaveLength(1);
});

test("the offer does not wait for the camera", async () => {
  session.start();
  model.receive(prepare(model));
  await settled();
  expect(model.all("offer")).toMatchObject([{ attempt: 1, sdp: "v=0\r\n" }]);
  expect(FakePeer.last.log).toEqual(["transceiver sendrecv 2500000"]);
  // Else Firefox begins with 960×540.
  expect(FakePeer.last.parameters).toMatchObject({
    degradationPreference: "maintain-resolution",
  });
  expect(FakePeer.last.track).toBeNull();
  const track = await camera.open();
  expect(FakePeer.last.track).toBe(track);
  expect(model.all("media")).toMatchObject([{ state: "camera", detail: { width: 1280, fps: 30 } }]);
  expect(camera.asked).toHaveLength(1);
});

test("a kernel that prepares on its own opens the camera too", async () => {
  model.receive(prepare(model));
  expect(camera.asked).toHaveLength(1);
  await camera.open();
  expect(session.source.isCameraOn).toBe(true);
});

test("candidates that come before the answer wait for it", async () => {
  session.start();
  model.receive(prepare(model));
  const candidate = { candidate: "candidate:1", sdpMid: "0", sdpMLineIndex: 0 };
  model.receive({ type: "candidate", attempt: 1, candidate });
  await settled();
  expect(FakePeer.last.candidates).toEqual([]);
  model.receive({ type: "answer", attempt: 1, sdp: "v=0\r\n" });
  await settled();
  model.receive({ type: "candidate", attempt: 1, candidate: null });
  await settled();
  expect(FakePeer.last.log.slice(1)).toEqual(["answer", "candidate", "candidate"]);
  expect(FakePeer.last.candidates).toEqual([candidate, { candidate: "" }]);
});

test("the picture is revealed when it is decoded and generated, not before", async () => {
  const peer = await connect();
  peer.become("connected");
  peer.emitTrack();
  await vi.advanceTimersByTimeAsync(300);
  expect(session.attempt?.frame).toBeNull();
  peer.framesDecoded = 1;
  await vi.advanceTimersByTimeAsync(100);
  expect(model.all("media").at(-1)).toMatchObject({
    state: "first-frame",
    detail: { width: 1280, height: 720, ms: 400 },
  });
  expect(session.attempt?.revealed).toBe(false);
  model.set("connection_state", "generating");
  expect(session.attempt?.revealed).toBe(true);
  expect(session.ttffMs).toBe(400);
  model.set("connection_state", "connected");
  expect(session.attempt?.revealed).toBe(true);
});

test("a frame that a view shows counts once, and only of the current stream", async () => {
  const peer = await connect();
  peer.emitTrack();
  const stream = session.attempt?.stream as MediaStream;
  session.attempt?.onFrame({ width: 1, height: 1 }, {} as MediaStream);
  session.attempt?.onFrame({ width: 640, height: 360 }, stream);
  session.attempt?.onFrame({ width: 1280, height: 720 }, stream);
  const seen = model.all("media").filter((m) => m.state === "first-frame");
  expect(seen).toMatchObject([{ detail: { width: 640, height: 360 } }]);
});

test("statistics are sent at most once a second, and only during an attempt", async () => {
  const peer = await generate();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(model.all("stats")).toHaveLength(10);
  peer.become("disconnected");
  end({});
  await vi.advanceTimersByTimeAsync(10_000);
  expect(model.all("stats")).toHaveLength(10);
});

test("Stop acts in the page at once, whatever the kernel does", async () => {
  const peer = await generate();
  session.stop();
  expect(peer.connectionState).toBe("closed");
  expect(camera.on).toBe(false);
  expect(session.attempt).toBeNull();
  expect(session.state).toBe("disconnected");
  expect(model.all("stop")).toMatchObject([{ attempt: 1 }]);
  model.receive({ type: "answer", attempt: 1, sdp: "v=0" });
  expect(session.kernel.counts.dropped).toBe(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(model.all("heartbeat").length).toBeLessThan(2);
});

test("an attempt that comes after Stop is declined", async () => {
  session.start();
  session.stop();
  expect(model.all("stop")).toMatchObject([{ attempt: null }]);
  model.receive(prepare(model, 1));
  expect(model.all("stop")).toMatchObject([{ attempt: null }, { attempt: 1 }]);
  expect((await camera.open()).readyState).toBe("ended");
  expect(camera.asked).toHaveLength(1);
  session.start();
  model.receive(prepare(model, 2));
  expect(session.attempt?.number).toBe(2);
});

test("a reconnect keeps the camera, and every attempt brings a new stream", async () => {
  const first = await generate();
  const stream = session.attempt?.stream;
  end({ reason: "reconnecting", keep_camera: true });
  model.set("connection_state", "reconnecting");
  expect(first.connectionState).toBe("closed");
  expect(session.source.isCameraOn).toBe(true);
  model.receive(prepare(model, 2));
  await settled();
  expect(camera.asked).toHaveLength(1);
  expect(FakePeer.last).not.toBe(first);
  expect(FakePeer.last.track).toBe(camera.tracks[0]);
  FakePeer.last.emitTrack();
  expect(session.attempt?.stream).not.toBe(stream);
  expect(session.attempt?.revealed).toBe(false);
});

test("an end that doesn't keep the camera turns it off", async () => {
  await generate();
  end({ reason: "unattended" });
  expect(camera.on).toBe(false);
});

test("a refused camera is reported to the kernel once, with its reason", async () => {
  session.start();
  model.receive(prepare(model));
  await camera.refuse("NotAllowedError");
  expect(model.all("refused")).toEqual([
    {
      ...{ type: "refused", page_id: model.pageId, attempt: 1 },
      ...{ reason: "permission-denied", message: "NotAllowedError it is" },
    },
  ]);
  expect(session.state).toBe("error");
  expect(session.fault?.code).toBe("permission-denied");
  expect(FakePeer.last.connectionState).toBe("closed");
});

test("a camera refused before the attempt has a number is reported once it has one", async () => {
  session.start();
  await camera.refuse("NotFoundError");
  expect(session.state).toBe("error");
  expect(model.all("refused")).toHaveLength(0);
  model.receive(prepare(model));
  await settled();
  expect(model.all("refused")).toMatchObject([{ attempt: 1, reason: "no-camera" }]);
  expect(camera.asked).toHaveLength(1);
});

test("Retry requests the camera again", async () => {
  session.start();
  await camera.refuse("NotReadableError");
  session.start();
  expect(camera.asked).toHaveLength(2);
  expect(session.state).toBe("connecting");
  await camera.open();
  expect(session.source.isCameraOn).toBe(true);
});

test("an earlier error is no longer shown once a session is active again", async () => {
  session.start();
  model.receive(prepare(model));
  await camera.refuse("NotAllowedError");
  model.set("connection_state", "error");
  expect(session.state).toBe("error");
  model.set("connection_state", "connecting"); // from Python, or from another page
  expect(session.state).toBe("connecting");
});

test("a start that the kernel refuses turns the camera off", async () => {
  session.start();
  await camera.open();
  model.set("error", { code: "invalid-key", message: "no", remedy: "" });
  expect(camera.on).toBe(false);
});

test("a start that ends before its attempt turns the camera off", async () => {
  session.start();
  await camera.open();
  model.set("connection_state", "connecting");
  expect(camera.on).toBe(true);
  model.set("connection_state", "idle");
  expect(camera.on).toBe(false);
  expect(session.state).toBe("idle");
});

test("the end of a stopped session does not affect the one that was started after it", async () => {
  await generate();
  session.stop();
  session.start();
  await camera.open();
  model.set("connection_state", "disconnected");
  expect(camera.on).toBe(true);
  expect(session.state).toBe("connecting");
});

test("an unplugged camera is reported to the kernel", async () => {
  await generate();
  camera.tracks[0]?.dispatchEvent(new Event("ended"));
  await settled();
  expect(model.all("media").at(-1)).toMatchObject({ state: "ended" });
  expect(session.source.isCameraOn).toBe(false);
});

test("a camera whose track has ended without an event is opened again", async () => {
  await generate();
  end({ reason: "reconnecting", keep_camera: true });
  camera.tracks[0]?.stop();
  model.receive(prepare(model, 2));
  const track = await camera.open();
  expect(camera.asked).toHaveLength(2);
  expect(FakePeer.last.track).toBe(track);
});

test("a page that does not own the session may start one when none is active, and then owns it", () => {
  model.receive({ type: "owner", page_id: "another page" });
  model.set("connection_state", "generating");
  expect(session.isOwnedElsewhere).toBe(true);
  model.set("connection_state", "disconnected");
  expect(session.isOwnedElsewhere).toBe(false);
  session.start();
  expect(session.isOwnedElsewhere).toBe(false);
});

test("a page that takes a session over opens its camera when it owns the session", () => {
  model.receive({ type: "owner", page_id: "another page" });
  model.set("connection_state", "generating");
  session.start();
  expect(model.all("take")).toHaveLength(1);
  expect(camera.asked).toHaveLength(0);
  model.receive({ type: "owner", page_id: model.pageId });
  expect(session.isOwnedElsewhere).toBe(false);
  model.receive(prepare(model, 4));
  expect(camera.asked).toHaveLength(1);
});

test("a page that loses the session closes its picture and its camera", async () => {
  await generate();
  model.receive({ type: "owner", page_id: "another page" });
  expect(session.isOwner).toBe(false);
  expect(camera.on).toBe(false);
  expect(model.all("stop")).toHaveLength(0);
});

test("a kernel with another protocol version is reported as such", () => {
  welcome({ protocol: 2, version: "9.0" });
  expect(session.fault).toMatchObject({ code: "version-mismatch", message: /9\.0/ });
});

test("closing the widget turns everything off and leaves nothing behind", async () => {
  const peer = await generate();
  scope.abort();
  expect(camera.on).toBe(false);
  expect(peer.connectionState).toBe("closed");
  expect(model.listeners).toBe(0);
  const sent = model.sent.length;
  session.start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(model.sent).toHaveLength(sent);
});
