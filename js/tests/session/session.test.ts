import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Session } from "../../src/session/session.ts";
import { FakeCamera, FakeModel, FakePeer, peers, prepare, settled } from "../fakes.ts";

let model: FakeModel;
let camera: FakeCamera;
let scope: AbortController;
let session: Session;
let view: AbortController;

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

function welcome(more: object = {}) {
  model.receive({
    ...{ type: "welcome", page_id: model.pageId, owner: true, protocol: 1, version: "1" },
    ...{ attempt: null, ...more },
  });
}

/** As far as an open camera and an answered offer. */
async function connect(attempt = 1): Promise<FakePeer> {
  session.start();
  model.set("connection_state", "connecting");
  model.receive(prepare(model, attempt));
  await camera.open();
  model.receive({ type: "answer", attempt, sdp: "v=0\r\n" });
  await settled();
  return FakePeer.last;
}

async function generate(attempt = 1): Promise<FakePeer> {
  const peer = await connect(attempt);
  peer.become("connected");
  peer.emitTrack();
  model.set("connection_state", "generating");
  peer.framesDecoded = 1;
  await vi.advanceTimersByTimeAsync(100);
  return peer;
}

/** Time passes while the kernel lives, and frames come in. */
async function alive(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    if (second % 5 === 0) model.receive({ type: "beat" });
    for (const peer of FakePeer.made) peer.framesDecoded += 30;
    await vi.advanceTimersByTimeAsync(1000);
  }
}

const end = (more: object) =>
  model.receive({ type: "end", attempt: 1, reason: "stopped", keep_camera: false, ...more });

test("nothing is opened before Start", () => {
  expect(camera.asked).toHaveLength(0);
  expect(FakePeer.made).toHaveLength(0);
  expect(session.state).toBe("idle");
});

test("Start opens the camera and asks the kernel at once, and shows it", () => {
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

test("a frame that a view sees counts once, and only of the live stream", async () => {
  const peer = await connect();
  peer.emitTrack();
  const stream = session.attempt?.stream as MediaStream;
  session.attempt?.onFrame({ width: 1, height: 1 }, {} as MediaStream);
  session.attempt?.onFrame({ width: 640, height: 360 }, stream);
  session.attempt?.onFrame({ width: 1280, height: 720 }, stream);
  const seen = model.all("media").filter((m) => m.state === "first-frame");
  expect(seen).toMatchObject([{ detail: { width: 640, height: 360 } }]);
});

test("figures are sent at most once a second, and only while it lives", async () => {
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

test("a Stop that overtakes the attempt turns it down", async () => {
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

test("an end without keeping turns the camera off", async () => {
  await generate();
  end({ reason: "unattended" });
  expect(camera.on).toBe(false);
});

test("a refused camera is told to the kernel once, with its reason", async () => {
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

test("a camera refused before the attempt has its number is told when it has", async () => {
  session.start();
  await camera.refuse("NotFoundError");
  expect(session.state).toBe("error");
  expect(model.all("refused")).toHaveLength(0);
  model.receive(prepare(model));
  await settled();
  expect(model.all("refused")).toMatchObject([{ attempt: 1, reason: "no-camera" }]);
  expect(camera.asked).toHaveLength(1);
});

test("Retry asks for the camera again", async () => {
  session.start();
  await camera.refuse("NotReadableError");
  session.start();
  expect(camera.asked).toHaveLength(2);
  expect(session.state).toBe("connecting");
  await camera.open();
  expect(session.source.isCameraOn).toBe(true);
});

test("what went wrong here is history once something runs again", async () => {
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

test("the end of what was stopped does not harm what was started after it", async () => {
  await generate();
  session.stop();
  session.start();
  await camera.open();
  model.set("connection_state", "disconnected");
  expect(camera.on).toBe(true);
  expect(session.state).toBe("connecting");
});

test("an unplugged camera is told to the kernel", async () => {
  await generate();
  camera.tracks[0]?.dispatchEvent(new Event("ended"));
  await settled();
  expect(model.all("media").at(-1)).toMatchObject({ state: "ended" });
  expect(session.source.isCameraOn).toBe(false);
});

test("a camera without views stops 5 s after the last one, not before", async () => {
  await generate();
  view.abort();
  await vi.advanceTimersByTimeAsync(4900);
  expect(camera.on).toBe(true);
  await vi.advanceTimersByTimeAsync(200);
  expect(camera.on).toBe(false);
  expect(model.all("stop")).toMatchObject([{ attempt: 1 }]);
});

test("a view that comes back in time keeps it", async () => {
  await generate();
  view.abort();
  await vi.advanceTimersByTimeAsync(4900);
  session.attachView(new AbortController().signal);
  await alive(60);
  expect(camera.on).toBe(true);
  expect(model.all("stop")).toHaveLength(0);
});

test("one view of two may go", async () => {
  await generate();
  session.attachView(new AbortController().signal);
  view.abort();
  await alive(60);
  expect(camera.on).toBe(true);
});

test("an attempt that nobody looks at ends", async () => {
  view.abort();
  await vi.advanceTimersByTimeAsync(10_000);
  model.receive(prepare(model));
  await camera.open();
  await vi.advanceTimersByTimeAsync(5100);
  expect(camera.on).toBe(false);
});

test("a silent kernel loses the camera, and its late attempt is turned down", async () => {
  session.start();
  await camera.open();
  await vi.advanceTimersByTimeAsync(21_000);
  expect(camera.on).toBe(true);
  await vi.advanceTimersByTimeAsync(1000);
  expect(camera.on).toBe(false);
  expect(session.fault?.code).toBe("kernel-silent");
  model.receive(prepare(model, 7));
  expect(model.all("stop")).toMatchObject([{ attempt: null }, { attempt: 7 }]);
  expect(camera.asked).toHaveLength(1);
});

test("a kernel that is gone loses the camera; one that answers keeps it", async () => {
  await generate();
  model.emit("comm_live_update");
  welcome({ attempt: 1 });
  await alive(60);
  expect(camera.on).toBe(true);
  model.emit("comm_live_update");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(camera.on).toBe(false);
});

test("a kernel that has heard of the click may take its time to prepare", async () => {
  session.start();
  await camera.open();
  model.set("connection_state", "connecting");
  await alive(60);
  expect(camera.on).toBe(true);
});

test("a connection that failed waits for the kernel, but not with the camera for good", async () => {
  const peer = await generate();
  peer.become("failed");
  expect(model.all("media").at(-1)).toMatchObject({ state: "failed" });
  expect(camera.on).toBe(true);
  await alive(60);
  expect(camera.on).toBe(true);
  await vi.advanceTimersByTimeAsync(22_000);
  expect(camera.on).toBe(false);
});

test("a kernel that stops in the middle of a session loses the camera, and is told to stop", async () => {
  await generate();
  await alive(60);
  for (let second = 0; second < 22; second++) {
    FakePeer.last.framesDecoded += 30; // media needs no kernel
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(camera.on).toBe(false);
  expect(session.fault?.code).toBe("kernel-silent");
  expect(model.all("stop")).toMatchObject([{ attempt: 1 }]);
});

test("a camera kept for the next attempt goes when the kernel falls silent, not before", async () => {
  await generate();
  end({ reason: "reconnecting", keep_camera: true });
  model.set("connection_state", "reconnecting");
  await alive(60);
  expect(camera.on).toBe(true);
  expect(model.all("heartbeat").length).toBeGreaterThan(10); // this page is there all the time
  await vi.advanceTimersByTimeAsync(22_000);
  expect(camera.on).toBe(false);
});

test("a camera whose track has ended without a word is opened anew", async () => {
  await generate();
  end({ reason: "reconnecting", keep_camera: true });
  camera.tracks[0]?.stop();
  model.receive(prepare(model, 2));
  const track = await camera.open();
  expect(camera.asked).toHaveLength(2);
  expect(FakePeer.last.track).toBe(track);
});

test("a page that watches may start when nothing runs, and then it is the one", () => {
  model.receive({ type: "owner", page_id: "another page" });
  model.set("connection_state", "generating");
  expect(session.isOwnedElsewhere).toBe(true);
  model.set("connection_state", "disconnected");
  expect(session.isOwnedElsewhere).toBe(false);
  session.start();
  expect(session.isOwnedElsewhere).toBe(false);
});

test("a page that watches may take the session over, and opens its camera when it has it", () => {
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

describe("the budget in the page", () => {
  const started = async () => {
    model.set("budget", 30);
    const peer = await generate();
    model.set("generation_tick", 1);
    return peer;
  };

  test("ends a session that the kernel does not end", async () => {
    const peer = await started();
    await alive(30);
    expect(camera.on).toBe(true);
    await alive(1);
    expect(camera.on).toBe(false);
    expect(peer.connectionState).toBe("closed");
    expect(model.all("stop")).toMatchObject([{ attempt: 1 }]);
    expect(session.fault?.code).toBe("budget-spent");
  });

  test("follows what the kernel has counted", async () => {
    await started();
    for (let tick = 1; tick < 29; tick++) {
      await alive(2); // half of the time there is a queue, say
      model.set("generation_tick", tick);
    }
    expect(camera.on).toBe(true);
    await alive(4);
    expect(camera.on).toBe(false);
  });

  test("is not used up by anything but generating", async () => {
    await started();
    model.set("connection_state", "connected");
    await alive(60);
    expect(camera.on).toBe(true);
  });

  test("is not what other traits put off", async () => {
    await started();
    for (let second = 0; second < 31; second++) {
      model.set("prompt", `prompt ${second}`);
      await alive(1);
    }
    expect(camera.on).toBe(false);
  });
});

describe("the network comes back", () => {
  const woken = () => model.all("wake").length;
  const online = () => window.dispatchEvent(new Event("online"));

  test("the kernel is told while it waits to reconnect, at most once a second", async () => {
    await generate();
    online();
    expect(woken()).toBe(0);
    end({ reason: "reconnecting", keep_camera: true });
    model.set("connection_state", "reconnecting");
    for (let times = 0; times < 9; times++) online();
    expect(woken()).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(woken()).toBe(2);
  });

  test("a page that only watches says nothing", () => {
    model.receive({ type: "owner", page_id: "another page" });
    model.set("connection_state", "reconnecting");
    online();
    expect(woken()).toBe(0);
  });

  test("its going changes nothing", async () => {
    const peer = await generate();
    const said = model.sent.length;
    window.dispatchEvent(new Event("offline"));
    expect(peer.connectionState).toBe("connected");
    expect(model.sent).toHaveLength(said);
  });
});

test("the picture goes with the ownership", async () => {
  await generate();
  model.receive({ type: "owner", page_id: "another page" });
  expect(session.isOwner).toBe(false);
  expect(camera.on).toBe(false);
  expect(model.all("stop")).toHaveLength(0);
});

test("a kernel of another protocol is told apart from a broken one", () => {
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
