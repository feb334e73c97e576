/** The reference image, as the kernel's messages and the model have it. */

import { expect, test, vi } from "vitest";
import { ReferenceImage } from "../../src/session/reference-image.ts";
import { FakeModel } from "../fakes.ts";

const made = (traits: object = {}) => {
  const onChange = vi.fn();
  return { image: new ReferenceImage(new FakeModel({ ...traits }), onChange), onChange };
};
const state = (name: "none" | "set" | "failed", text = "") =>
  ({ type: "image-state", state: name, text }) as const;

test("an image that is set has a thumbnail, which is freed when it is cleared", () => {
  const { image, onChange } = made();
  const revoke = vi.spyOn(URL, "revokeObjectURL");
  image.setNote("reading the image…");
  image.onState(state("set"), new Uint8Array([1, 2, 3]));
  const { thumbnailUrl } = image;
  expect([image.isSet, image.note]).toEqual([true, ""]);
  expect(thumbnailUrl).toMatch(/^blob:/);
  image.onState(state("none"));
  expect([image.isSet, image.thumbnailUrl]).toEqual([false, ""]);
  expect(revoke).toHaveBeenCalledWith(thumbnailUrl);
  expect(onChange).toHaveBeenCalledTimes(3);
});

test("an image that can't be read leaves the previous one in place and shows why", () => {
  const { image } = made();
  image.onState(state("set"), new Uint8Array([1]));
  const { thumbnailUrl } = image;
  image.onState(state("failed", "That is no image."));
  expect(image).toMatchObject({ isSet: true, thumbnailUrl, note: "That is no image." });
});

test("a model is assumed to take images unless the trait `_media` denies it", () => {
  expect(made().image.isSupported).toBe(true);
  expect(made({ _media: { takes_image: true } }).image.isSupported).toBe(true);
  expect(made({ _media: { takes_image: false } }).image.isSupported).toBe(false);
});
