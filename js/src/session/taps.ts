/**
 * The kernel's requests for pictures (taps), and the view's own: the part that is always there. The
 * work is done by the chunk `take`.
 */

import type { Kernel } from "../kernel/kernel.ts";
import type { TapMessage } from "../kernel/messages.ts";

/** How much a recording has so far. */
export interface RecordingProgress {
  seconds: number;
  bytes: number;
}

/** Carries the taps of one session out; made by `open` of the chunk `take`. */
export interface TapHandler {
  /** The recording that is in progress in this page, whoever asked for it. */
  readonly recording: RecordingProgress | null;
  onMessage(message: TapMessage): void;
  /** Saves the picture of now as a download of the browser's. */
  snapshot(): Promise<void>;
}

/** What taps need of their session. */
interface Tapped {
  readonly kernel: Kernel;
  readonly isKernelSource: boolean;
}

/** The taps of one session. */
export class Taps {
  /** What became of the last snapshot or recording; shown beside the cost. */
  note = "";

  #handler: TapHandler | undefined;
  #loading: Promise<TapHandler> | undefined;
  /** Since when the kernel records by itself, on the clock of `performance.now()`. */
  #recordsSinceMs: number | null = null;
  readonly #session: Tapped;
  readonly #load: () => Promise<TapHandler>;
  readonly #onChange: () => void;

  /**
   * @param session its kernel gets the requests of this page
   * @param load loads the chunk `take` and opens its handler for the session; called once
   * @param onChange called after each change of the note
   */
  constructor(session: Tapped, load: () => Promise<TapHandler>, onChange: () => void) {
    this.#session = session;
    this.#load = load;
    this.#onChange = onChange;
  }

  /** The recording that is in progress in this page, or in the kernel, whoever asked for it. */
  get recording(): RecordingProgress | null {
    if (this.#recordsSinceMs === null) return this.#handler?.recording ?? null;
    return { seconds: (performance.now() - this.#recordsSinceMs) / 1000, bytes: 0 };
  }

  /** A tap, a credit or an end of one; or how a recording that the kernel writes is doing. */
  onMessage(message: TapMessage): void {
    if (message.type === "recording") {
      const { state, name, text } = message;
      const isKernels = this.#session.isKernelSource && state === "recording";
      this.#recordsSinceMs = isKernels ? performance.now() : null;
      this.setNote(
        state === "saved" ? `saved ${name} ${text}`.trim() : state === "saving" ? "saving…" : text,
      );
    } else void this.#withHandler((handler) => handler.onMessage(message));
  }

  /** Saves the picture of now as a download of the browser's. */
  snapshot(): Promise<void> {
    return this.#withHandler((handler) => handler.snapshot());
  }

  /** Asks the kernel to record into the folder that the notebook runs in. */
  startRecording(): void {
    this.setNote("");
    this.#session.kernel.send({ type: "record", on: true });
  }

  /** Asks the kernel to end its recording. */
  stopRecording(): void {
    this.#session.kernel.send({ type: "record", on: false });
  }

  /** Shows a note in place of the one before. */
  setNote(note: string): void {
    this.note = note;
    this.#onChange();
  }

  async #withHandler(act: (handler: TapHandler) => unknown): Promise<void> {
    try {
      this.#loading ??= this.#load();
      this.#handler = await this.#loading;
      await act(this.#handler);
    } catch (error) {
      this.setNote((error as Error).message);
    }
  }
}
