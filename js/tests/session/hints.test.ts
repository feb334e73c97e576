/** The hints to the kernel: the network is back, a start is likely. */

import { describe, expect, test, vi } from "vitest";
import { end, generate, model, passSeconds, view } from "./harness.ts";

describe("the network comes back", () => {
  const woken = () => model.all("wake").length;
  const online = () => window.dispatchEvent(new Event("online"));

  test("the kernel is sent a wake while it waits to reconnect, at most once a second", async () => {
    await generate();
    online();
    expect(woken()).toBe(0);
    end({ reason: "reconnecting", keep_camera: true });
    model.set("connection_state", "reconnecting");
    for (let times = 0; times < 9; times++) online();
    expect(woken()).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(woken()).toBe(2);
  });

  test("a page that does not own the session sends nothing", () => {
    model.receive({ type: "owner", page_id: "another page" });
    model.set("connection_state", "reconnecting");
    online();
    expect(woken()).toBe(0);
  });

  test("a lost network changes nothing", async () => {
    const peer = await generate();
    const sent = model.sent.length;
    window.dispatchEvent(new Event("offline"));
    expect(peer.connectionState).toBe("connected");
    expect(model.sent).toHaveLength(sent);
  });
});

describe("a page that shows the widget", () => {
  const prepared = () => model.all("intent").length;
  const minutes = (count: number) => vi.advanceTimersByTimeAsync(count * 60_000);

  test("repeats its hint every 10 minutes, so that what the kernel prepared stays fresh", async () => {
    await minutes(30.5);
    expect(prepared()).toBe(3);
  });

  test("sends it again when it becomes visible, and not while it is hidden", async () => {
    const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    await minutes(60);
    expect(prepared()).toBe(0);
    hidden.mockReturnValue(false);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(prepared()).toBe(1);
  });

  test("sends none without a view, nor during a session", async () => {
    await generate();
    await passSeconds(1300);
    expect(prepared()).toBe(0);
    view.abort();
    await minutes(30);
    expect(prepared()).toBe(0);
  });
});
