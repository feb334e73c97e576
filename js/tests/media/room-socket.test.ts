import { describe, expect, test, vi } from "vitest";
import { fetch, WebSocket, withHiddenToken } from "../../src/media/room-socket.ts";

const TOKEN = "eyJ".repeat(100);

/** What Chromium prints of an address. */
const printed = (url: string) => (url.length > 1024 ? url.slice(0, 511) + url.slice(-510) : url);

describe("a room's address", () => {
  test.each(["", "&join_request=short", `&join_request=${"x".repeat(3000)}&reconnect=1`])(
    "has its token where a browser that shortens it prints nothing (%#)",
    (rest) => {
      const address = withHiddenToken(
        `wss://room.example:7880/rtc/v1?access_token=${TOKEN}${rest}`,
      );
      expect(printed(address)).not.toContain("eyJ");
      const before = new URLSearchParams(`access_token=${TOKEN}${rest}`);
      for (const [name, value] of before)
        expect(new URL(address).searchParams.get(name)).toBe(value);
    },
  );

  test("without a token is left alone", () => {
    expect(withHiddenToken("wss://room.example/rtc?a=1")).toBe("wss://room.example/rtc?a=1");
  });
});

test("a socket is opened at that address", () => {
  const socket = new WebSocket(`ws://127.0.0.1:9/rtc?access_token=${TOKEN}`);
  expect(printed(socket.url)).not.toContain("eyJ");
  socket.close();
});

test("a request has the token in its header", async () => {
  const request = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("ok"));
  await fetch(`https://room.example/rtc/validate?access_token=${TOKEN}&a=1`, { method: "POST" });
  const [url, options] = request.mock.calls[0] ?? [];
  expect(String(url)).toBe("https://room.example/rtc/validate?a=1");
  expect(options?.method).toBe("POST");
  expect(new Headers(options?.headers).get("Authorization")).toBe(`Bearer ${TOKEN}`);
  await fetch("https://room.example/other");
  expect(request.mock.calls[1]?.[0]).toBe("https://room.example/other");
});
