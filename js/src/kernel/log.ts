/**
 * What happened in this page, for the kernel's log: the newest few entries, sent in batches while an
 * attempt exists. Without an attempt only errors are sent, and few of them, because traffic keeps an
 * idle kernel from being culled.
 */

import type { Level, LogEntry, ToKernel } from "./messages.ts";

const ENTRIES_MAX = 20;
/** How long entries are collected before they are sent. */
const BATCH_MS = 1000;
/** How many errors are sent without an attempt. */
const IDLE_ERRORS_MAX = 10;

/** What the log needs of `Kernel`. */
interface LogKernel {
  /** The attempt's number; null for none. */
  readonly attempt: number | null;
  send(message: ToKernel): void;
}

/** The log of one page. */
export class PageLog {
  #entries: LogEntry[] = [];
  #dropped = 0;
  #idleErrors = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #kernel: LogKernel;

  constructor(kernel: LogKernel) {
    this.#kernel = kernel;
  }

  /**
   * Adds an entry, and sends it with others after a while.
   *
   * @param details without secrets and names of persons
   */
  add(level: Level, event: string, details: Record<string, unknown> = {}): void {
    if (this.#entries.push([Date.now(), level, event, details]) > ENTRIES_MAX) {
      this.#entries.shift();
      this.#dropped++;
    }
    const isIdle = this.#kernel.attempt === null;
    if (!isIdle || (level === "error" && this.#idleErrors++ < IDLE_ERRORS_MAX)) {
      this.#timer ??= setTimeout(() => this.flush(), BATCH_MS);
    }
  }

  /** Sends what there is. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#entries.length) return;
    this.#kernel.send({
      type: "log",
      now: Date.now(),
      dropped: this.#dropped,
      events: this.#entries,
    });
    this.#entries = [];
    this.#dropped = 0;
  }
}
