/** What is taken away from a session: stills, frames, clips; a piece of its own. */

import type { Tap, TapMessage } from "../kernel/messages.ts";
import type { Session } from "../session/session.ts";
import type { RecordingProgress, TapHandler } from "../session/taps.ts";
import { sendFrames } from "./frames.ts";
import { fileName, inPieces, onPicture, pictureOf } from "./picture.ts";
import { record } from "./recorder.ts";
import { still } from "./still.ts";

/** One thing that is being taken, until it ends by itself or its signal does. */
export interface Running {
  /** Frames that may be sent. */
  credit?(frames: number): void;
  /** Ends it in good order: what there is still comes. */
  stop(): void;
  readonly recording?: RecordingProgress;
}

export function open(session: Session, changed: () => void): TapHandler {
  const running = new Map<number, Running>();
  const scope = new Map<number, AbortController>();

  const end = (id: number) => {
    scope.get(id)?.abort();
    scope.delete(id);
    running.delete(id);
    changed();
  };
  const begin = (tap: Tap) => {
    const { id } = tap;
    if (scope.has(id)) return; // the kernel asks again when it is not sure
    const own = new AbortController();
    scope.set(id, own);
    session.signal.addEventListener("abort", () => own.abort(), { once: true, signal: own.signal });
    const say = (state: "began" | "ended" | "failed", detail: Record<string, unknown> = {}) => {
      if (own.signal.aborted) return;
      session.kernel.send({ type: "tapped", id, state, detail });
      if (state !== "began") end(id);
      else changed();
    };
    const give = (data: ArrayBuffer, detail: Record<string, unknown>, last = true) => {
      if (!own.signal.aborted) session.kernel.send({ type: "piece", id, last, detail }, data);
    };
    const fail = (reason: unknown) => say("failed", { reason: String(reason) });
    if (tap.what === "snapshot") {
      takeStill(session, tap, own.signal, give).then(() => say("ended"), fail);
    } else if (tap.what === "frames") {
      running.set(id, sendFrames(session, tap, give, say, own.signal));
    } else {
      running.set(id, record(session, tap, give, say, own.signal));
    }
    changed();
  };

  return {
    get recording() {
      for (const one of running.values()) if (one.recording) return one.recording;
      return null;
    },
    onMessage(message: TapMessage) {
      if (message.type === "tap") begin(message);
      else if (message.type === "credit") running.get(message.id)?.credit?.(message.frames);
      else if (message.type === "untap") {
        const one = running.get(message.id);
        if (one) one.stop();
        else end(message.id);
      }
    },
    async snapshot() {
      const track = pictureOf(session, "output");
      if (!track) throw Error("There is no picture yet.");
      const png = await still(track, session.signal);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(png);
      link.download = fileName("png");
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      session.taps.setNote(`saved ${link.download}`);
    },
  };
}

async function takeStill(
  session: Session,
  { which }: Tap,
  signal: AbortSignal,
  give: (data: ArrayBuffer, detail: Record<string, unknown>, last: boolean) => void,
): Promise<void> {
  const track = await onPicture(session, which, signal);
  const png = await still(track, signal);
  await inPieces(png, (data, last) => give(data, {}, last));
}
