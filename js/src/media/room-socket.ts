/**
 * The sockets and requests of livekit-client: in the chunk `room`, esbuild's `inject` replaces the
 * browser's `WebSocket` and `fetch` by these.
 *
 * A browser prints the address of a socket that fails on the page's console, and nothing can stop it.
 * A LiveKit address has the room's token in its query. Chromium shortens a long address in the middle,
 * so the token is put there. Requests carry it in a header. Firefox prints the whole address.
 */

/** Characters that Chromium prints of a long address, of its beginning and of its end, at most. */
const SHOWN = 512;

/** A room's address with its token in the middle, so that no part of it is printed. */
export function withHiddenToken(address: string | URL): string {
  const url = new URL(address);
  const token = url.searchParams.get("access_token");
  if (!token) return url.href;
  url.searchParams.delete("access_token");
  // LiveKit's servers ignore parameters that they don't know.
  const missing = SHOWN - url.href.length;
  if (missing > 0) url.searchParams.set("before", "-".repeat(missing));
  url.searchParams.set("access_token", token);
  url.searchParams.set("after", "-".repeat(SHOWN));
  return url.href;
}

// A browser without WebSocket must still load the chunk.
const BrowserSocket = globalThis.WebSocket ?? class {};

class RoomSocket extends BrowserSocket {
  constructor(address: string | URL, protocols?: string | string[]) {
    super(withHiddenToken(address), protocols);
  }
}

/** As the browser's `fetch`, with a token of the address in the header instead. */
function roomFetch(resource: RequestInfo | URL, options: RequestInit = {}): Promise<Response> {
  if (resource instanceof Request) return globalThis.fetch(resource, options);
  const url = new URL(resource, location.href);
  const token = url.searchParams.get("access_token");
  if (!token) return globalThis.fetch(resource, options);
  url.searchParams.delete("access_token");
  const headers = new Headers(options.headers);
  headers.set("Authorization", `Bearer ${token}`);
  return globalThis.fetch(url, { ...options, headers });
}

export { RoomSocket as WebSocket, roomFetch as fetch };
