import { describe, expect, test } from "vitest";
import { openCamera } from "../../src/capture/camera.ts";
import { find, next, positionOf } from "../../src/capture/devices.ts";
import { open } from "../../src/capture/index.ts";
import { crop, fitsUnchanged } from "../../src/capture/shape.ts";
import type { CameraInfo, Trouble } from "../../src/capture/types.ts";
import { pace } from "../../src/take/pace.ts";
import { FakeCamera, FakeStream, FakeTrack, settled } from "../fakes.ts";

const SIZE = { width: 1280, height: 720, fps: 30 };
const PHONE: CameraInfo[] = [
  { id: "a", label: "camera2 1, facing front", position: "front" },
  { id: "b", label: "camera2 0, facing back", position: "back" },
  { id: "c", label: "camera2 2, facing back", position: "back" },
];
const DESK: CameraInfo[] = [
  { id: "x", label: "HD Webcam (046d:0825)", position: "unknown" },
  { id: "y", label: "Capture card", position: "unknown" },
];

describe("which way a camera looks", () => {
  test.each([
    ["camera2 1, facing front", undefined, "front"],
    ["FaceTime HD Camera", undefined, "front"],
    ["Integrated Camera (04f2:b604)", undefined, "front"],
    ["Back Triple Camera", undefined, "back"],
    ["Rückkamera", undefined, "back"],
    ["后置相机", undefined, "back"],
    ["HD Webcam", undefined, "unknown"],
    ["HD Webcam", "user", "front"],
    ["whatever front", ["environment"], "back"],
    ["", undefined, "unknown"],
  ])("%s, %s: %s", (label, facing, position) => {
    expect(positionOf(label, facing)).toBe(position);
  });
});

test("a camera is found by id, label, a part of it, or its side", () => {
  expect(find(PHONE, "c")?.id).toBe("c");
  expect(find(PHONE, "back")?.id).toBe("b");
  expect(find(DESK, "capture CARD")?.id).toBe("y");
  expect(find(DESK, "webcam")?.id).toBe("x");
  expect(find(DESK, "front")).toBeUndefined();
  expect(find([{ id: "", label: "", position: "unknown" }], "webcam")).toBeUndefined();
});

test("the next one is the other side where there are both, else all in turn", () => {
  expect(next(PHONE, { id: "a", position: "front" })?.id).toBe("b");
  expect(next(PHONE, { id: "c", position: "back" })?.id).toBe("a");
  expect(next(DESK, { id: "x", position: "unknown" })?.id).toBe("y");
  expect(next(DESK, { id: "y", position: "unknown" })?.id).toBe("x");
  expect(next(DESK, null)?.id).toBe("x");
  expect(next(DESK.slice(0, 1), { id: "x", position: "unknown" })).toBeUndefined();
});

test("a picture is cut in the middle, with even edges, and never squashed", () => {
  expect(crop(1280, 720, { width: 720, height: 1280 })).toEqual({
    ...{ x: 438, y: 0, width: 404, height: 720 },
  });
  expect(crop(640, 480, { width: 1280, height: 720 })).toEqual({
    ...{ x: 0, y: 60, width: 640, height: 360 },
  });
  expect(crop(1280, 720, { width: 1280, height: 704 })).toMatchObject({ width: 1280 });
  const shape = { width: 1280, height: 720, mirrored: false };
  expect(fitsUnchanged(1920, 1080, shape)).toBe(true);
  expect(fitsUnchanged(1280, 720, { ...shape, mirrored: true })).toBe(false);
  expect(fitsUnchanged(640, 480, shape)).toBe(false);
});

describe("a camera that is asked for by name", () => {
  const ids = (camera: FakeCamera) =>
    camera.asked.map(({ video }) => (video as MediaTrackConstraints).deviceId);

  test("is opened by its exact id", async () => {
    const camera = new FakeCamera();
    const opened = openCamera("fake camera", SIZE, new AbortController().signal);
    await settled();
    await camera.open();
    expect(await opened).toMatchObject({ substitute: false });
    expect(ids(camera)).toEqual([{ exact: "c1" }]);
  });

  test("of yesterday gives way to any", async () => {
    const camera = new FakeCamera();
    const opened = openCamera("c1", SIZE, new AbortController().signal);
    await settled();
    await camera.refuse("OverconstrainedError");
    await camera.open();
    expect(await opened).toMatchObject({ substitute: true });
    expect(ids(camera)).toEqual([{ exact: "c1" }, undefined]);
  });

  test("is found once names are told, which is after one was allowed", async () => {
    const camera = new FakeCamera();
    camera.devices = [{ kind: "videoinput", deviceId: "", label: "" }];
    const opened = openCamera("Capture card", SIZE, new AbortController().signal);
    await settled();
    camera.devices = [
      { kind: "videoinput", deviceId: "c1", label: "fake camera" },
      { kind: "videoinput", deviceId: "c2", label: "Capture card" },
    ];
    const first = await camera.open();
    await camera.open();
    expect(await opened).toMatchObject({ substitute: false });
    expect(first.readyState).toBe("ended");
    expect(ids(camera)).toEqual([undefined, { exact: "c2" }]);
  });

  test("is not swapped for another one when somebody says no", async () => {
    const camera = new FakeCamera();
    const opened = openCamera("c1", SIZE, new AbortController().signal);
    const refused = expect(opened).rejects.toMatchObject({ reason: "permission-denied" });
    await settled();
    await camera.refuse("NotAllowedError");
    await refused;
    expect(camera.asked).toHaveLength(1);
  });
});

describe("a capture", () => {
  function begin(camera: FakeCamera, source: "camera" | "screen" | "file" = "camera") {
    camera.devices.push({ kind: "videoinput", deviceId: "c2", label: "second camera" });
    const scope = new AbortController();
    const told: string[] = [];
    const capture = open(
      { size: SIZE, camera: null, mirror: "off", source, microphone: false, muted: false },
      null,
      {
        changed: () => undefined,
        replaced: async () => void told.push("replaced"),
        ended: () => void told.push("ended"),
        trouble: (what: Trouble) => void told.push(what),
        microphoneChanged: (track) => void told.push(track ? "sound" : "silence"),
      },
      scope.signal,
    );
    return { capture, scope, told };
  }

  test("comes back to what it had when the other camera can't be opened", async () => {
    const camera = new FakeCamera();
    const { capture, told } = begin(camera);
    const first = await camera.open();
    void capture.switchCamera();
    await settled();
    expect(first.readyState).toBe("ended"); // it might be in the other one's way
    await camera.refuse("NotReadableError");
    await camera.open();
    expect(told).toEqual(["camera-failed", "replaced"]);
    expect(camera.on).toBe(true);
  });

  test("without its file it opens no camera, and says so", async () => {
    const camera = new FakeCamera();
    const { capture, told } = begin(camera);
    await camera.open();
    void capture.change({ source: "file" });
    await settled();
    expect(told).toEqual(["no-video"]);
    expect(camera.on).toBe(true);
    const other = new FakeCamera();
    const refused = begin(other, "file").capture.track;
    await expect(refused).rejects.toMatchObject({ reason: "media-failed" });
    expect(other.asked).toEqual([]);
  });

  test("ends when neither can be", async () => {
    const camera = new FakeCamera();
    const { capture, told } = begin(camera);
    await camera.open();
    void capture.switchCamera();
    await settled();
    await camera.refuse("NotReadableError");
    await camera.refuse("NotReadableError");
    expect(told).toEqual(["camera-failed", "ended"]);
    expect(camera.on).toBe(false);
  });

  test("that ends while another camera opens leaves none on", async () => {
    const camera = new FakeCamera();
    const { capture, scope } = begin(camera);
    await camera.open();
    void capture.switchCamera();
    await settled();
    scope.abort();
    await camera.open();
    expect(camera.on).toBe(false);
  });

  test("whose camera is pulled out takes the other one; without one it ends", async () => {
    const camera = new FakeCamera();
    const { capture, told } = begin(camera);
    const first = await camera.open();
    await settled();
    first.stop();
    first.dispatchEvent(new Event("ended"));
    await settled();
    const second = await camera.open();
    expect(told).toEqual(["replaced"]);
    expect(capture.obtained).toMatchObject({ source: "camera" });
    camera.devices = camera.devices.slice(0, 1);
    second.stop();
    second.dispatchEvent(new Event("ended"));
    await settled();
    expect(told).toEqual(["replaced", "ended"]);
  });

  test("of a screen that is no longer shared ends, and turns no camera on", async () => {
    const camera = new FakeCamera();
    const screen = new FakeTrack();
    const getDisplayMedia = async () => new FakeStream([screen]);
    Object.assign(navigator.mediaDevices, { getDisplayMedia });
    const { told } = begin(camera, "screen");
    await settled();
    screen.stop();
    screen.dispatchEvent(new Event("ended"));
    await settled();
    expect(told).toEqual(["ended"]);
    expect(camera.asked).toEqual([]);
  });

  test("that may not share a screen keeps the camera, and says so", async () => {
    const camera = new FakeCamera();
    const { capture, told } = begin(camera);
    await camera.open();
    const refused = Object.assign(new Error("no"), { name: "NotAllowedError" });
    Object.assign(navigator.mediaDevices, { getDisplayMedia: () => Promise.reject(refused) });
    await capture.change({ source: "screen" });
    expect(told).toEqual(["screen-refused"]);
    expect(capture.obtained).toMatchObject({ source: "camera" });
    expect(camera.on).toBe(true);
  });

  test("makes changes one after the other", async () => {
    const camera = new FakeCamera();
    const { capture, told } = begin(camera);
    await camera.open();
    void capture.switchCamera();
    void capture.switchCamera();
    await settled();
    expect(camera.pending).toBe(1);
    await camera.open();
    await camera.open();
    expect(told).toEqual(["replaced", "replaced"]);
  });
});

test("frames are taken as often as asked, whatever their own rate", () => {
  const count = (fps: number | null, every: number) => {
    const turn = pace(fps);
    let taken = 0;
    for (let now = 0; now < 10_000; now += every) if (turn(now)) taken++;
    return taken / 10;
  };
  expect(count(null, 33.3)).toBeCloseTo(30, 0);
  expect(count(10, 33.3)).toBeCloseTo(10, 0);
  expect(count(24, 33.3)).toBeGreaterThan(22);
  expect(count(60, 40)).toBeCloseTo(25, 0);
});
