/** The messages to the kernel that the network is back. */

import { describe, expect, test, vi } from "vitest";
import { end, generate, model } from "./harness.ts";

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
