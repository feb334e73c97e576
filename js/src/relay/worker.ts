/** The worker that encodes the camera's frames for the kernel. */

import type { RelayedFrame, RelayOptions } from "./types.ts";

/**
 * Encodes frames, each for a credit: as H.264 where the browser can, else as JPEG files. A frame for which
 * there is no credit is dropped before it is encoded, so that the stream has no gaps. The worker is started
 * from this function's source text, so the function uses nothing from outside but its arguments.
 */
export function worker(anchor: () => (stamp: number, now: number) => number): void {
  /** Largest size of a frame; a message to the kernel has to stay below 1 MB. */
  const maxBytes = 900_000;
  /** Frames that wait in the encoder; one more is dropped, because a newer one follows. */
  const maxWaiting = 2;

  /** A frame that has not come out of an idle encoder after so long was left out by it. */
  const maxEncodingMs = 500;

  let options: RelayOptions;
  let credit = 0;
  let dropped = 0;
  let isKeyDue = true;
  let reader: ReadableStreamDefaultReader<VideoFrame> | undefined;
  let encoder: VideoEncoder | null = null;
  let isEnding = false;
  /** When the frames in the encoder were taken, by their timestamps. */
  const times = new Map<number, number>();
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext("2d");

  const give = (data: ArrayBuffer, about: Omit<RelayedFrame, "data" | "dropped">) => {
    if (data.byteLength > maxBytes) {
      credit++; // it was for a frame that isn't sent
      isKeyDue = true;
      return;
    }
    postMessage({ ...about, data, dropped } satisfies RelayedFrame, { transfer: [data] });
  };

  /** Gives the credit of a frame back that the encoder has left out, to keep its bitrate. */
  const giveBack = (stamp: number) => {
    times.delete(stamp);
    credit++;
  };

  /** The same for frames after which none has come out for too long. */
  const giveOldBack = (nowMs: number) => {
    if (encoder?.encodeQueueSize) return;
    for (const [stamp, atMs] of times) if (nowMs - atMs > maxEncodingMs) giveBack(stamp);
  };

  const openEncoder = async () => {
    if (typeof VideoEncoder === "undefined") return;
    const { width, height } = options;
    const config: VideoEncoderConfig = {
      // Baseline; level 3.1 has room for 1280x720.
      codec: width * height > 1280 * 720 ? "avc1.42E028" : "avc1.42E01F",
      width,
      height,
      bitrate: options.bitrate,
      framerate: options.fps,
      latencyMode: "realtime",
      avc: { format: "annexb" },
    };
    const { supported } = await VideoEncoder.isConfigSupported(config).catch(() => ({
      supported: false,
    }));
    if (!supported) return;
    const opened = new VideoEncoder({
      output: (chunk) => {
        const at = times.get(chunk.timestamp) ?? Date.now();
        times.delete(chunk.timestamp);
        for (const stamp of times.keys()) if (stamp < chunk.timestamp) giveBack(stamp);
        const data = new ArrayBuffer(chunk.byteLength);
        chunk.copyTo(data);
        give(data, { codec: "h264", key: chunk.type === "key", width, height, at });
      },
      error: () => {
        credit += times.size; // of frames that it has not given
        times.clear();
        if (encoder === opened) encoder = null; // JPEG from now on
      },
    });
    opened.configure(config);
    encoder = opened;
  };

  const encode = async (frame: VideoFrame, at: number) => {
    const { width, height } = options;
    if (encoder) {
      if (encoder.encodeQueueSize >= maxWaiting) return;
      credit--;
      let fitting = frame;
      if (frame.displayWidth !== width || frame.displayHeight !== height) {
        draw(frame);
        fitting = new VideoFrame(canvas, { timestamp: frame.timestamp });
      }
      times.set(frame.timestamp, at);
      const keyFrame = isKeyDue;
      isKeyDue = false;
      encoder.encode(fitting, { keyFrame });
      if (fitting !== frame) fitting.close();
      return;
    }
    credit--;
    draw(frame);
    frame.close();
    const file = await canvas.convertToBlob({ type: "image/jpeg", quality: options.quality });
    give(await file.arrayBuffer(), { codec: "jpeg", key: true, width, height, at });
  };

  const draw = (frame: VideoFrame) => {
    const { width, height } = options;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    context?.drawImage(frame, 0, 0, width, height);
  };

  const readAll = async (frames: ReadableStream<VideoFrame>) => {
    const own = frames.getReader();
    reader = own;
    const timeOf = anchor();
    for (;;) {
      const { value: frame, done } = await own.read();
      if (done || !frame) return;
      if (isEnding || reader !== own) {
        frame.close();
        own.cancel().catch(() => undefined);
        return;
      }
      const at = timeOf(frame.timestamp / 1000, Date.now());
      try {
        if (credit < 1) giveOldBack(at);
        if (credit < 1) dropped++;
        else await encode(frame, at);
      } finally {
        frame.close();
      }
    }
  };

  self.addEventListener("message", async ({ data }: MessageEvent) => {
    if (data.end) {
      isEnding = true;
      if (encoder?.state !== "closed") encoder?.close();
      (reader?.cancel() ?? Promise.resolve()).catch(() => undefined).then(() => close());
    } else if (data.credit) {
      credit += data.credit;
      isKeyDue ||= data.key;
    } else {
      if (!options) {
        options = data.options;
        await openEncoder().catch(() => undefined);
      }
      isKeyDue = true;
      reader?.cancel().catch(() => undefined);
      readAll(data.frames).catch(() => undefined);
    }
  });
}
