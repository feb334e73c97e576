/** Makes a track that is another track's video cropped, scaled and mirrored. */

import { stopWith } from "./camera.ts";
import { canvasTrack } from "./canvas.ts";
import { ticks } from "./clock.ts";
import { crop, type Shape } from "./shape.ts";
import { worker } from "./worker.ts";

interface Processor {
  readonly readable: ReadableStream<VideoFrame>;
}
interface Generator extends MediaStreamTrack {
  readonly writable: WritableStream<VideoFrame>;
}
/** What Chromium has of "Insertable streams for MediaStreamTrack", on the page itself. */
interface InsertableStreams {
  MediaStreamTrackProcessor?: new (init: {
    track: MediaStreamTrack;
    maxBufferSize?: number;
  }) => Processor;
  MediaStreamTrackGenerator?: new (init: { kind: "video" }) => Generator;
}

/**
 * The video of `track` in this shape: made in a worker where the browser has insertable streams, else
 * drawn in the page. The made track ends when the signal aborts.
 */
export function reshape(
  track: MediaStreamTrack,
  shape: Shape,
  fps: number,
  signal: AbortSignal,
): MediaStreamTrack {
  const { MediaStreamTrackProcessor: Reader, MediaStreamTrackGenerator: Writer } =
    globalThis as InsertableStreams;
  if (!Reader || !Writer) return byCanvas(track, shape, fps, signal);
  const frames = new Reader({ track, maxBufferSize: 1 }).readable;
  const made = new Writer({ kind: "video" });
  const url = URL.createObjectURL(new Blob([`(${worker})(${crop})`], { type: "text/javascript" }));
  const shaper = new Worker(url);
  URL.revokeObjectURL(url);
  const out = made.writable;
  shaper.postMessage({ frames, out, shape }, [frames, out] as unknown as Transferable[]);
  stopWith(made, signal);
  // The worker cancels its reader, which releases the frames, and then closes itself.
  signal.addEventListener("abort", () => shaper.postMessage({ end: true }), { once: true });
  return made;
}

/** The same by drawing on a canvas, in browsers without insertable streams. */
function byCanvas(
  track: MediaStreamTrack,
  shape: Shape,
  fps: number,
  signal: AbortSignal,
): MediaStreamTrack {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  video.srcObject = new MediaStream([track]);
  void video.play().catch(() => undefined);
  const { width, height, mirrored } = shape;
  const { context, track: made, emitFrame } = canvasTrack(width, height, signal);
  if (mirrored) context.setTransform(-1, 0, 0, 1, width, 0);
  const draw = () => {
    if (!video.videoWidth) return;
    const part = crop(video.videoWidth, video.videoHeight, shape);
    context.drawImage(
      video,
      ...([part.x, part.y, part.width, part.height] as const),
      ...([0, 0, width, height] as const),
    );
    emitFrame();
  };
  ticks(fps, draw, signal);
  signal.addEventListener(
    "abort",
    () => {
      video.srcObject = null;
    },
    { once: true },
  );
  return made;
}
