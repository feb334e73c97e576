/** The chunk `kernel`: what a page asks the kernel to show. */

import { expect, test, vi } from "vitest";
import vectors from "../../../tests/vectors/page_messages.json";
import type { Message } from "../fakes.ts";
import { observers } from "./fakes.ts";
import {
  all,
  hide,
  last,
  receive,
  sent,
  shownNumbers,
  sized,
  sources,
  transport,
  watched,
} from "./harness.ts";

test("the output, in the size of the view in device pixels, once a view is visible", async () => {
  await watched();
  expect(sent).toEqual([
    {
      type: "watch",
      attempt: 4,
      streams: ["output"],
      codecs: ["h264", "jpeg"],
      width: 1216,
      height: 704,
    },
  ]);
});

test("nothing before a view is visible, nor is that said", async () => {
  const screen = await watched({ isVisible: false });
  await vi.advanceTimersByTimeAsync(60_000);
  observers.see(screen, false);
  expect(sent).toEqual([]);
  observers.see(screen, true);
  expect(last("watch")).toMatchObject({ streams: ["output"] });
  observers.see(screen, false);
  expect(last("watch")).toMatchObject({ streams: [], width: 0, height: 0 });
});

test("nothing while the tab is hidden", async () => {
  await watched();
  hide(true);
  expect(last("watch")).toMatchObject({ streams: [] });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(all("watch")).toHaveLength(2); // and it isn't told again and again
  hide(false);
  expect(last("watch")).toMatchObject({ streams: ["output"], width: 1216 });
});

test("the size of the largest view, once it has settled", async () => {
  await watched();
  const large = sized(1000, 560);
  transport.showOn?.(large);
  observers.see(large, true);
  observers.resize();
  observers.resize();
  expect(all("watch")).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(300);
  expect(all("watch")).toHaveLength(2);
  expect(last("watch")).toMatchObject({ width: 2048, height: 1152 });
  observers.see(large, false);
  await vi.advanceTimersByTimeAsync(300);
  expect(last("watch")).toMatchObject({ width: 1216, height: 704 });
});

test.each([
  ["no WebCodecs", { webCodecs: false }],
  ["no H.264", { h264: false }],
])("JPEG only, in a page with %s", async (_, fakes) => {
  await watched({ ...fakes });
  expect(last("watch")).toMatchObject({ codecs: ["jpeg"] });
});

test("is said as the examples that both sides read have it", async () => {
  const screen = await watched();
  const compared = new AbortController();
  transport.showSent?.(compared.signal);
  observers.see(screen, false);
  await receive(0);
  const shape = (value: object) =>
    Object.entries(value).map(([name, inner]) => [
      name,
      Array.isArray(inner) ? "list" : typeof inner,
    ]);
  const examples = (vectors.to_kernel as Message[]).filter(({ type }) => /watch|shown/.test(type));
  expect(examples).not.toEqual([]);
  for (const { page_id: _, ...example } of examples) {
    const ours = all(example.type);
    expect(ours).not.toEqual([]);
    for (const one of ours)
      expect(new Map(shape(one) as never)).toEqual(new Map(shape(example) as never));
  }
});

test("pictures as large as they are while one is taken, once there is a keyframe", async () => {
  await watched();
  await receive(0);
  const own = new AbortController();
  let isThere = false;
  void transport.showWhole?.(own.signal).then(() => {
    isThere = true;
  });
  expect(last("watch")).toMatchObject({ streams: ["output"], width: 0, height: 0 });
  await receive(1); // was on its way
  expect(isThere).toBe(false);
  await receive(2, { key: true });
  expect(isThere).toBe(true);
  own.abort();
  expect(last("watch")).toMatchObject({ streams: ["output"], width: 1216 });
});

test("nothing is said twice, however many take a picture", async () => {
  await watched();
  const [one, two] = [new AbortController(), new AbortController()];
  void transport.showWhole?.(one.signal);
  void transport.showWhole?.(two.signal);
  expect(all("watch")).toHaveLength(2);
  one.abort();
  expect(all("watch")).toHaveLength(2);
  two.abort();
  expect(all("watch")).toHaveLength(3);
});

test("a picture that does not come is not waited for", async () => {
  await watched();
  const own = new AbortController();
  const waiting = transport.showWhole?.(own.signal);
  await vi.advanceTimersByTimeAsync(2000);
  await waiting;
  own.abort();
  expect(last("watch")).toMatchObject({ width: 1216 });
});

test("what is sent, only while somebody compares it", async () => {
  await watched();
  const [one, two] = [new AbortController(), new AbortController()];
  transport.showSent?.(one.signal);
  transport.showSent?.(two.signal);
  expect(last("watch")).toMatchObject({ streams: ["output", "input"] });
  expect(sources).toHaveLength(1);
  await receive(0, { stream: "input" });
  expect(shownNumbers()).toEqual(["input 0"]);
  one.abort();
  expect(last("watch")).toMatchObject({ streams: ["output", "input"] });
  two.abort();
  expect(last("watch")).toMatchObject({ streams: ["output"] });
  expect(sources.at(-1)).toBeNull();
  // One that was on its way gives its credit back.
  await receive(1, { stream: "input" });
  expect(shownNumbers()).toEqual(["input 0", "input 1"]);
});
