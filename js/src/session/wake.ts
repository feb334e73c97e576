/** Tells a kernel that waits to reconnect that it may try again now. */

import { trait } from "./model.ts";
import type { Session } from "./session.ts";

/** The least time between two such messages. */
const INTERVAL_MS = 1000;

/** Sends `wake` when the network is back, or the page is visible again, until the session's end. */
export function sendWakeOnReturn(session: Session): void {
  const { model, kernel, signal } = session;
  let sentAtMs = Number.NEGATIVE_INFINITY;
  const send = () => {
    const now = performance.now();
    const isWaiting = trait(model, "connection_state") === "reconnecting";
    if (!isWaiting || session.isOwnedElsewhere || now - sentAtMs < INTERVAL_MS) return;
    sentAtMs = now;
    kernel.send({ type: "wake" });
  };
  window.addEventListener("online", send, { signal });
  document.addEventListener("visibilitychange", () => document.hidden || send(), { signal });
}
