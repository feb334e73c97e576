/** What a view shows of the state, the queue, the cost and the ownership of a session. */

import { describe, expect, test, vi } from "vitest";
import { STATES } from "../../src/session/model.ts";
import { model, one, root, text, visible } from "./harness.ts";

describe("state", () => {
  test.each(STATES)("%s is shown with its own text", (state) => {
    model.set("connection_state", state);
    expect(root.dataset.state).toBe(state);
    expect(text(".dw-state")).not.toBe("");
  });

  test("the seven states have seven texts", () => {
    const texts = STATES.map((state) => {
      model.set("connection_state", state);
      return text(".dw-state");
    });
    expect(new Set(texts).size).toBe(7);
  });

  test("either Start or Stop is shown, never both", () => {
    for (const state of STATES) {
      model.set("connection_state", state);
      const rest = state === "idle" || state === "disconnected";
      expect([state, visible(".dw-start")]).toEqual([state, rest]);
      expect([state, visible(".dw-retry")]).toEqual([state, state === "error"]);
      expect([state, visible(".dw-stop")]).toEqual([state, !rest && state !== "error"]);
    }
  });

  test("the place in the queue is shown", () => {
    model.set("queue_position", 3);
    model.set("queue_size", 12);
    expect(text(".dw-queue")).toBe("");
    model.set("connection_state", "connecting");
    expect(text(".dw-queue")).toBe("3 of 12 in the queue");
    model.set("queue_size", null);
    expect(text(".dw-queue")).toBe("place 3 in the queue");
  });

  test("reconnecting shows which attempt, and when", () => {
    model.set("connection_state", "reconnecting");
    model.set("_retry", { attempt: 2, of: 5, in_s: 2 });
    expect(text(".dw-state")).toBe("Reconnecting · 2 of 5in 2 s");
    vi.advanceTimersByTime(1000);
    expect(text(".dw-time")).toBe("in 1 s");
    vi.advanceTimersByTime(1000);
    expect(text(".dw-time")).toBe("");
  });

  test("the generated seconds are shown as billed or not", () => {
    expect(text(".dw-billed")).toBe("Nothing billed");
    model.set("generation_tick", 42.9);
    expect(text(".dw-billed")).toBe("0:42 billed");
    model.set("budget", 120);
    expect(text(".dw-billed")).toBe("0:42 of 2:00 billed");
    expect(one(".dw-meter i").style.inlineSize).toMatch(/^35\.75%$/);
    model.set("cost", 0.84);
    expect(text(".dw-billed")).toBe("$0.84 · 0:42 of 2:00");
    model.set("budget", null);
    expect(text(".dw-billed")).toBe("$0.84 · 0:42");
    model.set("budget", 120);
    model.set("endpoint", "sandbox");
    expect(text(".dw-billed")).toBe("0:42 of 2:00, not billed");
    model.set("connection_state", "generating");
    expect(text(".dw-time")).toBe("0:42");
  });

  test("the end of a budget is announced beside the state, once", () => {
    for (const [name, value] of Object.entries({ budget: 60, connection_state: "generating" }))
      model.set(name, value);
    expect(text(".dw-queue")).toBe("");
    model.set("budget_low", true);
    expect(text(".dw-queue")).toBe("budget almost used up");
    expect(one(".dw-meter").dataset.low).toBe("true");
    expect(visible(".dw-notice")).toBe(false);
    model.set("connection_state", "disconnected");
    expect(text(".dw-queue")).toBe("");
  });

  test("a busy kernel is shown beside any state", () => {
    model.set("kernel_busy", true);
    expect(text(".dw-queue")).toBe("kernel busy");
    one(".dw-start").click();
    expect(text(".dw-state")).toContain("kernel busy");
    model.set("kernel_busy", false);
    expect(text(".dw-queue")).toBe("");
  });

  test("a widget of a cell's previous run shows that the cell was run again", () => {
    model.set("error", { code: "superseded-by-rerun", message: "Ended.", remedy: "Start here." });
    model.set("connection_state", "disconnected");
    expect(text(".dw-notice .dw-title")).toBe("The cell was run again");
    expect(text(".dw-notice")).toContain("Ended.");
  });

  test("the time is shown, but not announced", () => {
    expect(one(".dw-state").getAttribute("aria-live")).toBe("polite");
    expect(one(".dw-time").getAttribute("aria-hidden")).toBe("true");
  });

  test("only the sandbox has the badge", () => {
    expect(visible(".dw-badge")).toBe(false);
    model.set("endpoint", "sandbox");
    expect(visible(".dw-badge")).toBe(true);
    expect(text(".dw-badge")).toMatch(/^Local preview: .*not Decart\. Set DECART_API_KEY\.$/);
  });

  test("the stage has the model's shape before there is a picture", () => {
    expect(one(".dw-stage").style.getPropertyValue("--dw-ratio")).toBe("1280 / 704");
  });

  test("a page that does not own the session has no Stop", () => {
    model.set("connection_state", "generating");
    const welcome = { type: "welcome", page_id: model.pageId, owner: false, protocol: 1 };
    model.receive({ ...welcome, version: "1", attempt: 3 });
    expect(root.dataset.owner).toBe("false");
    expect(visible(".dw-stop")).toBe(false);
    expect(text(".dw-poster .dw-title")).toBe("Shown in another tab");
  });

  test("a session of another tab can be taken over", () => {
    model.receive({ type: "owner", page_id: "another page" });
    expect(text(".dw-start")).toBe("Start"); // without a session
    model.set("connection_state", "generating");
    expect(text(".dw-start")).toBe("Take over");
    expect(visible(".dw-start")).toBe(true);
    one(".dw-start").click();
    expect(model.all("take")).toHaveLength(1);
    expect(model.all("start")).toHaveLength(0);
    model.receive({ type: "owner", page_id: model.pageId });
    expect(visible(".dw-start")).toBe(false);
    expect(visible(".dw-stop")).toBe(true);
  });
});
