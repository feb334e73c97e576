/**
 * How late the received video is, by the time in the source that each picture names.
 *
 * Not every frame is shown, so the moment at which the sent video showed the same one is computed from its
 * nearest picture: a source runs at the speed of the clock.
 */

/** Pictures of either video that are kept: two seconds at 30 frames/s. */
const KEPT = 60;
/** How far apart in the source a picture and its nearest one may be, in s. */
const NEAR_S = 0.2;

/** Notes when pictures were shown. */
export class Delay {
  #sent: { at: number; atMs: number }[] = [];
  #delaysMs: number[] = [];

  /** A picture of what is sent, of this time in the source (s), is shown now (ms). */
  sent(at: number | null, nowMs: number): void {
    if (at === null) return;
    // The source has begun again, or is another one.
    if (at < (this.#sent.at(-1)?.at ?? at)) this.forget();
    this.#sent.push({ at, atMs: nowMs });
    if (this.#sent.length > KEPT) this.#sent.shift();
  }

  /** A picture of what was received, of this time in the source (s), is shown now (ms). */
  received(at: number | null, nowMs: number): void {
    if (at === null) return;
    let nearest: { at: number; atMs: number } | undefined;
    for (const one of this.#sent) {
      if (!nearest || Math.abs(one.at - at) <= Math.abs(nearest.at - at)) nearest = one;
    }
    if (!nearest || Math.abs(nearest.at - at) > NEAR_S) return;
    this.#delaysMs.push(nowMs - nearest.atMs - 1000 * (at - nearest.at));
    if (this.#delaysMs.length > KEPT) this.#delaysMs.shift();
  }

  forget(): void {
    this.#sent = [];
    this.#delaysMs = [];
  }

  /** The median delay in s; null before it is known. */
  get seconds(): number | null {
    const sorted = [...this.#delaysMs].sort((a, b) => a - b);
    const median = sorted[sorted.length >> 1];
    return median === undefined ? null : Math.max(0, median) / 1000;
  }
}
