/** The worker that encodes frames. */

import type { FrameOptions } from "./types.ts";

/**
 * Encodes frames as JPEG files. The worker is started from this function's source text, so the function
 * uses nothing from outside but its arguments.
 */
export function worker(
  pace: (fps: number | null) => (now: number) => boolean,
  anchor: () => (stamp: number, now: number) => number,
): void {
  let credit = 0;
  let dropped = 0;
  let reader: ReadableStreamDefaultReader<VideoFrame> | undefined;

  const encode = async (frames: ReadableStream<VideoFrame>, options: FrameOptions) => {
    const turn = pace(options.fps);
    const canvas = new OffscreenCanvas(1, 1);
    const context = canvas.getContext("2d");
    const timeOf = anchor();
    reader = frames.getReader();
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done || !frame) break;
      hasRead = true;
      if (isEnding) {
        frame.close();
        break;
      }
      const stamp = frame.timestamp / 1000;
      const at = timeOf(stamp, Date.now());
      if (!turn(stamp) || !context) {
        frame.close();
        continue;
      }
      if (credit < 1) {
        dropped++;
        frame.close();
        continue;
      }
      credit--;
      const width = options.width || frame.displayWidth;
      const height = options.height || frame.displayHeight;
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
      context.drawImage(frame, 0, 0, width, height);
      frame.close();
      const file = await canvas.convertToBlob({ type: "image/jpeg", quality: options.quality });
      const data = await file.arrayBuffer();
      postMessage({ data, at, dropped }, { transfer: [data] });
    }
    if (isEnding) end();
  };

  let hasRead = false;
  let isEnding = false;
  const end = () => {
    const gone = reader?.cancel() ?? Promise.resolve();
    gone.catch(() => undefined).then(() => close());
  };

  self.addEventListener("message", ({ data }: MessageEvent) => {
    if (data.end) {
      // The first frame may be on its way from the page's thread, where nobody would close it.
      if (hasRead || !reader) end();
      else isEnding = true;
    } else if (data.credit) {
      credit += data.credit;
    } else encode(data.frames, data.options).catch(() => undefined);
  });
}
