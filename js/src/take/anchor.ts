/**
 * Maps frame timestamps to wall-clock time: the offset between the two is that of the first frame, so
 * differences between frames are kept exactly. It is set anew when it is off by more than a second: a
 * track's first frame may have another time base than those that follow, and a machine may sleep. Frames
 * that came late set it too high; when it is corrected, no frame is given an earlier time than the one before.
 *
 * The function runs in a worker that is started from its source text, so it uses nothing from outside.
 *
 * @returns a function of a frame's timestamp and of the time now, both in ms, that returns ms since 1970
 */
export function anchor(): (stampMs: number, nowMs: number) => number {
  const maxOffMs = 1000;
  const maxLateMs = 10_000; // no frame comes later; a clock that goes back by more was set
  let offsetMs: number | undefined;
  let latestMs = Number.NEGATIVE_INFINITY;
  return (stampMs, nowMs) => {
    const offsetNow = nowMs - stampMs;
    if (offsetMs === undefined || Math.abs(offsetNow - offsetMs) > maxOffMs) offsetMs = offsetNow;
    const timeMs = offsetMs + stampMs;
    const isBack = timeMs <= latestMs && latestMs - timeMs <= maxLateMs;
    latestMs = isBack ? latestMs + 1 : timeMs;
    return latestMs;
  };
}
