/**
 * Records a session with the browser's MediaRecorder, and sends the recording to the kernel meanwhile: one
 * piece for each credit that the kernel has sent.
 *
 * Each new track (after a reconnect, or a change of camera) begins a new file; the kernel joins them.
 */

import type { Tap } from "../kernel/messages.ts";
import type { Session } from "../session/session.ts";
import type { RecordingProgress } from "../session/taps.ts";
import { eachTrack, sendInPieces } from "./tracks.ts";
import type { OpenTap, ReportState, SendPiece } from "./types.ts";

/** Length of what is sent at once, in ms: at most so much is lost when a page is killed. */
const SLICE_MS = 500;
/** Bitrate in bit/s: good for 720p, and 1 MB a second. */
const BITRATE_BPS = 8_000_000;
/** Bytes that may wait for the kernel's credit, for instance while a cell keeps it busy: 8 minutes. */
const MAX_WAITING_BYTES = 500_000_000;

/** By the container that the user wants, the MIME types to record with, best first. */
const TYPES: Record<string, string[]> = {
  mp4: [
    "video/x-matroska;codecs=avc1",
    "video/mp4;codecs=avc1.42E01F",
    "video/webm;codecs=h264",
    "video/webm;codecs=vp9",
    "video/webm",
    "video/mp4",
  ],
  webm: ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"],
};

/** Serves a tap for a recording until it is stopped or the signal aborts. */
export function record(
  session: Session,
  tap: Tap,
  send: SendPiece,
  report: ReportState,
  signal: AbortSignal,
): OpenTap {
  const mimeType = (TYPES[tap.format ?? "mp4"] ?? []).find((type) =>
    globalThis.MediaRecorder?.isTypeSupported(type),
  );
  const recording: RecordingProgress = { seconds: 0, bytes: 0 };
  let recorder: MediaRecorder | undefined;
  /** Settles when all pieces so far are sent: it keeps them in order. */
  let sent: Promise<unknown> = Promise.resolve();
  let before = 0;
  let beganAt = 0;
  let stopping = false;
  let over = false;
  /** Pieces that the kernel permits to send. */
  let credit = 0;
  let waitingBytes = 0;
  let onCredit: (() => void) | undefined;

  const credited = async () => {
    while (credit < 1) {
      await new Promise<void>((resolve) => {
        onCredit = resolve;
      });
    }
    credit--;
  };
  const measure = () => {
    recording.seconds = before + (performance.now() - beganAt) / 1000;
  };
  const finish = (state: "ended" | "failed", reason = "failed") => {
    if (over) return;
    over = true;
    sent.then(() => report(state, state === "failed" ? { reason } : {}));
  };
  const begin = (track: MediaStreamTrack) => {
    if (over) return;
    const former = recorder;
    const sound = session.attempt?.stream?.getAudioTracks()[0];
    const tracks = sound && tap.which === "output" ? [track, sound] : [track];
    let next: MediaRecorder;
    try {
      next = new MediaRecorder(new MediaStream(tracks), {
        ...(mimeType ? { mimeType } : {}),
        videoBitsPerSecond: BITRATE_BPS,
      });
      next.start(SLICE_MS);
    } catch {
      finish("failed", "unsupported");
      return;
    }
    recorder = next;
    if (former && former.state !== "inactive") former.stop();
    before = recording.seconds;
    const since = performance.now();
    beganAt = since;
    let first = true;
    next.ondataavailable = ({ data }) => {
      if (!data.size) return;
      recording.bytes += data.size;
      waitingBytes += data.size;
      if (waitingBytes > MAX_WAITING_BYTES) {
        over = true;
        report("failed", { reason: "backlog" });
        return;
      }
      if (next === recorder && !stopping) measure();
      const { seconds } = recording;
      const isFirst = first;
      first = false;
      sent = sent.then(() => {
        // The pieces that follow are a file of their own.
        if (isFirst) {
          credit = 0; // the kernel sends it anew
          report("began", { type: next.mimeType, since: performance.now() - since });
        }
        return sendInPieces(data, async (bytes, last) => {
          await credited();
          waitingBytes -= bytes.byteLength;
          send(bytes, { seconds }, last);
        });
      });
      session.taps.setNote("");
    };
    next.onstop = () => {
      if (next === recorder && stopping) finish("ended");
    };
    next.onerror = () => next === recorder && finish("failed");
  };
  if (mimeType === undefined && globalThis.MediaRecorder === undefined) {
    finish("failed", "unsupported");
  } else eachTrack(session, tap.which, begin, signal);
  signal.addEventListener(
    "abort",
    () => {
      if (recorder && recorder.state !== "inactive") recorder.stop();
    },
    { once: true },
  );
  return {
    recording,
    credit(pieces) {
      credit += pieces;
      onCredit?.();
    },
    stop() {
      stopping = true;
      if (recorder && recorder.state !== "inactive") {
        measure();
        recorder.stop();
      } else finish("ended");
    },
  };
}
