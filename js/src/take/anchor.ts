/**
 * Maps frame timestamps to wall-clock time: the offset between the two is that of the first frame, so
 * differences between frames are kept exactly. It is set anew when it is off by more than a second: a
 * track's first frame may have another time base than those that follow, and a machine may sleep.
 *
 * The function runs in a worker that is started from its source text, so it uses nothing from outside.
 *
 * @returns a function of a frame's timestamp and of the time now, both in ms, that returns ms since 1970
 */
export function anchor(): (stampMs: number, nowMs: number) => number {
  const maxOffMs = 1000;
  let offsetMs: number | undefined;
  return (stampMs, nowMs) => {
    const offsetNow = nowMs - stampMs;
    if (offsetMs === undefined || Math.abs(offsetNow - offsetMs) > maxOffMs) offsetMs = offsetNow;
    return offsetMs + stampMs;
  };
}
