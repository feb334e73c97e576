/**
 * Hints to the kernel that something will soon be wanted, each sent at most once in a while: they save
 * a person a wait, and nothing depends on them.
 */

import { type HostModel, onAbort } from "../host.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { trait } from "./model.ts";
import type { Source } from "./source.ts";

/** What the kernel prepares on `intent` stays valid for longer than this. */
const INTENT_INTERVAL_MS = 10_000;
/** How often a visible page repeats `intent`; the kernel's client token then never becomes too old. */
const SHOWN_INTERVAL_MS = 600_000;
/** The least time between two messages that the network is back. */
const WAKE_INTERVAL_MS = 1000;

/** What hints need of their session. */
interface HintedSession {
  readonly isActive: boolean;
  readonly isKernelSource: boolean;
  readonly isOwnedElsewhere: boolean;
  /** Whether this page has a view of it. */
  readonly isShown: boolean;
  readonly isViewer: boolean;
  readonly kernel: Kernel;
  readonly model: HostModel;
  readonly signal: AbortSignal;
  readonly source: Source;
}

/** The hints of one session. */
export class Hints {
  readonly #session: HintedSession;
  #intentSentAtMs = Number.NEGATIVE_INFINITY;
  #wakeSentAtMs = Number.NEGATIVE_INFINITY;

  constructor(session: HintedSession) {
    this.#session = session;
    const { signal } = session;
    const onShown = () => {
      const { isShown, isViewer } = session;
      if (isShown && !isViewer && !document.hidden) this.#sendIntent();
    };
    const onReturn = () => {
      if (!document.hidden) this.#sendWake();
      onShown();
    };
    const timer = setInterval(onShown, SHOWN_INTERVAL_MS);
    onAbort(signal, () => clearInterval(timer));
    window.addEventListener("online", () => this.#sendWake(), { signal });
    document.addEventListener("visibilitychange", onReturn, { signal });
  }

  /** The pointer or the focus is on Start: prepares, here and in the kernel, what costs nothing. */
  anticipateStart(): void {
    const { isKernelSource, source } = this.#session;
    if (this.#sendIntent() && !isKernelSource) source.listCameras();
  }

  /** Has the kernel prepare a start; returns whether it did. */
  #sendIntent(): boolean {
    const { isActive, kernel } = this.#session;
    const now = performance.now();
    if (isActive || now - this.#intentSentAtMs < INTENT_INTERVAL_MS) return false;
    this.#intentSentAtMs = now;
    kernel.send({ type: "intent" });
    return true;
  }

  /** The network is back, or the page is visible again: a kernel that waits may reconnect now. */
  #sendWake(): void {
    const { isOwnedElsewhere, kernel, model } = this.#session;
    const now = performance.now();
    const isWaiting = trait(model, "connection_state") === "reconnecting" && !isOwnedElsewhere;
    if (!isWaiting || now - this.#wakeSentAtMs < WAKE_INTERVAL_MS) return;
    this.#wakeSentAtMs = now;
    kernel.send({ type: "wake" });
  }
}
