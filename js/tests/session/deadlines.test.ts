/** What ends a session in the page although the kernel does not: no view, a silent kernel, the budget. */

import { describe, expect, test, vi } from "vitest";
import { FakePeer, prepare } from "../fakes.ts";
import { camera, end, generate, model, passSeconds, session, view, welcome } from "./harness.ts";

test("a camera without views stops 5 s after the last one, not before", async () => {
  await generate();
  view.abort();
  await vi.advanceTimersByTimeAsync(4900);
  expect(camera.on).toBe(true);
  await vi.advanceTimersByTimeAsync(200);
  expect(camera.on).toBe(false);
  expect(model.all("stop")).toMatchObject([{ attempt: 1 }]);
});

test("a view that is shown again in time keeps the camera on", async () => {
  await generate();
  view.abort();
  await vi.advanceTimersByTimeAsync(4900);
  session.attachView(new AbortController().signal);
  await passSeconds(60);
  expect(camera.on).toBe(true);
  expect(model.all("stop")).toHaveLength(0);
});

test("one view of two may be removed", async () => {
  await generate();
  session.attachView(new AbortController().signal);
  view.abort();
  await passSeconds(60);
  expect(camera.on).toBe(true);
});

test("an attempt without a view ends", async () => {
  view.abort();
  await vi.advanceTimersByTimeAsync(10_000);
  model.receive(prepare(model));
  await camera.open();
  await vi.advanceTimersByTimeAsync(5100);
  expect(camera.on).toBe(false);
});

test("a silent kernel ends the start, and its late attempt is declined", async () => {
  session.start();
  await camera.open();
  await vi.advanceTimersByTimeAsync(21_000);
  expect(camera.on).toBe(true);
  await vi.advanceTimersByTimeAsync(1000);
  expect(camera.on).toBe(false);
  expect(session.fault?.code).toBe("kernel-silent");
  model.receive(prepare(model, 7));
  expect(model.all("stop")).toMatchObject([{ attempt: null }, { attempt: 7 }]);
  expect(camera.asked).toHaveLength(1);
});

test("a lost kernel turns the camera off; one that answers does not", async () => {
  await generate();
  model.emit("comm_live_update");
  welcome({ attempt: 1 });
  await passSeconds(60);
  expect(camera.on).toBe(true);
  model.emit("comm_live_update");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(camera.on).toBe(false);
});

test("a kernel that shows an active state may take its time to prepare", async () => {
  session.start();
  await camera.open();
  model.set("connection_state", "connecting");
  await passSeconds(60);
  expect(camera.on).toBe(true);
});

test("a failed connection waits for the kernel, and turns the camera off when that falls silent", async () => {
  const peer = await generate();
  peer.become("failed");
  expect(model.all("media").at(-1)).toMatchObject({ state: "failed" });
  expect(camera.on).toBe(true);
  await passSeconds(60);
  expect(camera.on).toBe(true);
  await vi.advanceTimersByTimeAsync(22_000);
  expect(camera.on).toBe(false);
});

test("a kernel that falls silent during a session ends it, and is sent a stop", async () => {
  await generate();
  await passSeconds(60);
  for (let second = 0; second < 22; second++) {
    FakePeer.last.framesDecoded += 30; // media needs no kernel
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(camera.on).toBe(false);
  expect(session.fault?.code).toBe("kernel-silent");
  expect(model.all("stop")).toMatchObject([{ attempt: 1 }]);
});

test("a kernel that was silent only because this page slept says why the session ended", async () => {
  await generate();
  await passSeconds(60);
  await vi.advanceTimersByTimeAsync(22_000); // the timer of a page that wakes comes first
  expect(session.fault?.code).toBe("kernel-silent");
  end({ reason: "unattended" });
  model.set("error", { code: "unattended", message: "Nobody watched." });
  model.set("connection_state", "disconnected");
  expect(session.fault).toBeNull();
  expect(session.state).toBe("disconnected");
});

test("a camera kept for the next attempt is turned off when the kernel falls silent, not before", async () => {
  await generate();
  end({ reason: "reconnecting", keep_camera: true });
  model.set("connection_state", "reconnecting");
  await passSeconds(60);
  expect(camera.on).toBe(true);
  expect(model.all("heartbeat").length).toBeGreaterThan(10); // the page was never silent
  await vi.advanceTimersByTimeAsync(22_000);
  expect(camera.on).toBe(false);
});

describe("the budget in the page", () => {
  const started = async () => {
    model.set("budget", 30);
    const peer = await generate();
    model.set("generation_tick", 1);
    return peer;
  };

  test("ends a session that the kernel does not end", async () => {
    const peer = await started();
    await passSeconds(30);
    expect(camera.on).toBe(true);
    await passSeconds(1);
    expect(camera.on).toBe(false);
    expect(peer.connectionState).toBe("closed");
    expect(model.all("stop")).toMatchObject([{ attempt: 1 }]);
    expect(session.fault?.code).toBe("budget-spent");
  });

  test("follows what the kernel has counted", async () => {
    await started();
    for (let tick = 1; tick < 29; tick++) {
      await passSeconds(2); // half of the time without generating, as in a queue
      model.set("generation_tick", tick);
    }
    expect(camera.on).toBe(true);
    await passSeconds(4);
    expect(camera.on).toBe(false);
  });

  test("is used up only while the service generates", async () => {
    await started();
    model.set("connection_state", "connected");
    await passSeconds(60);
    expect(camera.on).toBe(true);
  });

  test("is not extended by changes of other traits", async () => {
    await started();
    for (let second = 0; second < 31; second++) {
      model.set("prompt", `prompt ${second}`);
      await passSeconds(1);
    }
    expect(camera.on).toBe(false);
  });
});
