/** What a person has chosen in one view of a sheet. */

/** The choices; all of them are of this view alone, and none is saved. */
export interface Choices {
  /** The moment that all cells show, from 0. */
  moment: number;
  /** Key of the opened cell; null for none. */
  opened: string | null;
  /** Key of the cell that the opened one is wiped against; null for the input. */
  against: string | null;
  /** Key of the cell that Tab reaches. */
  focus: string | null;
  score: string;
  /** Cells whose score has a lower share are dimmed. */
  least: number;
  mode: "axes" | "ranked";
  /** Where the opened cell's wipe stands, in percent. */
  wipe: number;
  isPlaying: boolean;
  /** Whether all cells show the input instead. */
  showsInput: boolean;
  /** How many cells a start runs; null for all. */
  cells: number | null;
}

export class ViewState {
  readonly #listeners: ((changed: ReadonlySet<keyof Choices>) => void)[] = [];
  readonly values: Choices = {
    moment: 0,
    opened: null,
    against: null,
    focus: null,
    score: "",
    least: 0,
    mode: "axes",
    wipe: 46,
    isPlaying: false,
    showsInput: false,
    cells: null,
  };

  /** Changes choices, and says which ones are different now. */
  set(choices: Partial<Choices>): void {
    const changed = new Set<keyof Choices>();
    for (const name of Object.keys(choices) as (keyof Choices)[]) {
      if (choices[name] !== undefined && choices[name] !== this.values[name]) changed.add(name);
    }
    if (!changed.size) return;
    Object.assign(this.values, choices);
    for (const listener of this.#listeners) listener(changed);
  }

  onChange(listener: (changed: ReadonlySet<keyof Choices>) => void): void {
    this.#listeners.push(listener);
  }
}
