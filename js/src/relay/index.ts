/**
 * Sends the camera's picture to the kernel, which sends it to the service: for a browser that can't reach the
 * service's media itself.
 *
 * Chromium encodes in a worker, as H.264; elsewhere the page draws the frames from a video element and
 * sends JPEG files.
 */

import type { ToKernel, VideoOptions } from "../kernel/messages.ts";
import { eachFrame } from "../media/each-frame.ts";
import { anchor } from "../take/anchor.ts";
import { processorOf } from "../take/processor.ts";
import type { RelayedFrame, RelayOptions } from "./types.ts";
import { worker } from "./worker.ts";

/** JPEG quality, of 1. */
const JPEG_QUALITY = 0.8;
/** A frame's largest size; a message has to stay below 1 MB. */
const MAX_BYTES = 900_000;

/** Sends one attempt's camera to the kernel. */
export interface Relay {
  /** Sends this track from now on. */
  publish(track: MediaStreamTrack): void;
  /**
   * Permits so many more frames.
   *
   * @param key whether the next frame has to be one that can be decoded without earlier ones
   */
  credit(frames: number, key: boolean): void;
}

type SendFrame = (message: Extract<ToKernel, { type: "camera-frame" }>, data: ArrayBuffer) => void;

/**
 * @param takeShown returns the last picture that was shown, to be told with the next frame; null for none
 * @param size of the picture that is sent, in pixels
 * @param signal ends it
 */
export function openRelay(
  attempt: number,
  size: { width: number; height: number },
  video: VideoOptions,
  takeShown: () => number | null,
  send: SendFrame,
  signal: AbortSignal,
): Relay {
  const options: RelayOptions = {
    width: size.width,
    height: size.height,
    fps: video.max_framerate,
    bitrate: video.max_bitrate,
    quality: JPEG_QUALITY,
  };
  let number = 0;
  let credits = 0;
  let encoder: Worker | undefined;
  let scope = new AbortController();
  signal.addEventListener("abort", () => scope.abort(), { once: true });

  const take = ({ data, at, ...about }: RelayedFrame) => {
    if (signal.aborted) return;
    const at_ms = Math.round(at * 1000) / 1000;
    const shown = takeShown();
    send({ type: "camera-frame", attempt, number: number++, at_ms, ...about, shown }, data);
  };
  const start = (): Worker => {
    const source = `(${worker})(${anchor})`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const started = new Worker(url);
    URL.revokeObjectURL(url);
    started.onmessage = ({ data }: MessageEvent<RelayedFrame>) => take(data);
    signal.addEventListener("abort", () => started.postMessage({ end: true }), { once: true });
    if (credits) started.postMessage({ credit: credits, key: true });
    return started;
  };
  let dropped = 0;
  const draw = (track: MediaStreamTrack, own: AbortSignal) => {
    const screen = Object.assign(document.createElement("video"), {
      muted: true,
      playsInline: true,
    });
    screen.srcObject = new MediaStream([track]);
    screen.play().catch(() => undefined);
    const { width, height, quality } = options;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    eachFrame(screen, own, () => {
      if (credits < 1) {
        dropped++;
        return;
      }
      credits--;
      canvas.getContext("2d")?.drawImage(screen, 0, 0, width, height);
      const at = Date.now();
      canvas.toBlob(
        async (file) => {
          if (!file || file.size > MAX_BYTES) credits++;
          else
            take({
              ...{ data: await file.arrayBuffer(), codec: "jpeg", key: true },
              ...{ width, height, at, dropped },
            });
        },
        "image/jpeg",
        quality,
      );
    });
    own.addEventListener(
      "abort",
      () => {
        screen.srcObject = null;
      },
      { once: true },
    );
  };

  return {
    publish(track) {
      if (signal.aborted) return;
      scope.abort();
      scope = new AbortController();
      const frames = processorOf(track);
      if (frames) {
        encoder ??= start();
        encoder.postMessage({ frames, options }, [frames as unknown as Transferable]);
      } else draw(track, scope.signal);
    },
    credit(frames, key) {
      if (encoder) encoder.postMessage({ credit: frames, key });
      else credits += frames;
    },
  };
}
