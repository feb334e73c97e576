/** When a picture takes on another look, among motion and noise. */

import { describe, expect, test, vi } from "vitest";
import { ChangeWatch, distance, SAMPLE, type Sample, signature } from "../../src/deck/signature.ts";
import { AskedTimes } from "../../src/deck/watch.ts";

/** RGBA pixels of a bright square on a coloured ground, `x` pixels from the left. */
function pixels(x: number, ground: [number, number, number], noise = 0, seed = 1): number[] {
  let state = seed;
  const random = () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647 - 0.5;
  };
  return Array.from({ length: SAMPLE.width * SAMPLE.height }, (_, at) => {
    const column = at % SAMPLE.width;
    const isSquare = column >= x && column < x + 12;
    return [...(isSquare ? [240, 240, 240] : ground).map((v) => v + noise * random()), 255];
  }).flat();
}

const GREY: [number, number, number] = [90, 90, 90];
const BLUE: [number, number, number] = [60, 80, 140];

/** Samples of a scene in which the square moves, thirty a second from a time on. */
function scene(fromMs: number, count: number, ground = GREY, speed = 0.3, first = 0): Sample[] {
  return Array.from({ length: count }, (_, step) => ({
    at: fromMs + step * 33,
    value: signature(pixels(4 + (first + step) * speed, ground, 6, step + 1)),
  }));
}

describe("a signature", () => {
  test("is the same for the same picture, and far for another colour or texture", () => {
    const plain = signature(pixels(10, GREY));
    expect(distance(plain, signature(pixels(10, GREY)))).toEqual({ mean: 0, median: 0 });
    expect(distance(plain, signature(pixels(10, BLUE))).median).toBeGreaterThan(10);
    const striped = pixels(10, GREY).map((v, at) =>
      Math.floor(at / 4) % 2 && v < 200 ? v + 20 : v,
    );
    expect(distance(plain, signature(striped)).median).toBeGreaterThan(4);
  });
});

describe("a change", () => {
  test("is seen at its first frame, whatever moves in the picture", () => {
    const watch = new ChangeWatch(2000, scene(0, 60));
    for (const sample of scene(2010, 9, GREY, 0.3, 60)) expect(watch.add(sample)).toBeNull();
    const seen = scene(2310, 5, BLUE, 0.3, 69).map((sample) => watch.add(sample));
    expect(seen.find((one) => one !== null)).toBeCloseTo(0.31, 2);
  });

  test("is not seen where nothing but the scene changes", () => {
    const watch = new ChangeWatch(2000, scene(0, 60));
    const seen = scene(2010, 120, GREY, 0.3, 60).map((sample) => watch.add(sample));
    expect(seen.every((one) => one === null)).toBe(true);
  });

  test("is not taken for one damaged frame", () => {
    const watch = new ChangeWatch(2000, scene(0, 60));
    const [damaged] = scene(2040, 1, BLUE);
    expect(damaged && watch.add(damaged)).toBeNull();
    for (const sample of scene(2073, 30, GREY, 0.3, 62)) expect(watch.add(sample)).toBeNull();
  });

  test("can't be seen without a picture before it", () => {
    const watch = new ChangeWatch(2000, []);
    expect(watch.canSee).toBe(false);
    for (const sample of scene(2010, 5, BLUE)) expect(watch.add(sample)).toBeNull();
  });
});

test("a look was asked for before its message came, by as much as that was later than the quickest", () => {
  vi.spyOn(Date, "now").mockReturnValue(1_000_000);
  const times = new AskedTimes(); // the kernel's clock is 300 s behind
  expect(times.when(0.05, 699_940, 5000)).toBe(4950);
  expect(times.when(0.05, 699_440, 5000)).toBe(4450);
  expect(times.when(0.05, 699_945, 5000)).toBe(4950);
  expect(times.when(0.05, 600_000, 5000)).toBe(4950); // it was set
});
