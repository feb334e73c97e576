/** What is taken away from a session: the part that is always there. The work is done in the piece `take`. */

import type { TapMessage } from "../kernel/messages.ts";
import type { Session } from "./session.ts";

/** What a recording has so far. */
export interface Recorded {
  seconds: number;
  bytes: number;
}

/** What the piece `take` exports: one of these for each session. */
export interface Taker {
  readonly recorded: Recorded | null;
  receive(message: TapMessage): void;
  snapshot(): Promise<void>;
}

export type OpenTaker = (session: Session, changed: () => void) => Taker;

export class Taking {
  /** What became of the last thing that was taken. */
  note = "";

  #taker: Taker | undefined;
  #loading: Promise<Taker> | undefined;

  constructor(
    private readonly session: Session,
    private readonly changed: () => void,
  ) {}

  /** What is being recorded in this page, for whomever. */
  get recording(): Recorded | null {
    return this.#taker?.recorded ?? null;
  }

  receive(message: TapMessage): void {
    if (message.type === "recording") {
      const { state, name, text } = message;
      this.say(state === "saved" ? `saved ${name}` : state === "saving" ? "saving…" : text);
    } else this.#with((taker) => taker.receive(message));
  }

  /** Saves the picture of now as a file of the browser's. */
  snapshot(): Promise<void> {
    return this.#with((taker) => taker.snapshot());
  }

  /** Asks the kernel to record into the folder that the notebook runs in. */
  record(): void {
    this.say("");
    this.session.kernel.send({ type: "record", on: true });
  }

  stopRecording(): void {
    this.session.kernel.send({ type: "record", on: false });
  }

  say(note: string): void {
    this.note = note;
    this.changed();
  }

  async #with(act: (taker: Taker) => unknown): Promise<void> {
    try {
      this.#loading ??= this.session
        .load("take")
        .then((piece) => (piece as { open: OpenTaker }).open(this.session, this.changed));
      this.#taker = await this.#loading;
      await act(this.#taker);
    } catch (error) {
      this.say((error as Error).message);
    }
  }
}
