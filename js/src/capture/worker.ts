/** The worker that reshapes frames. */

import type { Shape } from "./shape.ts";

/** The worker's first message. */
interface Work {
  frames: ReadableStream<VideoFrame>;
  out: WritableStream<VideoFrame>;
  shape: Shape;
}

type Crop = (
  width: number,
  height: number,
  shape: Shape,
) => { x: number; y: number; width: number; height: number };

/**
 * Crops, scales and mirrors frames, in one pass. The worker is started from this function's source text,
 * so the function uses nothing from outside but its arguments.
 *
 * Where nothing is scaled, the planes of the frame are copied and mirrored row by row: that takes a third
 * of the time of drawing, which converts every pixel to RGB and back. While a frame is being worked on
 * only the newest of those that arrive is kept.
 */
export function worker(crop: Crop): void {
  let reader: ReadableStreamDefaultReader<VideoFrame> | undefined;
  let buffer = new Uint8Array(0);
  let canvas: OffscreenCanvas | undefined;
  let context: OffscreenCanvasRenderingContext2D | null = null;

  /** By pixel format, for each plane: bytes per sample, and by what width and height are divided. */
  const LAYOUTS: Record<string, [step: number, divide: number][]> = {
    I420: [
      [1, 1],
      [1, 2],
      [1, 2],
    ],
    NV12: [
      [1, 1],
      [2, 2],
    ],
  };

  const mirrorRow = (bytes: Uint8Array, start: number, width: number, step: number) => {
    if (step === 1) bytes.subarray(start, start + width).reverse();
    else new Uint16Array(bytes.buffer, start, width).reverse();
  };

  const inPlanes = async (frame: VideoFrame, shape: Shape): Promise<VideoFrame | null> => {
    const layout = frame.format === null ? undefined : LAYOUTS[frame.format];
    const area = frame.visibleRect;
    if (!layout || !area) return null;
    const part = crop(area.width, area.height, shape);
    if (part.width !== shape.width || part.height !== shape.height) return null;
    const rect = { ...part, x: part.x + area.x, y: part.y + area.y };
    const size = frame.allocationSize({ rect });
    if (buffer.length !== size) buffer = new Uint8Array(size);
    const planes = await frame.copyTo(buffer, { rect });
    layout.forEach(([step, divide], index) => {
      const plane = planes[index];
      if (!plane || !shape.mirrored) return;
      const width = Math.ceil(part.width / divide);
      const rows = Math.ceil(part.height / divide);
      for (let row = 0; row < rows; row++) {
        mirrorRow(buffer, plane.offset + row * plane.stride, width, step);
      }
    });
    const init: VideoFrameBufferInit = {
      format: frame.format as VideoPixelFormat,
      codedWidth: part.width,
      codedHeight: part.height,
      timestamp: frame.timestamp,
      layout: planes,
      colorSpace: frame.colorSpace.toJSON(),
    };
    if (frame.duration !== null) init.duration = frame.duration;
    return new VideoFrame(buffer, init);
  };

  const drawn = (frame: VideoFrame, shape: Shape): VideoFrame => {
    if (!canvas || canvas.width !== shape.width || canvas.height !== shape.height) {
      canvas = new OffscreenCanvas(shape.width, shape.height);
      context = canvas.getContext("2d", { alpha: false, desynchronized: true });
      if (shape.mirrored) context?.setTransform(-1, 0, 0, 1, shape.width, 0);
    }
    const part = crop(frame.displayWidth, frame.displayHeight, shape);
    context?.drawImage(
      frame,
      ...([part.x, part.y, part.width, part.height] as const),
      ...([0, 0, shape.width, shape.height] as const),
    );
    return new VideoFrame(canvas, { timestamp: frame.timestamp, alpha: "discard" });
  };

  /** Frames that are being worked on, or being written: nobody else closes them. */
  const held: VideoFrame[] = [];
  const release = () => {
    for (const frame of held.splice(0)) frame.close();
  };

  const work = async ({ frames, out, shape }: Work) => {
    reader = frames.getReader();
    const writer = out.getWriter();
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done || !frame) break;
      hasRead = true;
      held.push(frame);
      if (isEnding) return end();
      try {
        const made = (await inPlanes(frame, shape)) ?? drawn(frame, shape);
        held.push(made); // a track that was stopped doesn't close what is written to it
        await writer.write(made);
      } finally {
        release();
      }
    }
    if (isEnding) return end();
    await writer.close();
  };

  let hasRead = false;
  let isEnding = false;
  const end = () => {
    const gone = reader?.cancel() ?? Promise.resolve();
    gone
      .catch(() => undefined)
      .then(() => {
        release();
        close();
      });
  };

  self.addEventListener("message", ({ data }: MessageEvent) => {
    if (!data.end) work(data).catch(() => undefined);
    // The first frame may be on its way from the page's thread, where nobody would close it.
    else if (hasRead || !reader) end();
    else isEnding = true;
  });
}
