/**
 * When a picture takes on another look, told from small samples of it.
 *
 * A sample is reduced to the mean colour and the mean contrast of 16 by 9 blocks: a new look changes these
 * everywhere, while what moves in a picture changes few of them. How much they change by themselves is
 * measured before the change, and what follows has to exceed that clearly.
 */

/** The size of a sample in pixels. */
export const SAMPLE = { width: 64, height: 36 };
/** Pixels of a block's side. */
const BLOCK = 4;
const COLUMNS = SAMPLE.width / BLOCK;
const ROWS = SAMPLE.height / BLOCK;
/** Red, green, blue, contrast. */
const PARTS = 4;

/** The mean colours and contrasts of a sample's blocks, 0 to 255. */
export type Signature = Float32Array;

/** The signature of a sample, from its RGBA pixels. */
export function signature(pixels: ArrayLike<number>): Signature {
  const found = new Float32Array(COLUMNS * ROWS * PARTS);
  const { width, height } = SAMPLE;
  const light = (at: number) =>
    0.3 * (pixels[at] ?? 0) + 0.59 * (pixels[at + 1] ?? 0) + 0.11 * (pixels[at + 2] ?? 0);
  const share = 1 / (BLOCK * BLOCK);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      const to = PARTS * (Math.floor(y / BLOCK) * COLUMNS + Math.floor(x / BLOCK));
      for (let part = 0; part < 3; part++) {
        found[to + part] = (found[to + part] ?? 0) + share * (pixels[at + part] ?? 0);
      }
      const here = light(at);
      const right = x + 1 < width ? Math.abs(light(at + 4) - here) : 0;
      const below = y + 1 < height ? Math.abs(light(at + 4 * width) - here) : 0;
      found[to + 3] = (found[to + 3] ?? 0) + share * Math.min(255, right + below);
    }
  }
  return found;
}

/** How far two signatures are from each other, in levels of 255. */
export interface Distance {
  /** Of all blocks on average: a change of a part of the picture counts. */
  mean: number;
  /** Of the middle one of all blocks: what moves in the picture doesn't count. */
  median: number;
}

/** How far two signatures are from each other. */
export function distance(one: Signature, other: Signature): Distance {
  const blocks = new Float32Array(COLUMNS * ROWS);
  let sum = 0;
  for (let at = 0; at < one.length; at++) {
    const far = Math.abs((one[at] ?? 0) - (other[at] ?? 0)) / PARTS;
    const block = Math.floor(at / PARTS);
    blocks[block] = (blocks[block] ?? 0) + far;
    sum += far;
  }
  blocks.sort();
  return { mean: sum / blocks.length, median: blocks[Math.floor(blocks.length / 2)] ?? 0 };
}

/** A signature and when its frame was shown, in ms. */
export interface Sample {
  at: number;
  value: Signature;
}

/** Levels below which nobody sees a change: a codec alone makes up to 1.5. */
const LEAST: Distance = { mean: 4, median: 3 };
/** The two measures; either one tells a change. */
const MEASURES = ["mean", "median"] as const;
/** By how much a change exceeds what the picture does by itself in the same time. */
const FACTOR = 1.6;
/** The same where that time is longer than the picture was watched before. */
const LATE_FACTOR = 2.5;
/** Samples before the change with which later ones are compared. */
const REFERENCES = 3;
/** Samples that are compared with each other; of more, some are left out. */
const MAX_COMPARED = 24;
/** A change has to last, at least two samples and this long; a damaged frame doesn't. */
const LASTS_MS = 60;
/** After so long without a change there is none. */
export const GIVE_UP_MS = 5000;

/** Watches for the change that was asked for at a time. */
export class ChangeWatch {
  readonly #references: readonly Sample[];
  readonly #own: readonly Own[];
  #since: number | null = null;
  #count = 0;

  /**
   * @param askedAt when the change was asked for, in ms
   * @param before samples until then, the oldest first
   */
  constructor(
    readonly askedAt: number,
    before: readonly Sample[],
  ) {
    this.#references = before.slice(-REFERENCES);
    this.#own = ownMotion(before);
  }

  /** Whether there is something to compare with. */
  get canSee(): boolean {
    return this.#references.length > 0;
  }

  /** Seconds until the change, once it has been seen, from a sample after it was asked for; else null. */
  add(sample: Sample): number | null {
    const { at } = sample;
    if (!this.canSee || at < this.askedAt) return null;
    if (!this.#isFar(sample)) {
      this.#since = null;
      this.#count = 0;
      return null;
    }
    this.#since ??= at;
    this.#count++;
    if (this.#count < 2 || at - this.#since < LASTS_MS) return null;
    return (this.#since - this.askedAt) / 1000;
  }

  #isFar({ at, value }: Sample): boolean {
    const found = this.#references.map((one) => distance(one.value, value));
    const tookMs = at - (this.#references.at(-1)?.at ?? at);
    const longest = this.#own.at(-1)?.withinMs ?? 0;
    const own = this.#own.find(({ withinMs }) => withinMs >= tookMs) ?? this.#own.at(-1);
    const factor = tookMs > longest ? LATE_FACTOR : FACTOR;
    return MEASURES.some((measure) => {
      const far = Math.min(...found.map((one) => one[measure]));
      return far > Math.max(LEAST[measure], factor * (own?.far[measure] ?? 0));
    });
  }
}

/** How far a picture goes by itself, at most within this time. */
interface Own {
  withinMs: number;
  far: Distance;
}

/** How far a picture went by itself, by the time that it took: both rise. */
function ownMotion(samples: readonly Sample[]): Own[] {
  const step = Math.ceil(samples.length / MAX_COMPARED);
  const some = samples.filter((_, at) => (samples.length - 1 - at) % step === 0);
  const pairs = some.flatMap((one, at) =>
    some.slice(at + 1).map((later) => ({
      withinMs: later.at - one.at,
      far: distance(one.value, later.value),
    })),
  );
  pairs.sort((one, other) => one.withinMs - other.withinMs);
  const most: Distance = { mean: 0, median: 0 };
  return pairs.map(({ withinMs, far }) => {
    for (const measure of MEASURES) most[measure] = Math.max(most[measure], far[measure]);
    return { withinMs, far: { ...most } };
  });
}
