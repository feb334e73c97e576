import { expect, test } from "vitest";
import { delayOf, type Motion, placesOf } from "../../src/tools/delay.ts";

/** A bright spot that moves over 576 pixels, sampled every `every` ms with a delay of `late` ms. */
function seen(late: number, every: number, change: (grey: number) => number): Motion[] {
  const notes: Motion[] = [];
  let before: Float32Array | undefined;
  for (let at = 0; at < 4000; at += every) {
    const picture = new Float32Array(576).fill(change(20));
    const place = Math.floor((at - late) * 0.137 + 1e4) % 570;
    for (let i = 0; i < 6; i++) picture[place + i] = change(220);
    const places = before && placesOf(before, picture);
    before = picture;
    if (places) notes.push({ at, places });
  }
  return notes;
}

test.each([0, 30, 120, 300, 800])(
  "a delay of %d ms is found although the colours differ",
  (late) => {
    const input = seen(0, 33, (grey) => grey);
    const output = seen(late, 40, (grey) => 255 - grey / 2);
    expect(Math.abs((delayOf(input, output) ?? -1e3) - late)).toBeLessThanOrEqual(40);
  },
);

test("no delay is found without motion, or with unrelated motion", () => {
  const input = seen(0, 33, (grey) => grey);
  expect(delayOf(input, [])).toBeNull();
  expect(delayOf([], input)).toBeNull();
  const other = input.map(({ at }, index) => {
    const picture = new Float32Array(576).map((_, i) => (i * 7919 + index * 104729) % 251);
    return { at, places: placesOf(new Float32Array(576), picture) as Float32Array };
  });
  expect(delayOf(input, other)).toBeNull();
  expect(placesOf(new Float32Array(576), new Float32Array(576))).toBeNull();
});
