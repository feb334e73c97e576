import { describe, expect, test, vi } from "vitest";
import crops from "../../../tests/vectors/crops.json";
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

describe("the position of a camera", () => {
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
  ])("label %s, facing mode %s: %s", (label, facing, position) => {
    expect(positionOf(label, facing)).toBe(position);
  });
});

test("a camera is found by id, label, a part of its label, or position", () => {
  expect(find(PHONE, "c")?.id).toBe("c");
  expect(find(PHONE, "back")?.id).toBe("b");
  expect(find(DESK, "capture CARD")?.id).toBe("y");
  expect(find(DESK, "webcam")?.id).toBe("x");
  expect(find(DESK, "front")).toBeUndefined();
  expect(find([{ id: "", label: "", position: "unknown" }], "webcam")).toBeUndefined();
});

test("the next camera is one with the other position, or, if all have the same, the next in the list", () => {
  expect(next(PHONE, { id: "a", position: "front" })?.id).toBe("b");
  expect(next(PHONE, { id: "c", position: "back" })?.id).toBe("a");
  expect(next(DESK, { id: "x", position: "unknown" })?.id).toBe("y");
  expect(next(DESK, { id: "y", position: "unknown" })?.id).toBe("x");
  expect(next(DESK, null)?.id).toBe("x");
  expect(next(DESK.slice(0, 1), { id: "x", position: "unknown" })).toBeUndefined();
});

test.for(crops)(
  "the part of %o is the one that Python cuts out, too",
  ({ picture, shape, part }) => {
    const [width, height] = picture as [number, number];
    const [shapeWidth, shapeHeight] = shape as [number, number];
    const cut = crop(width, height, { width: shapeWidth, height: shapeHeight });
    expect([cut.x, cut.y, cut.width, cut.height]).toEqual(part);
  },
);

test("a picture is cropped around its centre to even sizes, and never distorted", () => {
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

describe("a requested camera", () => {
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

  test("that no longer exists is replaced by any other camera", async () => {
    const camera = new FakeCamera();
    const opened = openCamera("c1", SIZE, new AbortController().signal);
    await settled();
    await camera.refuse("OverconstrainedError");
    await camera.open();
    expect(await opened).toMatchObject({ substitute: true });
    expect(ids(camera)).toEqual([{ exact: "c1" }, undefined]);
  });

  test("is found by its label once labels are known, which is after the first permission", async () => {
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

  test("is not replaced by another one when the user denies the permission", async () => {
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
  function begin(
    camera: FakeCamera,
    source: "camera" | "screen" | "file" = "camera",
    file: Blob | null = null,
  ) {
    camera.devices.push({ kind: "videoinput", deviceId: "c2", label: "second camera" });
    const scope = new AbortController();
    const events: string[] = [];
    const capture = open(
      { size: SIZE, camera: null, mirror: "off", source, microphone: false, muted: false },
      file,
      {
        changed: () => undefined,
        replaced: async () => void events.push("replaced"),
        ended: () => void events.push("ended"),
        trouble: (what: Trouble) => void events.push(what),
        microphoneChanged: (track) => void events.push(track ? "sound" : "silence"),
      },
      scope.signal,
    );
    return { capture, scope, events };
  }

  test("returns to the previous camera when the other one can't be opened", async () => {
    const camera = new FakeCamera();
    const { capture, events } = begin(camera);
    const first = await camera.open();
    void capture.switchCamera();
    await settled();
    expect(first.readyState).toBe("ended"); // some systems can't open two cameras at a time
    await camera.refuse("NotReadableError");
    await camera.open();
    expect(events).toEqual(["camera-failed", "replaced"]);
    expect(camera.on).toBe(true);
  });

  test("without a video file reports an error and opens no camera", async () => {
    const camera = new FakeCamera();
    const { capture, events } = begin(camera);
    await camera.open();
    void capture.change({ source: "file" });
    await settled();
    expect(events).toEqual(["no-video"]);
    expect(camera.on).toBe(true);
    const other = new FakeCamera();
    const refused = begin(other, "file").capture.track;
    await expect(refused).rejects.toMatchObject({ reason: "media-failed" });
    expect(other.asked).toEqual([]);
  });

  test("ends when neither camera can be opened", async () => {
    const camera = new FakeCamera();
    const { capture, events } = begin(camera);
    await camera.open();
    void capture.switchCamera();
    await settled();
    await camera.refuse("NotReadableError");
    await camera.refuse("NotReadableError");
    expect(events).toEqual(["camera-failed", "ended"]);
    expect(camera.on).toBe(false);
  });

  test("that ends while another camera opens leaves no camera on", async () => {
    const camera = new FakeCamera();
    const { capture, scope } = begin(camera);
    await camera.open();
    void capture.switchCamera();
    await settled();
    scope.abort();
    await camera.open();
    expect(camera.on).toBe(false);
  });

  test("whose camera is unplugged switches to another one, and ends if there is none", async () => {
    const camera = new FakeCamera();
    const { capture, events } = begin(camera);
    const first = await camera.open();
    await settled();
    first.stop();
    first.dispatchEvent(new Event("ended"));
    await settled();
    const second = await camera.open();
    expect(events).toEqual(["replaced"]);
    expect(capture.obtained).toMatchObject({ source: "camera" });
    camera.devices = camera.devices.slice(0, 1);
    second.stop();
    second.dispatchEvent(new Event("ended"));
    await settled();
    expect(events).toEqual(["replaced", "ended"]);
  });

  test("of a screen that is no longer shared ends without turning a camera on", async () => {
    const camera = new FakeCamera();
    const screen = new FakeTrack();
    const getDisplayMedia = async () => new FakeStream([screen]);
    Object.assign(navigator.mediaDevices, { getDisplayMedia });
    const { events } = begin(camera, "screen");
    await settled();
    screen.stop();
    screen.dispatchEvent(new Event("ended"));
    await settled();
    expect(events).toEqual(["ended"]);
    expect(camera.asked).toEqual([]);
  });

  test("that may not share a screen keeps the camera and reports an error", async () => {
    const camera = new FakeCamera();
    const { capture, events } = begin(camera);
    await camera.open();
    const refused = Object.assign(new Error("no"), { name: "NotAllowedError" });
    Object.assign(navigator.mediaDevices, { getDisplayMedia: () => Promise.reject(refused) });
    await capture.change({ source: "screen" });
    expect(events).toEqual(["screen-refused"]);
    expect(capture.obtained).toMatchObject({ source: "camera" });
    expect(camera.on).toBe(true);
  });

  /** A video file that never shows a frame: in these tests no video element loads anything. */
  const SILENT_FILE = new Blob(["no frame"]);

  test.each([
    ["another source", { source: "camera" as const }],
    ["another camera", { source: "camera" as const, camera: "c2" }],
  ])("whose file has no first frame takes %s at once", async (_what, change) => {
    const camera = new FakeCamera();
    const { capture, events } = begin(camera);
    const first = await camera.open();
    void capture.useFile(SILENT_FILE);
    await settled();
    const changed = capture.change(change);
    await settled();
    if ("camera" in change) await camera.open();
    await changed;
    expect(events).toEqual("camera" in change ? ["replaced"] : []);
    expect(capture.obtained).toMatchObject({ source: "camera" });
    expect(camera.on).toBe(true);
    expect(first.readyState).toBe("camera" in change ? "ended" : "live");
  });

  test("whose file has no first frame switches to the next camera at once", async () => {
    const camera = new FakeCamera();
    const { capture, events } = begin(camera);
    await camera.open();
    void capture.useFile(SILENT_FILE);
    await settled();
    void capture.switchCamera();
    await settled();
    await camera.open();
    expect(events).toEqual(["replaced"]);
    expect(camera.asked.at(-1)?.video).toMatchObject({ deviceId: { exact: "c2" } });
  });

  test("that began with a file without a first frame begins with the camera instead", async () => {
    const camera = new FakeCamera();
    const { capture, events } = begin(camera, "file", SILENT_FILE);
    await settled();
    void capture.change({ source: "camera" });
    await settled();
    await camera.open();
    await expect(capture.track).resolves.toBeDefined();
    expect(capture.obtained).toMatchObject({ source: "camera" });
    expect(events).toEqual([]);
  });

  test("takes another frame rate although the file that was to replace it can't be played", async () => {
    vi.useFakeTimers();
    try {
      const camera = new FakeCamera();
      const { capture, events } = begin(camera);
      await camera.open();
      void capture.useFile(SILENT_FILE);
      const changed = capture.change({ size: { ...SIZE, fps: 15 } });
      await vi.advanceTimersByTimeAsync(11_000);
      await changed;
      expect(events).toEqual(["bad-video", "replaced"]);
      expect(capture.obtained).toMatchObject({ source: "camera" });
    } finally {
      vi.useRealTimers();
    }
  });

  test("whose prompt for a microphone stays unanswered changes its source meanwhile", async () => {
    const camera = new FakeCamera();
    const { capture, events } = begin(camera);
    await camera.open();
    const { getUserMedia } = navigator.mediaDevices;
    const prompt = (wanted: MediaStreamConstraints) =>
      wanted.audio ? new Promise<MediaStream>(() => undefined) : getUserMedia(wanted);
    Object.assign(navigator.mediaDevices, { getUserMedia: prompt });
    void capture.change({ microphone: true });
    await settled();
    void capture.change({ camera: "c2" });
    await settled();
    await camera.open();
    expect(events).toEqual(["replaced"]);
  });

  test("whose camera stays unanswered can send another one, and stops the late one", async () => {
    const camera = new FakeCamera();
    const { capture, events } = begin(camera);
    await camera.open();
    void capture.change({ camera: "c2" });
    await settled();
    void capture.change({ camera: null });
    await settled();
    const late = await camera.open();
    expect(late.readyState).toBe("ended");
    await camera.open();
    expect(events).toEqual(["replaced"]);
    expect(camera.on).toBe(true);
  });

  test("makes changes one after the other", async () => {
    const camera = new FakeCamera();
    const { capture, events } = begin(camera);
    await camera.open();
    void capture.switchCamera();
    void capture.switchCamera();
    await settled();
    expect(camera.pending).toBe(1);
    await camera.open();
    await camera.open();
    expect(events).toEqual(["replaced", "replaced"]);
  });
});

test("frames are taken at the requested rate, whatever the source's rate is", () => {
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
