/**
 * How long a picture takes from being sent to coming back, found by looking at both.
 *
 * What moves in one moves in the other, later: the motion of each (how much a tiny grey picture differs
 * from the one before) is noted with its time, and the delay is the shift at which the two agree best.
 * It needs no clock in the picture and holds for whatever the service does to it.
 */

/** Milliseconds: of what is looked at, the longest delay, and the fineness of the search. */
const SPAN = 3000;
const LONGEST = 1500;
const STEP = 10;
/** Correlation from which a shift is believed. */
const SURE = 0.6;
/** How much less good than the best a shift may be that is as likely. */
const CLOSE = 0.1;

export interface Motion {
  at: number;
  amount: number;
}

/** Amounts at even times from `from`, drawn straight between what was noted. */
export function even(notes: readonly Motion[], from: number, count: number): number[] {
  const out: number[] = [];
  let index = 0;
  for (let step = 0; step < count; step++) {
    const at = from + step * STEP;
    while (index < notes.length - 2 && (notes[index + 1]?.at ?? 0) < at) index++;
    const a = notes[index];
    const b = notes[index + 1] ?? a;
    if (!a || !b) return [];
    const share = b.at > a.at ? Math.min(1, Math.max(0, (at - a.at) / (b.at - a.at))) : 0;
    out.push(a.amount + (b.amount - a.amount) * share);
  }
  return out;
}

/** Pearson's correlation of two rows of the same length; 0 where one of them stands still. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (row: readonly number[]) => row.reduce((sum, x) => sum + x, 0) / row.length;
  const [ma, mb] = [mean(a), mean(b)];
  let both = 0;
  let da = 0;
  let db = 0;
  a.forEach((x, index) => {
    const y = b[index] ?? 0;
    both += (x - ma) * (y - mb);
    da += (x - ma) ** 2;
    db += (y - mb) ** 2;
  });
  return da > 0 && db > 0 ? both / Math.sqrt(da * db) : 0;
}

/** The shift in ms at which `output` follows `input` best; null when none is sure. */
export function delayOf(input: readonly Motion[], output: readonly Motion[]): number | null {
  const end = Math.min(input.at(-1)?.at ?? 0, output.at(-1)?.at ?? 0);
  const start = Math.max(input[0]?.at ?? 0, (output[0]?.at ?? 0) - LONGEST, end - SPAN);
  // The input's row must reach back by the longest delay.
  const from = Math.max(output[0]?.at ?? 0, start + LONGEST);
  const count = Math.floor((end - from) / STEP);
  if (count * STEP < SPAN / 4) return null;
  const out = even(output, from, count);
  const into = even(input, from - LONGEST, count + LONGEST / STEP);
  const fits: number[] = [];
  for (let shift = 0; shift <= LONGEST; shift += STEP) {
    const at = (LONGEST - shift) / STEP;
    fits.push(correlation(into.slice(at, at + count), out));
  }
  const best = Math.max(...fits);
  if (best < SURE) return null;
  // What moves in a rhythm agrees after each beat again: the first of the good ones is meant.
  const first = fits.findIndex(
    (fit, index) =>
      fit > best - CLOSE && fit >= (fits[index + 1] ?? -1) && fit >= (fits[index - 1] ?? -1),
  );
  return first * STEP;
}

const WIDTH = 32;
const HEIGHT = 18;

/** Notes the motion of what an element shows. */
export class MotionNotes {
  readonly notes: Motion[] = [];

  #last: Float32Array | undefined;
  #at = 0;
  readonly #context = new OffscreenCanvas(WIDTH, HEIGHT).getContext("2d", {
    willReadFrequently: true,
  });

  look(picture: CanvasImageSource, at: number): void {
    const context = this.#context;
    if (!context) return;
    context.drawImage(picture, 0, 0, WIDTH, HEIGHT);
    const { data } = context.getImageData(0, 0, WIDTH, HEIGHT);
    const grey = new Float32Array(WIDTH * HEIGHT);
    for (let i = 0; i < grey.length; i++) {
      const [r = 0, g = 0, b = 0] = data.subarray(4 * i, 4 * i + 3);
      grey[i] = (r + g + b) / 3;
    }
    const last = this.#last;
    this.#last = grey;
    if (!last) {
      this.#at = at;
      return;
    }
    let sum = 0;
    for (let i = 0; i < grey.length; i++) sum += Math.abs((grey[i] ?? 0) - (last[i] ?? 0));
    // By the time between them: a picture that was left out makes the next one differ more.
    this.notes.push({ at, amount: sum / grey.length / Math.max(1, at - this.#at) });
    this.#at = at;
    while (at - (this.notes[0]?.at ?? at) > SPAN + LONGEST) this.notes.shift();
  }
}
