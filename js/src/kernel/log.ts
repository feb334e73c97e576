/**
 * What happened in this page, for the kernel's log: the newest few entries, sent in batches while an
 * attempt lives. Otherwise errors alone are told, and few: traffic keeps an idle kernel from being
 * culled.
 */

import type { Level, LogEntry, ToKernel } from "./messages.ts";

const ENTRIES_MAX = 20;
const WAIT_MS = 1000;
const IDLE_ERRORS_MAX = 10;

interface Road {
  /** The live attempt's number, or null. */
  readonly attempt: number | null;
  send(message: ToKernel): void;
}

export class PageLog {
  #events: LogEntry[] = [];
  #dropped = 0;
  #errors = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  readonly #kernel: Road;

  constructor(kernel: Road) {
    this.#kernel = kernel;
  }

  add(level: Level, what: string, details: Record<string, unknown> = {}): void {
    if (this.#events.push([Date.now(), level, what, details]) > ENTRIES_MAX) {
      this.#events.shift();
      this.#dropped++;
    }
    if (this.#kernel.attempt !== null || (level === "error" && this.#errors++ < IDLE_ERRORS_MAX)) {
      this.#timer ??= setTimeout(() => this.flush(), WAIT_MS);
    }
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#events.length) return;
    this.#kernel.send({
      type: "log",
      now: Date.now(),
      dropped: this.#dropped,
      events: this.#events,
    });
    this.#events = [];
    this.#dropped = 0;
  }
}
