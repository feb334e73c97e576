/** The chunk `take`: carries out the taps of a session (snapshots, frames, recordings). */

import type { Tap, TapMessage } from "../kernel/messages.ts";
import type { Session } from "../session/session.ts";
import type { TapHandler } from "../session/taps.ts";
import { sendFrames } from "./frames.ts";
import { record } from "./recorder.ts";
import { still } from "./still.ts";
import { currentTrack, fileName, nextTrack, sendInPieces } from "./tracks.ts";
import type { OpenTap, ReportState, SendPiece } from "./types.ts";

/** Makes the tap handler of a session; see `TapHandler`. */
export function open(session: Session, changed: () => void): TapHandler {
  const openTaps = new Map<number, OpenTap>();
  const scopes = new Map<number, AbortController>();

  const end = (id: number) => {
    scopes.get(id)?.abort();
    scopes.delete(id);
    openTaps.delete(id);
    changed();
  };
  const begin = (tap: Tap) => {
    const { id } = tap;
    if (scopes.has(id)) return; // the kernel repeats a request that may have been lost
    const own = new AbortController();
    scopes.set(id, own);
    session.signal.addEventListener("abort", () => own.abort(), { once: true, signal: own.signal });
    const report: ReportState = (state, detail = {}) => {
      if (own.signal.aborted) return;
      session.kernel.send({ type: "tapped", id, state, detail });
      if (state !== "began") end(id);
      else changed();
    };
    const send: SendPiece = (data, detail, isLast = true) => {
      if (own.signal.aborted) return;
      session.kernel.send({ type: "piece", id, last: isLast, detail }, data);
    };
    const fail = (reason: unknown) => report("failed", { reason: String(reason) });
    if (tap.what === "snapshot") {
      sendStill(session, tap, own.signal, send).then(() => report("ended"), fail);
    } else if (tap.what === "frames") {
      openTaps.set(id, sendFrames(session, tap, send, report, own.signal));
    } else {
      openTaps.set(id, record(session, tap, send, report, own.signal));
    }
    changed();
  };

  return {
    get recording() {
      for (const one of openTaps.values()) if (one.recording) return one.recording;
      return null;
    },
    onMessage(message: TapMessage) {
      if (message.type === "tap") begin(message);
      else if (message.type === "credit") openTaps.get(message.id)?.credit?.(message.frames);
      else if (message.type === "untap") {
        const one = openTaps.get(message.id);
        if (one) one.stop();
        else end(message.id);
      }
    },
    async snapshot() {
      const track = currentTrack(session, "output");
      if (!track) throw Error("There is no picture yet.");
      const png = await wholeStill(session, track);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(png);
      link.download = fileName("png");
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      session.taps.setNote(`saved ${link.download}`);
    },
  };
}

/** One picture of the received track; the kernel's engine shows it in full size for that moment. */
async function wholeStill({ attempt, signal }: Session, track: MediaStreamTrack): Promise<Blob> {
  const own = new AbortController();
  try {
    await attempt?.connection.showWhole?.(own.signal);
    return await still(track, signal);
  } finally {
    own.abort();
  }
}

/** Sends one picture of the track, as a PNG file in pieces. */
async function sendStill(
  session: Session,
  { which }: Tap,
  signal: AbortSignal,
  send: SendPiece,
): Promise<void> {
  const track = await nextTrack(session, which, signal);
  const png = await still(track, signal);
  await sendInPieces(png, (data, isLast) => send(data, {}, isLast));
}
