/**
 * Which frames to take so that there are at most `fps` a second (null: all). Called with a frame's
 * time in ms. A worker is given this function's text, so it uses nothing from outside.
 */
export function pace(fps: number | null): (now: number) => boolean {
  let due = Number.NEGATIVE_INFINITY;
  return (now) => {
    if (!fps) return true;
    const step = 1000 / fps;
    // A little early counts: frames come by their own clock, and a late one must not cost two.
    if (now < due - step / 4) return false;
    due = now - due > 2 * step ? now + step : due + step;
    return true;
  };
}
