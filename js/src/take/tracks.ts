/** Which track a tap reads, and how files are sent in pieces. */

import type { Tap } from "../kernel/messages.ts";
import type { Session } from "../session/session.ts";

/** Bytes of one piece. A host drops messages above some 10 MB, and its socket with them. */
const PIECE_BYTES = 700_000;

/** The live track that is sent or received; null before the picture is revealed. */
export function currentTrack(session: Session, which: Tap["which"]): MediaStreamTrack | null {
  const { attempt } = session;
  if (!attempt?.revealed) return null;
  const track = which === "output" ? attempt.stream?.getVideoTracks()[0] : attempt.camera;
  return track?.readyState === "live" ? track : null;
}

/** Calls back with the track now, and with each that replaces it, until the signal aborts. */
export function eachTrack(
  session: Session,
  which: Tap["which"],
  callback: (track: MediaStreamTrack) => void,
  signal: AbortSignal,
): void {
  let last: MediaStreamTrack | null = null;
  const look = () => {
    const track = currentTrack(session, which);
    if (!track || track === last || signal.aborted) return;
    last = track;
    callback(track);
  };
  session.onChange(look, signal);
  look();
}

/** The track, as soon as there is one; rejects when the signal aborts before. */
export function nextTrack(
  session: Session,
  which: Tap["which"],
  signal: AbortSignal,
): Promise<MediaStreamTrack> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(Error("ended")), { once: true });
    eachTrack(session, which, resolve, signal);
  });
}

/** Sends a file in pieces that are small enough for every host. */
export async function sendInPieces(
  file: Blob,
  send: (data: ArrayBuffer, isLast: boolean) => void | Promise<void>,
): Promise<void> {
  for (let at = 0; at < file.size || at === 0; at += PIECE_BYTES) {
    const end = Math.min(file.size, at + PIECE_BYTES);
    await send(await file.slice(at, end).arrayBuffer(), end >= file.size);
  }
}

/** A file name with the local time in it: decart-20260131-174502.png. */
export function fileName(suffix: string, now = new Date()): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return `decart-${day}-${time}.${suffix}`;
}
