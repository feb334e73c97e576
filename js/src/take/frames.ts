/**
 * Sends frames to the kernel: each as a JPEG file, and only as many as the kernel has sent credit for.
 *
 * Chromium reads and encodes them in a worker, off the page's main thread; elsewhere the page draws them
 * from a video element.
 */

import type { Tap } from "../kernel/messages.ts";
import { eachFrame } from "../media/each-frame.ts";
import type { Session } from "../session/session.ts";
import { anchor } from "./anchor.ts";
import { pace } from "./pace.ts";
import { processorOf } from "./processor.ts";
import { eachTrack } from "./tracks.ts";
import type { EncodedFrame, FrameOptions, OpenTap, ReportState, SendPiece } from "./types.ts";
import { worker } from "./worker.ts";

/** JPEG quality, of 1: visually lossless. */
const JPEG_QUALITY = 0.92;

/** Serves a tap for frames until the signal aborts; a new track begins a new series of frames. */
export function sendFrames(
  session: Session,
  tap: Tap,
  send: SendPiece,
  report: ReportState,
  signal: AbortSignal,
): OpenTap {
  const options = {
    fps: tap.fps ?? null,
    width: tap.width ?? 0,
    height: tap.height ?? 0,
    quality: JPEG_QUALITY,
  };
  let source: { credit(frames: number): void } | undefined;
  let scope = new AbortController();
  let dropped = 0;
  let before = 0;
  const take = ({ data, at, dropped: here }: EncodedFrame) => {
    dropped = before + here;
    send(data, { at: Math.round(at * 1000) / 1000, dropped });
  };
  signal.addEventListener("abort", () => scope.abort(), { once: true });
  eachTrack(
    session,
    tap.which,
    (track) => {
      scope.abort();
      scope = new AbortController();
      before = dropped;
      const frames = processorOf(track);
      source = frames
        ? fromWorker(frames, options, take, scope.signal)
        : fromVideo(track, options, take, scope.signal);
      // Credit was for frames of the former track: the kernel sends it anew after `began`.
      report("began");
    },
    signal,
  );
  return {
    credit: (frames) => source?.credit(frames),
    stop: () => report("ended"),
  };
}

type Take = (frame: EncodedFrame) => void;

function fromWorker(
  frames: ReadableStream<VideoFrame>,
  options: FrameOptions,
  take: Take,
  signal: AbortSignal,
) {
  const url = URL.createObjectURL(
    new Blob([`(${worker})(${pace}, ${anchor})`], { type: "text/javascript" }),
  );
  const encoder = new Worker(url);
  URL.revokeObjectURL(url);
  encoder.onmessage = ({ data }: MessageEvent<EncodedFrame>) => signal.aborted || take(data);
  encoder.postMessage({ frames, options }, [frames as unknown as Transferable]);
  signal.addEventListener(
    "abort",
    () => {
      // The worker cancels its reader, which releases the frames, and then closes itself.
      encoder.postMessage({ end: true });
    },
    { once: true },
  );
  return { credit: (credit: number) => encoder.postMessage({ credit }) };
}

function fromVideo(
  track: MediaStreamTrack,
  options: FrameOptions,
  take: Take,
  signal: AbortSignal,
) {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  video.srcObject = new MediaStream([track]);
  video.play().catch(() => undefined);
  const canvas = document.createElement("canvas");
  const turn = pace(options.fps);
  let credit = 0;
  let dropped = 0;
  eachFrame(video, signal, (nowMs) => {
    if (!turn(nowMs)) return;
    if (credit < 1) {
      dropped++;
      return;
    }
    credit--;
    canvas.width = options.width || video.videoWidth;
    canvas.height = options.height || video.videoHeight;
    canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
    const at = Date.now();
    canvas.toBlob(
      async (blob) => blob && take({ data: await blob.arrayBuffer(), at, dropped }),
      "image/jpeg",
      options.quality,
    );
  });
  signal.addEventListener(
    "abort",
    () => {
      video.srcObject = null;
    },
    { once: true },
  );
  return {
    credit(frames: number) {
      credit += frames;
    },
  };
}
