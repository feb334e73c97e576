/**
 * A clip, recorded by the browser and sent to the kernel while it runs.
 *
 * A picture that takes another's place (a reconnect, another camera) begins a recording of its own;
 * the kernel joins them.
 */

import type { Tap } from "../kernel/messages.ts";
import type { Session } from "../session/session.ts";
import type { RecordingProgress } from "../session/taps.ts";
import type { Running } from "./index.ts";
import { eachPicture, inPieces } from "./picture.ts";

/** How much is sent at once, in ms: of more, more is lost when a page is killed. */
const SLICE_MS = 500;
/** bit/s: 720p of this rate is good to look at and 1 MB a second. */
const RATE = 8_000_000;

/** By container, what is asked of the browser, best first. */
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

type Give = (data: ArrayBuffer, detail: Record<string, unknown>, last: boolean) => void;
type Say = (state: "began" | "ended" | "failed", detail?: Record<string, unknown>) => void;

export function record(
  session: Session,
  tap: Tap,
  give: Give,
  say: Say,
  signal: AbortSignal,
): Running {
  const mimeType = (TYPES[tap.format ?? "mp4"] ?? []).find((type) =>
    globalThis.MediaRecorder?.isTypeSupported(type),
  );
  const recording: RecordingProgress = { seconds: 0, bytes: 0 };
  let recorder: MediaRecorder | undefined;
  /** What was recorded leaves in its order. */
  let sent: Promise<unknown> = Promise.resolve();
  let before = 0;
  let beganAt = 0;
  let stopping = false;
  let over = false;

  const measure = () => {
    recording.seconds = before + (performance.now() - beganAt) / 1000;
  };
  const finish = (state: "ended" | "failed", reason = "failed") => {
    if (over) return;
    over = true;
    sent.then(() => say(state, state === "failed" ? { reason } : {}));
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
        videoBitsPerSecond: RATE,
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
      if (next === recorder && !stopping) measure();
      const { seconds } = recording;
      const isFirst = first;
      first = false;
      sent = sent.then(() => {
        // What comes from here on is a recording of its own.
        if (isFirst) say("began", { type: next.mimeType, since: performance.now() - since });
        return inPieces(data, (bytes, last) => give(bytes, { seconds }, last));
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
  } else eachPicture(session, tap.which, begin, signal);
  signal.addEventListener(
    "abort",
    () => {
      if (recorder && recorder.state !== "inactive") recorder.stop();
    },
    { once: true },
  );
  return {
    recording,
    stop() {
      stopping = true;
      if (recorder && recorder.state !== "inactive") {
        measure();
        recorder.stop();
      } else finish("ended");
    },
  };
}
