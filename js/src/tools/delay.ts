/**
 * Measures the delay between the sent and the received video by cross-correlating their motion.
 *
 * What moves in one moves in the other, at the same place and later. For each frame, scaled down to a few
 * grey pixels, the differences from the former frame are kept with the time; the delay is the time shift at
 * which the differences of both videos correlate best. No clock in the picture is needed, and it works
 * whatever the service does to colours and texture.
 */

/** How much of the past is compared, in ms. */
const SPAN_MS = 2000;
/** The longest delay that is looked for, in ms. */
const MAX_DELAY_MS = 1500;
/** The resolution of the search, in ms. */
const STEP_MS = 10;
/** The least mean correlation of a credible delay; 1 is perfect. */
const MIN_CORRELATION = 0.35;
/** A shift whose correlation is below the best by less than this is as likely. */
const TOLERANCE = 0.03;
/** Mean change of a grey value (0 to 255) below which there is only noise. */
const NOISE = 0.2;

/** The motion in one frame. */
export interface Motion {
  /** Time of the frame in ms, on the clock of `performance.now()`. */
  at: number;
  /** Change of each grey pixel, normalized to mean 0 and length 1. */
  places: Float32Array;
}

/** The delay in ms of `output` behind `input`; null when there is too little motion to be sure. */
export function delayOf(input: readonly Motion[], output: readonly Motion[]): number | null {
  const end = output.at(-1)?.at ?? 0;
  const from = Math.max(end - SPAN_MS, (input[0]?.at ?? end) + MAX_DELAY_MS / 2);
  const seen = output.filter(({ at }) => at > from);
  if (seen.length < 8 || input.length < 8) return null;
  const fits: number[] = [];
  for (let shift = 0; shift <= MAX_DELAY_MS; shift += STEP_MS)
    fits.push(agreement(input, seen, shift));
  const best = Math.max(...fits);
  if (best < MIN_CORRELATION) return null;
  // Periodic motion correlates again after each period: take the first of the equally good shifts.
  const first = fits.findIndex(
    (fit, index) =>
      fit > best - TOLERANCE && fit >= (fits[index + 1] ?? -1) && fit >= (fits[index - 1] ?? -1),
  );
  return first * STEP_MS;
}

/** Mean correlation of the output with the input as it was `shift` ms before. */
function agreement(input: readonly Motion[], seen: readonly Motion[], shift: number): number {
  let sum = 0;
  let index = 0;
  for (const { at, places } of seen) {
    const wanted = at - shift;
    const distance = (i: number) => Math.abs((input[i]?.at ?? Number.POSITIVE_INFINITY) - wanted);
    while (index + 1 < input.length && distance(index + 1) <= distance(index)) index++;
    const other = input[index];
    if (!other) continue;
    // The weight falls to one half for an input frame that is 50 ms off.
    const near = Math.max(0, 1 - distance(index) / 50);
    let both = 0;
    for (let i = 0; i < places.length; i++) both += (places[i] ?? 0) * (other.places[i] ?? 0);
    sum += both * (0.5 + near / 2);
  }
  return sum / seen.length;
}

/** Size of the grey pictures, in pixels. */
const WIDTH_PX = 32;
const HEIGHT_PX = 18;

/**
 * The motion between two frames, as in `Motion.places`; null where nothing has moved.
 *
 * @param before grey values of the former frame, 0 to 255
 * @param now grey values of this frame
 */
export function placesOf(before: Float32Array, now: Float32Array): Float32Array | null {
  const change = now.map((value, index) => Math.abs(value - (before[index] ?? 0)));
  const mean = change.reduce((sum, value) => sum + value, 0) / change.length;
  if (mean < NOISE) return null;
  let length = 0;
  for (const value of change) length += (value - mean) ** 2;
  const scale = length > 0 ? 1 / Math.sqrt(length) : 0;
  return change.map((value) => (value - mean) * scale);
}

/** Collects the motion in a video for as long as it is compared. */
export class MotionNotes {
  readonly notes: Motion[] = [];

  #last: Float32Array | undefined;
  readonly #context = new OffscreenCanvas(WIDTH_PX, HEIGHT_PX).getContext("2d", {
    willReadFrequently: true,
  });

  /** Adds a frame: the element's picture at a time in ms. */
  add(picture: CanvasImageSource, at: number): void {
    const context = this.#context;
    if (!context) return;
    context.drawImage(picture, 0, 0, WIDTH_PX, HEIGHT_PX);
    const { data } = context.getImageData(0, 0, WIDTH_PX, HEIGHT_PX);
    const grey = new Float32Array(WIDTH_PX * HEIGHT_PX);
    for (let i = 0; i < grey.length; i++) {
      grey[i] = ((data[4 * i] ?? 0) + (data[4 * i + 1] ?? 0) + (data[4 * i + 2] ?? 0)) / 3;
    }
    const places = this.#last && placesOf(this.#last, grey);
    this.#last = grey;
    if (places) this.notes.push({ at, places });
    while (at - (this.notes[0]?.at ?? at) > SPAN_MS + MAX_DELAY_MS) this.notes.shift();
  }
}
