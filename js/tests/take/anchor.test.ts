import { expect, test } from "vitest";
import { anchor } from "../../src/take/anchor.ts";

const DAY = 1_700_000_000_000;

test("time differences between frames are those of their time stamps, however late they arrive", () => {
  const timeOf = anchor();
  expect(timeOf(5000, DAY)).toBe(DAY);
  expect(timeOf(5033, DAY + 90)).toBe(DAY + 33);
  expect(timeOf(5066, DAY + 60)).toBe(DAY + 66);
});

test("a first frame with another time origin gives no time in the future", () => {
  const timeOf = anchor();
  expect(timeOf(0, DAY)).toBe(DAY);
  const uptime = 58_700_000;
  expect(timeOf(uptime, DAY + 33)).toBe(DAY + 33);
  expect(timeOf(uptime + 33, DAY + 70)).toBe(DAY + 66);
});

test("after a suspend the time of day is right again", () => {
  const timeOf = anchor();
  timeOf(1000, DAY);
  expect(timeOf(1033, DAY + 3_600_000)).toBe(DAY + 3_600_000);
});

test("times rise when a first frame that came late is corrected", () => {
  const timeOf = anchor();
  const times = [timeOf(1000, DAY + 1200), timeOf(1033, DAY + 1210), timeOf(1066, DAY + 100)];
  expect(times).toEqual([DAY + 1200, DAY + 1233, DAY + 1234]);
});

test("times follow a clock that is set back", () => {
  const timeOf = anchor();
  timeOf(1000, DAY);
  expect(timeOf(1033, DAY - 3_600_000)).toBe(DAY - 3_600_000);
});
