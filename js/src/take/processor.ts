/** A track's frames as a stream, in browsers whose pages have MediaStreamTrackProcessor (Chromium). */

interface Processor {
  readonly readable: ReadableStream<VideoFrame>;
}

type ProcessorClass = new (init: { track: MediaStreamTrack; maxBufferSize?: number }) => Processor;

/**
 * The track's frames; null where the browser has no MediaStreamTrackProcessor. A buffer of one frame keeps
 * the newest for a slow reader.
 */
export function processorOf(track: MediaStreamTrack): ReadableStream<VideoFrame> | null {
  const { MediaStreamTrackProcessor } = globalThis as {
    MediaStreamTrackProcessor?: ProcessorClass;
  };
  if (!MediaStreamTrackProcessor) return null;
  return new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable;
}
