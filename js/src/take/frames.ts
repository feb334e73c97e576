/**
 * Frames for the kernel: each as a JPEG file, and only as many as it gives credit for.
 *
 * In Chromium they are taken and packed in a worker, so that the page's own thread stays free;
 * elsewhere the page draws them from a video element.
 */

import type { Tap } from "../kernel/messages.ts";
import { eachFrame } from "../media/each-frame.ts";
import type { Session } from "../session/session.ts";
import { anchor } from "./anchor.ts";
import type { Running } from "./index.ts";
import { pace } from "./pace.ts";
import { eachPicture } from "./picture.ts";
import { processorOf } from "./processor.ts";
import { type Packed, worker } from "./worker.ts";

/** Of 1: what was drawn with it can't be told from the original at arm's length. */
const QUALITY = 0.92;

type Give = (data: ArrayBuffer, detail: Record<string, unknown>) => void;
type Say = (state: "began" | "ended" | "failed", detail?: Record<string, unknown>) => void;

export function sendFrames(
  session: Session,
  tap: Tap,
  give: Give,
  say: Say,
  signal: AbortSignal,
): Running {
  const options = {
    fps: tap.fps ?? null,
    width: tap.width ?? 0,
    height: tap.height ?? 0,
    quality: QUALITY,
  };
  let source: { credit(frames: number): void } | undefined;
  let scope = new AbortController();
  let dropped = 0;
  let before = 0;
  const take = ({ data, at, dropped: here }: Packed) => {
    dropped = before + here;
    give(data, { at: Math.round(at * 1000) / 1000, dropped });
  };
  signal.addEventListener("abort", () => scope.abort(), { once: true });
  eachPicture(
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
      // Credits were for the picture that is gone: the kernel counts anew.
      say("began");
    },
    signal,
  );
  return {
    credit: (frames) => source?.credit(frames),
    stop: () => say("ended"),
  };
}

export interface FrameOptions {
  fps: number | null;
  /** 0 for the frame's own. */
  width: number;
  height: number;
  quality: number;
}

type Take = (packed: Packed) => void;

function fromWorker(
  frames: ReadableStream<VideoFrame>,
  options: FrameOptions,
  take: Take,
  signal: AbortSignal,
) {
  const url = URL.createObjectURL(
    new Blob([`(${worker})(${pace}, ${anchor})`], { type: "text/javascript" }),
  );
  const packer = new Worker(url);
  URL.revokeObjectURL(url);
  packer.onmessage = ({ data }: MessageEvent<Packed>) => signal.aborted || take(data);
  packer.postMessage({ frames, options }, [frames as unknown as Transferable]);
  signal.addEventListener(
    "abort",
    () => {
      // It lets go of the frames first, then of itself.
      packer.postMessage({ end: true });
    },
    { once: true },
  );
  return { credit: (credit: number) => packer.postMessage({ credit }) };
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
