/** The chunk `kernel`: what a page does with the pictures that the kernel sends. */

import { describe, expect, test, vi } from "vitest";
import { settled } from "../fakes.ts";
import { FakeDecoder, FakeFrame, observers } from "./fakes.ts";
import {
  all,
  bitmaps,
  drawn,
  forget,
  generators,
  last,
  receive,
  requested,
  scope,
  sent,
  shownNumbers,
  states,
  streams,
  transport,
  watched,
} from "./harness.ts";

describe("pictures", () => {
  test("are shown as a stream, the first of which counts as connected", async () => {
    await watched();
    expect(streams).toHaveLength(1); // an element has the track before there is a picture
    await receive(0);
    await receive(1);
    expect(states).toEqual([]); // no element can have shown it yet
    await vi.advanceTimersByTimeAsync(300);
    expect(states).toEqual(["connected"]);
    expect(streams).toHaveLength(1);
    expect(generators.made[0]?.shown).toHaveLength(2);
    expect(FakeDecoder.last.configuration).toMatchObject({
      codec: "avc1.42E01F",
      optimizeForLatency: true,
    });
    expect(FakeDecoder.last.chunks.map(({ type }) => type)).toEqual(["key", "delta"]);
    expect(FakeFrame.open).toBe(0);
  });

  test("are acknowledged when they are decoded, not before", async () => {
    await watched();
    FakeDecoder.isQuick = false;
    await receive(0);
    await receive(1);
    expect(shownNumbers()).toEqual([]);
    for (const { timestamp } of FakeDecoder.last.chunks) FakeDecoder.last.give(timestamp);
    expect(shownNumbers()).toEqual(["output 0", "output 1"]);
  });

  test("that fail have the next one come as a keyframe, and give their credit back", async () => {
    await watched();
    FakeDecoder.isQuick = false;
    await receive(0);
    await receive(1);
    FakeDecoder.last.fail();
    await vi.advanceTimersByTimeAsync(0);
    expect(shownNumbers()).toEqual(["output 0", "output 1"]);
    expect(all("watch")).toHaveLength(2);
    expect(all("watch")[1]).toEqual(all("watch")[0]);
    FakeDecoder.isQuick = true;
    await receive(2, { key: false }); // was on its way
    expect(generators.made[0]?.shown).toHaveLength(0);
    await receive(3, { key: true });
    expect(generators.made[0]?.shown).toHaveLength(1);
    expect(shownNumbers().slice(2)).toEqual(["output 2", "output 3"]);
    expect(all("watch")).toHaveLength(2);
  });

  test("come as JPEG after H.264 has failed again and again", async () => {
    await watched();
    FakeDecoder.isQuick = false;
    for (let number = 0; number < 3; number++) {
      await receive(number, { key: true });
      FakeDecoder.last.fail();
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(last("watch")).toMatchObject({ codecs: ["jpeg"] });
  });

  test("that a decoder keeps to itself are given up, and asked for again ever more rarely", async () => {
    await watched();
    FakeDecoder.isQuick = false;
    await receive(0);
    await vi.advanceTimersByTimeAsync(2000);
    expect(shownNumbers()).toEqual(["output 0"]);
    expect(all("watch")).toHaveLength(2);
    expect(FakeDecoder.last.state).toBe("closed");
    await vi.advanceTimersByTimeAsync(2000);
    expect(all("watch")).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(2000);
    expect(all("watch")).toHaveLength(3);
  });

  test("of another size are decoded by another decoder only where the codec's profile changes", async () => {
    await watched();
    await receive(0);
    await receive(1, { key: true });
    expect(FakeDecoder.made).toHaveLength(1);
    await receive(2, { key: true, config: "avc1.42E028" });
    expect(FakeDecoder.made).toHaveLength(2);
    expect(FakeDecoder.made[0]?.state).toBe("closed");
  });

  test("that are no pictures, or none of ours, break nothing", async () => {
    await watched();
    await receive(0, { stream: "neither" as "output" });
    void transport.receive({ type: "answer", attempt: 4, sdp: "" });
    await settled();
    expect(states).toEqual([]);
  });

  test("have honest figures: no round trip and no packets", async () => {
    await watched();
    await receive(0);
    const first = (await transport.measure()) ?? undefined;
    await receive(1);
    await receive(2);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await transport.measure(first)).toMatchObject({
      ...{ fps: 2, width: 640, height: 360, rtt_s: null, loss: 0, bitrate: 1600 },
      ...{ framesDecoded: 3, codec: "H264" },
    });
  });

  test("tell how late what is received is, by their time in the source", async () => {
    await watched();
    transport.showSent?.(scope.signal);
    for (let number = 0; number < 20; number++) {
      const at = number * 0.1;
      await receive(number, { stream: "input", key: true, at });
      // What was sent 250 ms before, of which no picture was shown.
      await receive(number, { key: true, at: at > 0.25 ? at - 0.25 : null });
      await vi.advanceTimersByTimeAsync(100);
    }
    const { delay_s } = (await transport.measure()) ?? {};
    expect(delay_s).toBeCloseTo(0.25, 2);
    await receive(20, { stream: "input", key: true, at: 0 }); // from the beginning again
    expect((await transport.measure())?.delay_s).toBeNull();
  });

  test("end with the attempt, and everything that was opened for them", async () => {
    const screen = await watched();
    FakeDecoder.isQuick = false;
    await receive(0);
    const { timestamp } = FakeDecoder.last.chunks[0] ?? { timestamp: 0 };
    scope.abort();
    forget();
    FakeDecoder.last.give(timestamp); // was being decoded
    observers.see(screen, false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([]);
    expect(FakeFrame.open).toBe(0);
    expect(FakeDecoder.last.state).toBe("closed");
    expect(generators.made[0]?.readyState).toBe("ended");
    expect(observers.intersections.size + observers.resizes.size).toBe(0);
  });
});

describe("JPEG, on a canvas", () => {
  const jpeg = { codec: "jpeg", config: null, key: true } as const;
  const bitmap = (width = 320) => ({
    width,
    height: 180,
    closed: 0,
    close() {
      this.closed++;
    },
  });

  test("each picture is drawn and becomes a frame of the track", async () => {
    await watched({ webCodecs: false });
    await receive(0, jpeg);
    expect(streams).toEqual([]); // a canvas would give a frame without a picture
    const picture = bitmap();
    bitmaps[0]?.resolve(picture);
    await settled();
    expect(drawn).toEqual([picture]);
    expect(streams).toHaveLength(1);
    expect(requested).toBe(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(requested).toBe(2); // an element that came too late for the first one
    expect(picture.closed).toBe(1);
    expect(await transport.measure()).toMatchObject({ width: 320, height: 180, codec: "JPEG" });
  });

  test("one that is decoded after a newer one is passed over", async () => {
    await watched({ webCodecs: false });
    await receive(0, jpeg);
    await receive(1, jpeg);
    const [early, late] = [bitmap(), bitmap()];
    bitmaps[1]?.resolve(early);
    await settled();
    bitmaps[0]?.resolve(late);
    await settled();
    expect(drawn).toEqual([early]);
    expect(late.closed).toBe(1);
    expect(shownNumbers()).toEqual(["output 1", "output 0"]);
  });

  test("one that is damaged gives its credit back", async () => {
    await watched({ webCodecs: false });
    await receive(0, jpeg);
    bitmaps[0]?.reject(new Error("damaged"));
    await settled();
    expect(shownNumbers()).toEqual(["output 0"]);
    expect(drawn).toEqual([]);
  });
});
