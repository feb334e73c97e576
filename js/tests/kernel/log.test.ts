/** The page's log: the newest entries, in batches, and almost none without an attempt. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PageLog } from "../../src/kernel/log.ts";
import type { ToKernel } from "../../src/kernel/messages.ts";

type Logged = Extract<ToKernel, { type: "log" }>;

let sent: Logged[] = [];
let attempt: number | null = null;
let log: PageLog;

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  attempt = null;
  log = new PageLog({
    get attempt() {
      return attempt;
    },
    send: (message) => sent.push(message as Logged),
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const texts = () => sent.map(({ events }) => events.map(([, , what]) => what));

test("entries made without an attempt are sent with the next attempt", () => {
  log.add("warning", "offline");
  vi.advanceTimersByTime(600_000);
  expect(sent).toEqual([]);
  attempt = 1;
  log.add("info", "connected");
  vi.advanceTimersByTime(1000);
  expect(texts()).toEqual([["offline", "connected"]]);
});

test("entries of one second are sent as one message", () => {
  attempt = 1;
  for (const what of ["a", "b", "c"]) log.add("info", what, { n: 1 });
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(texts()).toEqual([["a", "b", "c"]]);
  expect(sent[0]?.events[0]?.slice(1)).toEqual(["info", "a", { n: 1 }]);
  vi.advanceTimersByTime(60_000);
  expect(sent).toHaveLength(1);
});

test("of too many entries the newest twenty are sent, with the number of missing ones", () => {
  attempt = 1;
  for (let n = 0; n < 1000; n++) log.add("debug", String(n));
  vi.advanceTimersByTime(1000);
  expect(sent).toHaveLength(1);
  expect(sent[0]?.dropped).toBe(980);
  expect(texts()[0]).toHaveLength(20);
  expect(texts()[0]?.at(-1)).toBe("999");
  log.add("info", "later");
  log.flush();
  expect(sent[1]?.dropped).toBe(0);
});

test("errors are sent without an attempt, but only the first ten", () => {
  for (let n = 0; n < 100; n++) {
    log.add("error", "kernel-silent");
    vi.advanceTimersByTime(5000);
  }
  expect(sent).toHaveLength(10);
});

test("times are those of the page's clock, and each message has the time of sending", () => {
  vi.setSystemTime(1_790_000_000_000);
  attempt = 1;
  log.add("info", "a");
  vi.advanceTimersByTime(1000);
  expect(sent[0]?.events[0]?.[0]).toBe(1_790_000_000_000);
  expect(sent[0]?.now).toBe(1_790_000_001_000);
});
