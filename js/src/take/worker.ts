/** A frame as it leaves the page. */
export interface Packed {
  data: ArrayBuffer;
  /** Milliseconds since 1970, on this page's clock. */
  at: number;
  /** Frames so far that were due and had no credit. */
  dropped: number;
}

interface Options {
  fps: number | null;
  width: number;
  height: number;
  quality: number;
}

/**
 * The worker that packs frames. It runs from its own text, so it uses nothing from outside but what
 * it is called with.
 */
export function worker(
  pace: (fps: number | null) => (now: number) => boolean,
  anchor: () => (stamp: number, now: number) => number,
): void {
  let credit = 0;
  let dropped = 0;
  let reader: ReadableStreamDefaultReader<VideoFrame> | undefined;

  const pack = async (frames: ReadableStream<VideoFrame>, options: Options) => {
    const turn = pace(options.fps);
    const canvas = new OffscreenCanvas(1, 1);
    const context = canvas.getContext("2d");
    const timeOf = anchor();
    reader = frames.getReader();
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done || !frame) break;
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
  };

  self.addEventListener("message", ({ data }: MessageEvent) => {
    if (data.end) {
      const gone = reader?.cancel() ?? Promise.resolve();
      gone.catch(() => undefined).then(() => close());
    } else if (data.credit) {
      credit += data.credit;
    } else pack(data.frames, data.options).catch(() => undefined);
  });
}
