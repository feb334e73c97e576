/** A video track that shows pictures which this page has decoded, as if a camera or a connection fed it. */

import type { Decoded } from "./types.ts";

/** A track with its feed. */
export interface FedTrack {
  readonly track: MediaStreamTrack;
  /** Whether an element may have it before there is a picture: it gives no frame by itself. */
  readonly isEmptyAtFirst: boolean;
  /** Shows a picture of this size from now on, and closes it. */
  show(decoded: Decoded, width: number, height: number): void;
  /** Ends the track, a moment later. */
  close(): void;
}

/** Chromium's; it is not standard, and TypeScript lacks it. */
type Generator = MediaStreamTrack & { readonly writable: WritableStream<VideoFrame> };
type GeneratorClass = new (init: { kind: "video" }) => Generator;

/** Gives a new frame when it is asked to: a canvas' track, or in Firefox its stream. */
interface Requested {
  requestFrame?(): void;
}

/** The first picture of a canvas is given again after so long. */
const FIRST_AGAIN_MS = 100;

/** Makes a track without a picture. */
export function fedTrack(): FedTrack {
  const { MediaStreamTrackGenerator, VideoFrame } = globalThis as {
    MediaStreamTrackGenerator?: GeneratorClass;
    VideoFrame?: unknown;
  };
  return MediaStreamTrackGenerator && VideoFrame
    ? generated(new MediaStreamTrackGenerator({ kind: "video" }))
    : drawn();
}

function generated(track: Generator): FedTrack {
  const writer = track.writable.getWriter();
  return {
    track,
    isEmptyAtFirst: true,
    show(decoded) {
      const timestamp = performance.now() * 1000;
      const frame =
        decoded instanceof VideoFrame ? decoded : new VideoFrame(decoded, { timestamp });
      if (frame !== decoded) decoded.close();
      // The track closes a frame that it takes; one that it refuses, because it has ended, is closed here.
      writer.write(frame).catch(() => frame.close());
    },
    close: () =>
      // Not at once: an element shows black from then on, and a view may want to keep the last picture.
      setTimeout(() => {
        track.stop();
        writer.close().catch(() => undefined);
      }),
  };
}

function drawn(): FedTrack {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  const stream: MediaStream & Requested = canvas.captureStream(0);
  const [track]: (MediaStreamTrack & Requested)[] = stream.getVideoTracks();
  if (!track || !context) throw Error("This browser can't show the kernel's pictures.");
  let isFirst = true;
  const requestFrame = () => (track.requestFrame ? track : stream).requestFrame?.();
  return {
    track,
    isEmptyAtFirst: false,
    show(decoded, width, height) {
      if (canvas.width !== width || canvas.height !== height) {
        Object.assign(canvas, { width, height });
      }
      context.drawImage(decoded, 0, 0);
      decoded.close();
      requestFrame();
      // The element gets the track only now, and may have missed this frame.
      if (isFirst) setTimeout(requestFrame, FIRST_AGAIN_MS);
      isFirst = false;
    },
    close: () => track.stop(),
  };
}
