import { expect, test, vi } from "vitest";
import { openCamera, refusalOf } from "../../src/capture/camera.ts";
import { obstacle } from "../../src/capture/obstacles.ts";
import { FakeCamera } from "../fakes.ts";

const SIZE = { width: 1280, height: 704, fps: 30 };

test("getUserMedia is called with the model's size and frame rate as ideal constraints", async () => {
  const camera = new FakeCamera();
  void openCamera(null, SIZE, new AbortController().signal);
  expect(camera.asked).toEqual([
    {
      audio: false,
      video: { width: { ideal: 1280 }, height: { ideal: 704 }, frameRate: { ideal: 30 } },
    },
  ]);
});

test("aborting the signal stops the camera, also one that opens afterwards", async () => {
  const camera = new FakeCamera();
  const scope = new AbortController();
  void openCamera(null, SIZE, scope.signal);
  const early = await camera.open();
  void openCamera(null, SIZE, scope.signal);
  expect(early.readyState).toBe("live");
  scope.abort();
  expect(early.readyState).toBe("ended");
  expect((await camera.open()).readyState).toBe("ended");
});

test.each([
  ["NotAllowedError", "permission-denied"],
  ["SecurityError", "permission-denied"],
  ["NotFoundError", "no-camera"],
  ["NotReadableError", "camera-busy"],
  ["AbortError", "camera-busy"],
  ["OverconstrainedError", "over-constrained"],
  ["TypeError", "media-failed"],
])("the error %s becomes the reason %s", async (name, reason) => {
  const camera = new FakeCamera();
  const opened = openCamera(null, SIZE, new AbortController().signal);
  const refused = expect(opened).rejects.toMatchObject({ reason, message: `${name} it is` });
  await camera.refuse(name);
  await refused;
});

test("a permissions policy that forbids the camera is distinguished from a user who denies it", () => {
  const error = new DOMException("Permissions policy violation: camera", "NotAllowedError");
  expect(refusalOf(error).reason).toBe("blocked-by-frame");
});

test("anything that is thrown becomes a reason", () => {
  for (const odd of [undefined, null, 7, "no", {}]) {
    expect(refusalOf(odd)).toMatchObject({ reason: "media-failed", message: "The camera failed." });
  }
});

test("obstacles are found before getUserMedia is called, an insecure origin first", async () => {
  const camera = new FakeCamera();
  expect(obstacle()).toBeNull();
  vi.stubGlobal("RTCPeerConnection", undefined);
  expect(obstacle()?.reason).toBe("no-webrtc");
  vi.stubGlobal("navigator", {});
  expect(obstacle()?.reason).toBe("no-camera");
  Object.assign(document, {
    featurePolicy: { allowsFeature: (name: string) => name !== "camera" },
  });
  expect(obstacle()?.reason).toBe("blocked-by-frame");
  Object.assign(document, { featurePolicy: undefined });
  vi.stubGlobal("isSecureContext", false);
  expect(obstacle()?.reason).toBe("insecure-origin");
  vi.stubGlobal("acquireVsCodeApi", () => undefined);
  expect(obstacle()).toMatchObject({ reason: "blocked-by-frame", message: /VS Code/ });
  expect(camera.asked).toEqual([]);
});
