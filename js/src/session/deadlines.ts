/**
 * The time limits that end a session in this page without the kernel: closing a camera, and ending what
 * costs money, must not depend on another process.
 */
import { onAbort } from "../host.ts";

/** The kernel sends a beat while an attempt runs; after this much silence it counts as gone. */
const KERNEL_SILENCE_MS = 22_000;
/** The same once the host has lost its connection to the kernel. */
const KERNEL_LOST_MS = 10_000;
/** How much longer than its budget a session may last before this page ends it. */
const BUDGET_OVERDRAFT_S = 2;
/** The session outlives its last view by this much: hosts remove views and put them back. */
const NO_VIEW_GRACE_MS = 5000;

/** Called when a limit has passed. */
interface DeadlineEvents {
  kernelSilent(): void;
  budgetSpent(): void;
  /** No view has been shown for the grace period. */
  unviewed(): void;
}

/** One timer for each limit; setting it again restarts it. All end with the signal. */
export class Deadlines {
  readonly #timers: Partial<Record<keyof DeadlineEvents, ReturnType<typeof setTimeout>>> = {};
  readonly #events: DeadlineEvents;
  readonly #signal: AbortSignal;

  constructor(events: DeadlineEvents, signal: AbortSignal) {
    this.#events = events;
    this.#signal = signal;
    const clearAll = () => {
      this.clearKernel();
      this.clearBudget();
      this.clearView();
    };
    onAbort(signal, clearAll);
  }

  /**
   * Expects a message of the kernel.
   *
   * @param isLost whether the host has lost its connection to the kernel
   */
  awaitKernel(isLost = false): void {
    this.#set("kernelSilent", isLost ? KERNEL_LOST_MS : KERNEL_SILENCE_MS);
  }

  clearKernel(): void {
    this.#clear("kernelSilent");
  }

  /** Expects the kernel to end the session when `leftS` more seconds have been generated. */
  awaitBudgetEnd(leftS: number): void {
    this.#set("budgetSpent", (leftS + BUDGET_OVERDRAFT_S) * 1000);
  }

  clearBudget(): void {
    this.#clear("budgetSpent");
  }

  /** Expects a view to be shown. */
  awaitView(): void {
    this.#set("unviewed", NO_VIEW_GRACE_MS);
  }

  clearView(): void {
    this.#clear("unviewed");
  }

  #set(event: keyof DeadlineEvents, limitMs: number): void {
    this.#clear(event);
    if (this.#signal.aborted) return;
    this.#timers[event] = setTimeout(() => this.#events[event](), limitMs);
  }

  #clear(event: keyof DeadlineEvents): void {
    clearTimeout(this.#timers[event]);
  }
}
