/**
 * What all views of one model share: the camera, the connection, the picture.
 *
 * The kernel numbers the attempts and talks to the service. This page owns what costs privacy and
 * money if it is left open, so a stop takes effect here before the kernel has received it.
 */

import type { Refusal } from "../capture/types.ts";
import { type HostModel, type Load, listen, onAbort } from "../host.ts";
import { Kernel } from "../kernel/kernel.ts";
import { type AttemptMessage, PROTOCOL, type Prepare, type Welcome } from "../kernel/messages.ts";
import { openWith } from "../media/transport.ts";
import { Attempt } from "./attempt.ts";
import { Deadlines } from "./deadlines.ts";
import { Hints } from "./hints.ts";
import {
  type ConnectionState,
  type ErrorTrait,
  isActiveState,
  isGenerating,
  isPageSource,
  SHOWN_TRAITS,
  setTrait,
  trait,
} from "./model.ts";
import { ReferenceImage } from "./reference-image.ts";
import { Source } from "./source.ts";
import { type TapHandler, Taps } from "./taps.ts";

/** The entry of the chunk `take`. */
type OpenTapHandler = (session: Session, changed: () => void) => TapHandler;

/** The session of one model, and the page's part in it. */
export class Session {
  readonly kernel: Kernel;
  /** The camera, or what is sent in its place. */
  readonly source: Source;
  /** The kernel's requests for pictures. */
  readonly taps: Taps;
  readonly referenceImage: ReferenceImage;
  readonly hints: Hints;
  /** The connection that exists or is being opened. */
  attempt: Attempt | null = null;
  /** An error that this page found itself, shown like the kernel's errors. */
  fault: ErrorTrait | null = null;
  /** Whether this page has the camera and the picture; null before the kernel has answered. */
  isOwner: boolean | null = null;
  /** Whether the last session ended because the kernel's source had no more frames. */
  isSourceOver = false;
  /** Time from the click (or the kernel's request) until the picture was shown. */
  ttffMs: number | null = null;

  readonly #deadlines: Deadlines;
  #viewCount = 0;
  /** What was clicked, until the kernel's traits show it. */
  #clicked: "start" | "stop" | null = null;
  #clickedAtMs = 0;
  /** Whether the kernel has shown an active state since the click. */
  #wasActiveSinceClick = false;
  /** Stop was clicked before the attempt had a number: the next attempt is declined. */
  #declinesNextAttempt = false;
  readonly #listeners = new Set<() => void>();

  constructor(
    readonly model: HostModel,
    readonly load: Load,
    readonly signal: AbortSignal,
  ) {
    for (const name of SHOWN_TRAITS) {
      listen(model, `change:${name}`, () => this.#onTrait(name), signal);
    }
    const deadlineEvents = {
      kernelSilent: () => {
        // A session that runs in the kernel doesn't end because this page has lost it.
        const isAway = this.isKernelSource && this.attempt;
        const code = `kernel-${isAway ? "away" : "silent"}`;
        if (!this.fault) this.#fail(code, "The kernel has not answered.");
        if (isAway) this.changed();
        else this.stop();
      },
      budgetSpent: () => {
        const message = `The budget of ${trait(model, "budget")} s is used up.`;
        this.fault = { code: "budget-spent", message };
        this.stop();
      },
      unviewed: () => {
        if (this.#viewCount > 0) return;
        if (this.isKernelSource)
          this.kernel.attempt = null; // no heartbeats: nobody watches here
        else if (this.source.isOpen || this.attempt) this.stop();
      },
    };
    this.#deadlines = new Deadlines(deadlineEvents, signal);
    const openTapHandler = async () => {
      const chunk = (await load("take")) as { open: OpenTapHandler };
      return chunk.open(this, this.changed);
    };
    this.taps = new Taps(this, openTapHandler, this.changed);
    this.referenceImage = new ReferenceImage(model, this.changed);
    this.kernel = new Kernel(
      model,
      {
        onMessage: () => this.#onKernelMessage(),
        onWelcome: (message) => this.#onWelcome(message),
        onPrepare: (message) => this.#onPrepare(message),
        onAttemptMessage: (message, data) => this.#onAttemptMessage(message, data),
        onOwner: (isOwner) => this.#onOwner(isOwner),
        onSwitchCamera: (request) => void this.source.switchCamera(request),
        onImageState: (message, thumbnail) => this.referenceImage.onState(message, thumbnail),
        onTap: (message) => this.taps.onMessage(message),
        onInterrupted: () => {
          if (this.attempt || this.source.isOpen) this.#deadlines.awaitKernel(true);
        },
      },
      signal,
    );
    this.source = new Source(this.kernel, load, {
      changed: this.changed,
      trackReplaced: async (track) => this.attempt?.publish(track),
      ended: () => {
        this.attempt?.report("ended");
        this.changed();
      },
      microphoneChanged: (track) => this.attempt?.setMicrophone(track),
      canSendSound: () => this.attempt?.canSendSound !== false,
      refused: (refusal) => this.#onRefused(refusal, this.attempt),
    });
    this.hints = new Hints(this);
    onAbort(signal, () => this.#release());
  }

  /** The state to show: the kernel's, ahead of it where this page knows better. */
  get state(): ConnectionState {
    const state = trait(this.model, "connection_state");
    // A kernel that doesn't answer has not ended its session.
    if (this.fault) return this.fault.code === "kernel-away" ? "reconnecting" : "error";
    if (this.#clicked === "start" && !isActiveState(state)) return "connecting";
    if (this.#clicked === "stop" && isActiveState(state)) return "disconnected";
    // A viewer gets its picture from the room, whether or not the kernel has shown that yet.
    const isEarly = state === "connecting" || state === "connected";
    return this.isViewer && this.attempt?.revealed && isEarly ? "generating" : state;
  }

  /** Whether a session exists, here or in another page. */
  get isActive(): boolean {
    return isActiveState(this.state);
  }

  /** Whether a view is shown in this page. */
  get isShown(): boolean {
    return this.#viewCount > 0;
  }

  /** Whether the session runs in another page. */
  get isOwnedElsewhere(): boolean {
    return this.isOwner === false && this.isActive && !this.isKernelSource;
  }

  /**
   * Whether the kernel sends a source of its own: this page opens no camera, and is one of those that
   * show the session.
   */
  get isKernelSource(): boolean {
    const { model } = this;
    return trait(model, "engine") === "kernel" && !isPageSource(trait(model, "source"));
  }

  /** Whether this shows another widget's session: without a camera, and with nothing to start. */
  get isViewer(): boolean {
    return trait(this.model, "_kind") === "viewer";
  }

  /** Calls back after every change until the signal ends it. */
  onChange(callback: () => void, signal: AbortSignal): void {
    this.#listeners.add(callback);
    onAbort(signal, () => this.#listeners.delete(callback));
  }

  /** Calls the listeners of `onChange`; to be called when anything that views show has changed. */
  readonly changed = (): void => {
    const { attempt } = this;
    if (attempt?.frame && !attempt.revealed && (this.isViewer || isGenerating(this.model))) {
      attempt.revealed = true;
      this.ttffMs = Math.round(performance.now() - attempt.requestedAtMs);
    }
    for (const listener of this.#listeners) listener();
  };

  /** A view is shown until the signal; a grace period after the last one the session is stopped. */
  attachView(signal: AbortSignal): void {
    this.#viewCount++;
    this.#deadlines.clearView();
    onAbort(signal, () => --this.#viewCount || this.#deadlines.awaitView());
    if (this.isViewer) this.start();
    else if (this.attempt) this.kernel.attempt = this.attempt.number;
  }

  /**
   * Opens the camera and asks the kernel for a session, both at once; where one runs in another
   * page, asks for that one to be moved here.
   */
  start(): void {
    if (this.isOwnedElsewhere) {
      this.kernel.send({ type: "take" });
      return;
    }
    if (this.signal.aborted || this.attempt || (this.#clicked === "start" && !this.fault)) return;
    if (this.fault) this.source.close(); // a camera that was refused is asked for again
    this.#clicked = "start";
    this.#clickedAtMs = performance.now();
    this.#wasActiveSinceClick = this.#declinesNextAttempt = false;
    this.fault = this.ttffMs = null;
    this.isOwner = true; // without an active session, the page that starts one owns it
    this.kernel.log.add("info", "start");
    this.kernel.send({ type: "start" });
    // A refusal comes as an event of the source.
    if (this.#isSending) this.source.open(this.source.size).catch(() => undefined);
    this.#deadlines.awaitKernel();
    this.changed();
  }

  /** Closes camera and connection at once, and asks the kernel to end the session. */
  stop(): void {
    const attempt = this.attempt?.number ?? null;
    this.#clicked = "stop";
    this.#declinesNextAttempt = attempt === null;
    this.kernel.log.add("info", "stop");
    this.#release();
    this.kernel.send({ type: "stop", attempt });
    this.changed();
  }

  /** Applies the prompt at once, without waiting for the kernel's debounce of the trait. */
  apply(prompt: string, enrich: boolean): void {
    setTrait(this.model, "prompt", prompt);
    setTrait(this.model, "enrich", enrich);
    this.kernel.send({ type: "apply", prompt, enrich });
  }

  /** Whether this page sends the session's video. */
  get #isSending(): boolean {
    return !this.isViewer && !this.isKernelSource;
  }

  #onKernelMessage(): void {
    this.#deadlines.clearKernel();
    if (this.fault?.code === "kernel-away") this.fault = null;
    if (this.source.isOpen) this.#deadlines.awaitKernel();
  }

  #onWelcome({ owner, protocol, version }: Welcome): void {
    this.isOwner = owner;
    if (protocol !== PROTOCOL) {
      const message = `The kernel runs decart_widget ${version}, this page another version.`;
      this.#fail("version-mismatch", message);
    }
    this.changed();
  }

  #onPrepare(message: Prepare): void {
    if (this.#declinesNextAttempt) {
      this.#declinesNextAttempt = false;
      this.kernel.send({ type: "stop", attempt: message.attempt });
      return;
    }
    this.attempt?.end();
    const wasClicked = this.#clicked === "start";
    if (!wasClicked) this.fault = null;
    this.#clicked = null;
    this.isOwner = true;
    this.ttffMs = null;
    this.kernel.attempt = message.attempt;
    const model = this.source.oriented(message.model);
    const attempt = new Attempt(
      { ...message, model },
      {
        requestedAtMs: wasClicked ? this.#clickedAtMs : performance.now(),
        open: openWith(this.load, message.transport ?? "webrtc"),
        isSending: this.#isSending,
        kernel: this.kernel,
        events: {
          changed: this.changed,
          isPictureExpected: () => this.#isPictureExpected(),
          microphoneFailed: () => this.source.reportTrouble("microphone-failed"),
        },
      },
    );
    this.attempt = attempt;
    if (this.#isSending) {
      this.source.open(model).then(
        (track) => {
          if (attempt.signal.aborted) return;
          attempt.setMicrophone(this.source.capture?.sound ?? null);
          return attempt.publish(track);
        },
        (refusal: Refusal) => this.#onRefused(refusal, attempt),
      );
    }
    if (this.#viewCount === 0) this.#deadlines.awaitView();
    this.#onKernelMessage();
    this.changed();
  }

  #onAttemptMessage(message: AttemptMessage, data?: BufferSource): void {
    if (message.type !== "end") {
      this.attempt?.receive(message, data);
      return;
    }
    this.isSourceOver = message.reason === "ended";
    this.#release(message.keep_camera);
    this.#onKernelMessage();
    this.changed();
  }

  #onOwner(isOwner: boolean): void {
    this.isOwner = isOwner;
    // The picture is shown in one page only, and that is the new owner's.
    if (!isOwner && !this.isKernelSource) this.#release();
    this.changed();
  }

  #onTrait(name: string): void {
    const state = trait(this.model, "connection_state");
    const isStarting = this.#clicked === "start";
    if (isActiveState(state)) {
      // The kernel has received the click; its `prepare` may take time (a queue, say).
      if (isStarting && !this.#wasActiveSinceClick) this.#onKernelMessage();
      this.#wasActiveSinceClick = true;
      // A session was started elsewhere: an earlier error of this page no longer matters.
      if (name === "connection_state" && !this.#clicked && !this.attempt) this.fault = null;
    } else {
      if (name === "connection_state") {
        this.#declinesNextAttempt = false;
        if (this.#clicked === "stop") this.#clicked = null;
      }
      // The start failed before there was an attempt.
      const hasError = trait(this.model, "error").code !== undefined;
      const hasFailed = name === "error" && hasError;
      if (isStarting && (hasFailed || this.#wasActiveSinceClick)) this.#release();
      // A page that was asleep runs its timers before the kernel's messages, which say what happened.
      const isAnswer = hasError && /^error$|^conn/.test(name);
      if (isAnswer && this.fault?.code === "kernel-silent") this.fault = null;
    }
    if (/budget|tick|connection/.test(name)) this.#limitBudget();
    this.source.onTrait(name);
    this.changed();
  }

  #onRefused(refusal: Refusal, attempt: Attempt | null): void {
    if (attempt?.signal.aborted) return;
    const { reason, message } = refusal;
    this.#fail(reason, message);
    // Without an attempt there is no number to report it for; `prepare` brings one, and then it is.
    if (attempt && attempt === this.attempt) {
      this.kernel.send({ type: "refused", attempt: attempt.number, reason, message });
      this.#release();
    }
    this.changed();
  }

  #fail(code: string, message: string): void {
    this.fault = { code, message };
    this.kernel.log.add("error", code);
  }

  /** Ends a session whose budget is used up, should the kernel not do it. */
  #limitBudget(): void {
    this.#deadlines.clearBudget();
    const budget = trait(this.model, "budget");
    if (!budget || !isGenerating(this.model) || !this.attempt) return;
    this.#deadlines.awaitBudgetEnd(budget - trait(this.model, "generation_tick"));
  }

  /** Whether a person should see a moving picture now. */
  #isPictureExpected(): boolean {
    // While the transport reconnects by itself, a picture that was shown must not freeze for long.
    const isReconnecting = this.state === "reconnecting" && this.attempt?.revealed === true;
    return !document.hidden && (isGenerating(this.model) || isReconnecting);
  }

  /** Closes the connection and, unless it is to be kept, the camera. */
  #release(keepCamera = false): void {
    this.#deadlines.clearKernel();
    this.#deadlines.clearBudget();
    if (this.#clicked === "start") this.#clicked = null;
    this.attempt?.end();
    this.attempt = null;
    if (keepCamera) return;
    this.kernel.attempt = null;
    this.source.close();
  }
}
