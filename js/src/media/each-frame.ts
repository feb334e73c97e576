/** The frames that a video element shows, one by one. */

/**
 * Calls back for each new frame until the signal aborts.
 *
 * Firefox before 132 has no `requestVideoFrameCallback`: there each animation frame counts at which the
 * element's time has moved on.
 *
 * @param callback gets the time in ms, on the clock of `performance.now()`
 */
export function eachFrame(
  video: HTMLVideoElement,
  signal: AbortSignal,
  callback: (nowMs: number) => void,
): void {
  const hasFrameCallback: boolean = "requestVideoFrameCallback" in video;
  let lastTime = -1;
  const next = () => {
    if (hasFrameCallback) video.requestVideoFrameCallback(onFrame);
    else requestAnimationFrame(onFrame);
  };
  const onFrame = (nowMs: number) => {
    if (signal.aborted) return;
    const isNew = hasFrameCallback || video.currentTime !== lastTime;
    lastTime = video.currentTime;
    if (isNew && video.readyState >= 2 && video.videoWidth) callback(nowMs);
    next();
  };
  next();
}
