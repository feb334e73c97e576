/** A track's frames as a stream, in browsers that have it on a page (Chromium). */

interface Processor {
  readonly readable: ReadableStream<VideoFrame>;
}

type ProcessorClass = new (init: { track: MediaStreamTrack; maxBufferSize?: number }) => Processor;

/**
 * The frames of a copy of the track, so that who reads them stops nothing else; null where a page
 * has no such streams. The newest frame is kept for a reader who is late.
 */
export function processorOf(track: MediaStreamTrack): ReadableStream<VideoFrame> | null {
  const { MediaStreamTrackProcessor } = globalThis as {
    MediaStreamTrackProcessor?: ProcessorClass;
  };
  if (!MediaStreamTrackProcessor) return null;
  return new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable;
}
