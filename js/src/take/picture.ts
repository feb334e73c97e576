/** The picture that is taken from, and how its bytes travel. */

import type { Tap } from "../kernel/messages.ts";
import type { Session } from "../session/session.ts";

/** Bytes of one message: a host loses what is larger than some 10 MB, and its socket with it. */
const PIECE = 700_000;

/** The track of the picture, once it may be seen; null before. */
export function pictureOf(session: Session, which: Tap["which"]): MediaStreamTrack | null {
  const { attempt } = session;
  if (!attempt?.revealed) return null;
  const track = which === "output" ? attempt.stream?.getVideoTracks()[0] : attempt.camera;
  return track?.readyState === "live" ? track : null;
}

/** Calls back with the picture's track now, and with each that takes its place. */
export function eachPicture(
  session: Session,
  which: Tap["which"],
  callback: (track: MediaStreamTrack) => void,
  signal: AbortSignal,
): void {
  let last: MediaStreamTrack | null = null;
  const look = () => {
    const track = pictureOf(session, which);
    if (!track || track === last || signal.aborted) return;
    last = track;
    callback(track);
  };
  session.onChange(look, signal);
  look();
}

/** The picture's track, as soon as there is one. */
export function onPicture(
  session: Session,
  which: Tap["which"],
  signal: AbortSignal,
): Promise<MediaStreamTrack> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(Error("ended")), { once: true });
    eachPicture(session, which, resolve, signal);
  });
}

/** Hands over a file in pieces that every host carries. */
export async function inPieces(
  file: Blob,
  give: (data: ArrayBuffer, last: boolean) => void,
): Promise<void> {
  for (let at = 0; at < file.size || at === 0; at += PIECE) {
    const end = Math.min(file.size, at + PIECE);
    give(await file.slice(at, end).arrayBuffer(), end >= file.size);
  }
}

/** A name with the time in it, so that none hides another. */
export function fileName(suffix: string, now = new Date()): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return `decart-${day}-${time}.${suffix}`;
}
