/** A sheet in the kernel: hello, the document in pieces, pictures when they are wanted. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import vectors from "../../../tests/vectors/page_messages.json";
import { embeddedPort } from "../../src/explore/embedded.ts";
import decartSheet, { openFile } from "../../src/explore/index.ts";
import { SheetLink } from "../../src/explore/link.ts";
import { Pieces } from "../../src/explore/pieces.ts";
import { parseSheet } from "../../src/kernel/messages.ts";
import { FakeModel, type Message } from "../fakes.ts";
import { sheet } from "./made.ts";

let model: FakeModel;
let scope: AbortController;
let link: SheetLink;

beforeEach(() => {
  vi.useFakeTimers();
  let count = 0;
  vi.spyOn(URL, "createObjectURL").mockImplementation(() => `blob:${count++}`);
  vi.spyOn(URL, "revokeObjectURL").mockImplementation(() => undefined);
  model = new FakeModel();
  scope = new AbortController();
  link = new SheetLink(model, scope.signal);
});
afterEach(() => {
  scope.abort();
  vi.useRealTimers();
});

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

function send(value: unknown, more: Partial<Record<string, unknown>> = {}, cut = 400): void {
  const data = bytes(value);
  for (let at = 0; at < data.length; at += cut) {
    const message = { type: "sheet", page_id: null, number: 1, at, total: data.length };
    model.receive({ ...message, patch: false, ...more }, [data.slice(at, at + cut)]);
  }
}

const asked = () => model.all("sheet-pictures").flatMap(({ names }) => names as string[]);

test("it says hello until the document comes, whole or in pieces", () => {
  const changes = vi.fn();
  link.onChange(changes);
  vi.advanceTimersByTime(800);
  expect(model.all("hello").length).toBe(3);
  send(sheet());
  expect(link.document).toEqual(sheet());
  expect(changes).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(10_000);
  expect(model.all("hello").length).toBe(3);
});

test("a change is put into the document, and one before it is left out", () => {
  send({ said: "early" }, { patch: true });
  expect(link.document).toBeNull();
  send(sheet());
  send({ said: "Saved" }, { patch: true, number: 2 });
  expect([link.document?.said, link.document?.title]).toEqual(["Saved", "temple.mp4"]);
  send({ said: "for another page" }, { patch: true, number: 3, page_id: "other" });
  expect(link.document?.said).toBe("Saved");
});

test("a few pictures are asked for at a time, each once, and again where none comes", async () => {
  const names = Array.from({ length: 7 }, (_, index) => `p${index}`);
  const urls = names.map((name) => link.picture(name));
  link.picture("p0");
  expect(asked()).toEqual(names.slice(0, 4));
  const to = { type: "sheet-picture", page_id: link.pageId };
  model.receive({ ...to, name: "p0", at: 0, total: 4 }, [new Uint8Array(2)]);
  model.receive({ ...to, name: "p0", at: 2, total: 4 }, [new Uint8Array(2)]);
  expect(await urls[0]).toBe("blob:0");
  expect(asked()).toEqual(names.slice(0, 5));
  model.receive({ ...to, name: "p1", at: 0, total: 0 });
  await expect(urls[1]).rejects.toThrow("no such picture");
  vi.advanceTimersByTime(5001);
  expect(asked().filter((name) => name === "p2").length).toBe(2);
});

test("pieces that don't fit begin anew, and too large a whole is not taken", () => {
  const pieces = new Pieces();
  expect(pieces.add("a", 0, 4, new Uint8Array([1, 2]))).toBeNull();
  expect(pieces.add("b", 2, 4, new Uint8Array([9, 9]))).toBeNull();
  expect(pieces.add("a", 0, 2, new Uint8Array([1, 2]))).toEqual(new Uint8Array([1, 2]));
  expect(pieces.add("a", 0, 1e9, new Uint8Array([1]))).toBeNull();
});

describe("the messages are those of the table", () => {
  test.each(vectors.sheet_to_browser.map((m) => [m.type, m] as const))(
    "%s is understood",
    (_, m) => {
      expect(parseSheet(m)).toEqual(m);
      expect(parseSheet({ ...m, at: "0" })).toBeNull();
    },
  );

  test("everything that a page asks for has an example of its fields", () => {
    const examples = vectors.sheet_to_kernel as Message[];
    link.picture("sent");
    link.ask({ type: "sweep-start", cells: 3 });
    link.ask({ type: "sheet-rank", answer: "tie", number: 0 });
    link.ask({ type: "sheet-star", key: "a", on: false });
    for (const message of model.sent.filter(({ type }) => type !== "hello")) {
      const example = examples.find(({ type }) => type === message.type);
      expect(Object.keys(message).sort()).toEqual(Object.keys(example ?? {}).sort());
    }
  });
});

test("all views of a model share one link, which ends with the last of them", () => {
  const points = decartSheet();
  const own = new FakeModel();
  const end = points.initialize({ model: own });
  const views = [0, 1].map(() => {
    const el = document.createElement("div");
    return { el, end: points.render({ model: own, el }) };
  });
  expect(own.all("hello").length).toBe(1);
  expect(views.every(({ el }) => el.querySelector(".decart-sheet"))).toBe(true);
  end();
  for (const view of views) view.end();
  expect(own.listeners).toBe(0);
  expect(views.some(({ el }) => el.querySelector(".decart-sheet"))).toBe(false);
});

test("a file's sheet comes out of its data, without the card of a run that is over", async () => {
  const data = JSON.stringify({ document: sheet(), pictures: { sent: btoa("jpeg") } });
  const port = embeddedPort(data);
  expect(await port.picture("sent")).toBe(await port.picture("sent"));
  await expect(port.picture("none")).rejects.toThrow("no picture");
  const el = document.createElement("div");
  openFile(el, data);
  expect(el.querySelectorAll(".ds-cell").length).toBe(6);
  expect(el.querySelector<HTMLElement>(".ds-run")?.hidden).toBe(true);
  expect(port.document?.can.rank).toBe(false);
});
