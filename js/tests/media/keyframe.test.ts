import { expect, test, vi } from "vitest";
import { sendKeyframe } from "../../src/media/keyframe.ts";

const sender = (parameters: object, set: () => Promise<void>) => {
  const setParameters = vi.fn(set);
  return { getParameters: () => parameters, setParameters } as unknown as RTCRtpSender & {
    setParameters: typeof setParameters;
  };
};

test("a keyframe is encoded for every layer, with unchanged parameters", () => {
  const parameters = { encodings: [{ rid: "q" }, { rid: "f" }] };
  const one = sender(parameters, async () => undefined);
  sendKeyframe(one);
  const encodingOptions = [{ keyFrame: true }, { keyFrame: true }];
  expect(one.setParameters).toHaveBeenCalledExactlyOnceWith(parameters, { encodingOptions });
});

test("without a sender, and where it refuses, nothing happens", async () => {
  sendKeyframe(undefined);
  sendKeyframe(sender({}, () => Promise.reject(Error("InvalidStateError"))));
  await Promise.resolve();
});
