/** Random messages in random order: nothing that a kernel sends breaks the page. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import vectors from "../../../tests/vectors/page_messages.json";
import { parse } from "../../src/kernel/messages.ts";
import { STATES } from "../../src/session/model.ts";
import { Session } from "../../src/session/session.ts";
import { FakeCamera, FakeModel, FakeRooms, type Message } from "../fakes.ts";

const SEEDS = 40;
const MESSAGES = 500;
const EXAMPLES = vectors.to_browser as Message[];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Maker {
  constructor(
    readonly next: () => number,
    readonly pageId: () => string,
  ) {}

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)] as T;
  }

  /** Any JSON value, and some that JSON can't express. */
  anything(depth = 0): unknown {
    const plain = [
      null,
      undefined,
      true,
      0,
      -1,
      3,
      2 ** 53,
      1e308,
      Number.NaN,
      "",
      "x",
      "\ud800",
      "__proto__",
      "x".repeat(5000),
    ];
    const choice = this.next();
    if (depth > 3 || choice < 0.7) return this.pick(plain);
    if (choice < 0.85) return Array.from({ length: 3 }, () => this.anything(depth + 1));
    const key = () => this.pick(["type", "attempt", "constructor", "toString", "candidate", "a"]);
    return Object.fromEntries([0, 1, 2].map(() => [key(), this.anything(depth + 1)]));
  }

  /** A valid message, or one with a changed field, mostly for this page and of an attempt that may exist. */
  message(): unknown {
    const message: Record<string, unknown> = structuredClone(this.pick(EXAMPLES));
    if ("page_id" in message && this.next() < 0.8) message.page_id = this.pageId();
    if ("attempt" in message && this.next() < 0.9) message.attempt = Math.floor(this.next() * 40);
    if (this.next() < 0.4) {
      const field = this.pick(Object.keys(message));
      if (this.next() < 0.3) delete message[field];
      else message[field] = this.anything();
    }
    return this.next() < 0.15 ? this.anything() : message;
  }
}

test("every message can be parsed, and what is accepted is of a known type", () => {
  const known = new Set(EXAMPLES.map(({ type }) => type));
  const maker = new Maker(random(1), () => "f1");
  let taken = 0;
  for (let n = 0; n < SEEDS * MESSAGES; n++) {
    const message = parse(maker.message());
    if (message) taken++;
    if (message) expect(known).toContain(message.type);
  }
  expect(taken).toBeGreaterThan(SEEDS * MESSAGES * 0.3);
  expect(taken).toBeLessThan(SEEDS * MESSAGES * 0.9);
}, 30_000);

test("no order of messages breaks a session, nor leaves a camera on when it is over", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  let dropped = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const camera = new FakeCamera();
    const rooms = new FakeRooms();
    const model = new FakeModel();
    const scope = new AbortController();
    const session = new Session(model, rooms.load, scope.signal);
    session.attachView(scope.signal);
    const next = random(seed);
    const maker = new Maker(next, () => model.pageId);
    for (let n = 0; n < MESSAGES; n++) {
      model.receive(maker.message());
      if (next() < 0.05) await vi.advanceTimersByTimeAsync(next() * 3000);
      if (camera.pending && next() < 0.1) await camera.open();
      if (next() < 0.02) session.start();
      if (next() < 0.02) session.stop();
      if (next() < 0.05) model.set("connection_state", maker.pick(STATES));
      if (session.attempt) expect(session.kernel.attempt).toBe(session.attempt.number);
    }
    dropped += session.kernel.counts.dropped + session.kernel.counts.unknown;
    // A page must not answer many messages with as many of its own.
    expect(model.sent.length).toBeLessThan(MESSAGES * 3);
    scope.abort();
    while (camera.pending) await camera.open();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(camera.tracks.filter((track) => track.readyState === "live")).toEqual([]);
  }
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  expect(dropped).toBeGreaterThan(SEEDS * 50);
}, 30_000);
