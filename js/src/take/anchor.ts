/**
 * Frames' own times, as times of day. Differences stay the frames' own; where they begin is when the
 * first one came. A track's first frame may have another beginning than those that follow, and a
 * machine may sleep: from a jump on it is when that frame came. A worker is given this function's
 * text, so it uses nothing from outside.
 */
export function anchor(): (stamp: number, now: number) => number {
  const jump = 1000;
  let base: number | undefined;
  return (stamp, now) => {
    if (base === undefined || Math.abs(now - stamp - base) > jump) base = now - stamp;
    return base + stamp;
  };
}
