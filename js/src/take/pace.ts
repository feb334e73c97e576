/**
 * Chooses frames so that there are at most `fps` a second.
 *
 * The function runs in a worker that is started from its source text, so it uses nothing from outside.
 *
 * @param fps frames/s; null for all frames
 * @returns a function of a frame's time in ms that says whether to take the frame
 */
export function pace(fps: number | null): (nowMs: number) => boolean {
  let dueMs = Number.NEGATIVE_INFINITY;
  return (nowMs) => {
    if (!fps) return true;
    const stepMs = 1000 / fps;
    // A quarter of a step early counts as due: frames have their own clock, and waiting for the next
    // one would halve the rate.
    if (nowMs < dueMs - stepMs / 4) return false;
    dueMs = nowMs - dueMs > 2 * stepMs ? nowMs + stepMs : dueMs + stepMs;
    return true;
  };
}
