/** The entry points, and what concerns a view as a whole. */

import { describe, expect, test } from "vitest";
import decartWidget from "../../src/index.ts";
import { FakeModel, FakePeer, peers, prepare, settled } from "../fakes.ts";
import { life, model, one, render, root } from "./harness.ts";

describe("entryPoints", () => {
  test("views of a model share one session", () => {
    const second = render().element;
    one(".dw-start").click();
    expect(root.dataset.state).toBe("connecting");
    expect(second.dataset.state).toBe("connecting");
    expect(model.all("hello")).toHaveLength(1);
    expect(model.all("start")).toHaveLength(1);
  });

  test("models do not share anything", () => {
    const other = new FakeModel();
    decartWidget(peers).initialize({ model: other, signal: life.signal });
    expect(other.pageId).not.toBe(model.pageId);
  });

  test("initialize may be called again, after render, or never", () => {
    for (const order of [
      ["render"],
      ["render", "initialize"],
      ["initialize", "initialize", "render"],
    ]) {
      const late = new FakeModel();
      const entryPoints = decartWidget(peers);
      const scope = new AbortController();
      for (const name of order) {
        const el = document.createElement("div");
        entryPoints[name as "render"]({ model: late, el, signal: scope.signal });
      }
      expect(late.all("hello")).toHaveLength(1);
      scope.abort();
      expect(late.listeners).toBe(0);
    }
  });

  test("a host without abort signals calls the returned clean-up functions", () => {
    const bare = new FakeModel();
    const entryPoints = decartWidget(peers);
    const el = document.createElement("div");
    const close = entryPoints.initialize({ model: bare });
    const remove = entryPoints.render({ model: bare, el });
    expect(el.children).toHaveLength(1);
    remove();
    expect(el.children).toHaveLength(0);
    expect(bare.listeners).toBeGreaterThan(0);
    close();
    expect(bare.listeners).toBe(0);
  });

  test("a model without any trait is shown too", () => {
    const el = document.createElement("div");
    decartWidget(peers).render({ model: new FakeModel(), el, signal: life.signal });
    expect((el.querySelector(".decart-widget") as HTMLElement).dataset.state).toBe("idle");
  });
});

test("the root element's handle holds attempt and statistics", async () => {
  const handle = (root as HTMLElement & { decart: { attempt: number; stats(): Promise<object> } })
    .decart;
  expect(handle.attempt).toBeNull();
  expect(await handle.stats()).toEqual({ transport: "webrtc", framesDecoded: 0 });
  one(".dw-start").click();
  model.receive(prepare(model, 4));
  await settled();
  expect(handle.attempt).toBe(4);
  FakePeer.last.framesDecoded = 7;
  expect(await handle.stats()).toMatchObject({
    transport: "webrtc",
    framesDecoded: 7,
    width: 1280,
  });
});

test("every control has a name", () => {
  for (const control of root.querySelectorAll("button, input")) {
    const name =
      control.getAttribute("aria-label") ?? control.closest("label, button")?.textContent;
    expect(name?.trim()).toBeTruthy();
  }
});

test("the tools add their parts to the slots of the view", async () => {
  await settled();
  for (const selector of [
    ".dw-remote + .dw-local",
    ".dw-still + .dw-compare",
    ".dw-retry + .dw-clip",
    ".dw-tools > .dw-snapshot",
    ".dw-image > .dw-slotted",
    ".dw-money > .dw-gap + .dw-note",
  ]) {
    expect(root.querySelectorAll(selector), selector).toHaveLength(1);
  }
});

test("a viewer has a switch for its sound beside the gap of its row", async () => {
  const el = document.createElement("div");
  const viewer = new FakeModel({ _kind: "viewer" });
  decartWidget(peers).render({ model: viewer, el, signal: life.signal });
  await settled();
  expect(el.querySelectorAll(".dw-row > .dw-gap + .dw-speaker")).toHaveLength(1);
});
