/**
 * How long a picture takes from being sent to coming back, found by looking at both.
 *
 * What moves in one moves in the other, at the same place and later: where a tiny grey picture differs
 * from the one before is noted with its time, and the delay is the shift at which what was noted of
 * both agrees best. It needs no clock in the picture and holds for whatever the service does to it.
 */

/** Milliseconds: of what is looked at, the longest delay, and the fineness of the search. */
const SPAN = 2000;
const LONGEST = 1500;
const STEP = 10;
/** How well a shift must agree to be believed; 1 is perfect. */
const SURE = 0.35;
/** How much less than the best a shift may agree that is as likely. */
const CLOSE = 0.03;
/** Mean change of a grey value (0 to 255) below which nothing has moved but noise. */
const STILL = 0.2;

export interface Motion {
  at: number;
  /** Where it moved: change by place, of mean 0 and length 1. */
  places: Float32Array;
}

/** The shift in ms at which `output` follows `input` best; null when none is sure. */
export function delayOf(input: readonly Motion[], output: readonly Motion[]): number | null {
  const end = output.at(-1)?.at ?? 0;
  const from = Math.max(end - SPAN, (input[0]?.at ?? end) + LONGEST / 2);
  const seen = output.filter(({ at }) => at > from);
  if (seen.length < 8 || input.length < 8) return null;
  const fits: number[] = [];
  for (let shift = 0; shift <= LONGEST; shift += STEP) fits.push(agreement(input, seen, shift));
  const best = Math.max(...fits);
  if (best < SURE) return null;
  // What moves in a rhythm agrees after each beat again: the first of the good ones is meant.
  const first = fits.findIndex(
    (fit, index) =>
      fit > best - CLOSE && fit >= (fits[index + 1] ?? -1) && fit >= (fits[index - 1] ?? -1),
  );
  return first * STEP;
}

/** How well the output agrees with the input of so many ms before: their mean correlation. */
function agreement(input: readonly Motion[], seen: readonly Motion[], shift: number): number {
  let sum = 0;
  let index = 0;
  for (const { at, places } of seen) {
    const wanted = at - shift;
    const distance = (i: number) => Math.abs((input[i]?.at ?? Number.POSITIVE_INFINITY) - wanted);
    while (index + 1 < input.length && distance(index + 1) <= distance(index)) index++;
    const other = input[index];
    if (!other) continue;
    // Between two pictures each agrees less, by how far away it is.
    const near = Math.max(0, 1 - distance(index) / 50);
    let both = 0;
    for (let i = 0; i < places.length; i++) both += (places[i] ?? 0) * (other.places[i] ?? 0);
    sum += both * (0.5 + near / 2);
  }
  return sum / seen.length;
}

const WIDTH = 32;
const HEIGHT = 18;

/** Change by place, as a `Motion` has it; null where nothing has moved. */
export function placesOf(before: Float32Array, now: Float32Array): Float32Array | null {
  const change = now.map((value, index) => Math.abs(value - (before[index] ?? 0)));
  const mean = change.reduce((sum, value) => sum + value, 0) / change.length;
  if (mean < STILL) return null;
  let length = 0;
  for (const value of change) length += (value - mean) ** 2;
  const scale = length > 0 ? 1 / Math.sqrt(length) : 0;
  return change.map((value) => (value - mean) * scale);
}

/** Notes the motion of what an element shows. */
export class MotionNotes {
  readonly notes: Motion[] = [];

  #last: Float32Array | undefined;
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
      grey[i] = ((data[4 * i] ?? 0) + (data[4 * i + 1] ?? 0) + (data[4 * i + 2] ?? 0)) / 3;
    }
    const places = this.#last && placesOf(this.#last, grey);
    this.#last = grey;
    if (places) this.notes.push({ at, places });
    while (at - (this.notes[0]?.at ?? at) > SPAN + LONGEST) this.notes.shift();
  }
}
