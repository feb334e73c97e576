/**
 * What all views of one model share: the camera, the connection, the picture.
 *
 * The kernel leads (it numbers the attempts and knows the service); this side owns what costs
 * privacy and money when it lingers, so a stop takes effect here before the kernel has heard of it.
 */

import type { CameraSize, Refusal } from "../capture/obstacles.ts";
import type { CameraInfo, Obtained } from "../capture/types.ts";
import { type HostModel, type Load, listen } from "../host.ts";
import { Kernel, type Receiver } from "../kernel/kernel.ts";
import { type ImageState, PROTOCOL, type Prepare, type TapMessage } from "../kernel/messages.ts";
import type { Reading } from "../media/stats.ts";
import { openWith } from "../media/transport.ts";
import type { AllWords } from "../view/notices.ts";
import { Attempt, type Frame } from "./attempt.ts";
import { type ConnectionState, SHOWN, trait } from "./model.ts";
import { Source } from "./source.ts";
import { Taking } from "./taking.ts";

/** The camera outlives the last view by this much: hosts take views away and put them back. */
const GRACE_MS = 5000;
/** How long the camera stays open for a kernel that says nothing; while it lives it beats. */
const SILENCE_MS = 22_000;
/** The same once the host has lost the kernel. */
const LOST_MS = 10_000;
/** What is got ready for a click that is likely stays good for longer than this. */
const INTENT_MS = 10_000;
/** Between two words to the kernel that what broke may be whole again. */
const WAKE_MS = 1000;
/** How much longer than its budget a session may last before this page ends it by itself. */
const OVERDRAFT_S = 2;

/** Something that this page found out by itself, shown like the kernel's errors. */
export interface Fault {
  code: string;
  message: string;
}

export type Settable =
  | "prompt"
  | "enrich"
  | "camera"
  | "mirror"
  | "orientation"
  | "source"
  | "microphone"
  | "muted";

const isRest = (state: ConnectionState) =>
  state === "idle" || state === "disconnected" || state === "error";

export class Session implements Receiver {
  readonly kernel: Kernel;
  readonly take: Taking;
  attempt: Attempt | null = null;
  fault: Fault | null = null;
  /** False in a page that only watches; null before the kernel has said. */
  owner: boolean | null = null;
  /** What a person did with an image or a file, and what came of it. */
  note = "";
  /** The reference image, as the kernel has it: whether there is one, and a small picture of it. */
  image = { set: false, thumbnail: "" };
  /** What notices say, once it has come. */
  words: AllWords = {};
  /** ms from the click (or the kernel's request) to the picture's first sight. */
  ttffMs: number | null = null;

  /** The camera, or what stands in for it. */
  readonly source: Source;
  #views = 0;
  #grace: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #spent: ReturnType<typeof setTimeout> | undefined;
  #wokeAt = Number.NEGATIVE_INFINITY;
  /** What was clicked and the kernel's traits don't show yet. */
  #intent: "start" | "stop" | null = null;
  #clickedAt = 0;
  #intendedAt = Number.NEGATIVE_INFINITY;
  /** A live state was seen since the click. */
  #underWay = false;
  /** Stop was clicked before the attempt's number was known: the next one is turned down. */
  #unwanted = false;
  readonly #watchers = new Set<() => void>();

  constructor(
    readonly model: HostModel,
    readonly load: Load,
    readonly signal: AbortSignal,
  ) {
    for (const name of SHOWN) listen(model, `change:${name}`, () => this.#onTrait(name), signal);
    this.kernel = new Kernel(model, this, signal);
    this.source = new Source(this.kernel, load, {
      changed: () => this.#changed(),
      replaced: async (track) => this.attempt?.publish(track),
      ended: () => {
        this.attempt?.tell("ended");
        this.#changed();
      },
      sounded: (track) => this.attempt?.speak(track),
      hears: () => this.hears,
      refused: (refusal) => this.#refused(refusal, this.attempt),
    });
    this.take = new Taking(this, () => this.#changed());
    window.addEventListener("online", () => this.#wake(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake(), {
      signal,
    });
    signal.addEventListener("abort", () => this.#release(), { once: true });
  }

  /** The state to show: the kernel's, ahead of it where this page knows better. */
  get state(): ConnectionState {
    const state = trait(this.model, "connection_state");
    if (this.fault) return "error";
    if (this.#intent === "start" && isRest(state)) return "connecting";
    if (this.#intent === "stop" && !isRest(state)) return "disconnected";
    // A viewer has its picture from the room, whether or not the kernel has heard of it.
    const early = state === "connecting" || state === "connected";
    return this.viewer && this.attempt?.revealed && early ? "generating" : state;
  }

  get isLive(): boolean {
    return !isRest(this.state);
  }

  /** Whether the session runs in another page. */
  get watching(): boolean {
    return this.owner === false && this.isLive;
  }

  get cameraOn(): boolean {
    return this.source.cameraOn;
  }

  /** Shows what another widget's session shows: no camera, nothing to start or to stop. */
  get viewer(): boolean {
    return trait(this.model, "_kind") === "viewer";
  }

  /** The size of what is sent, and comes back: pixels and frames/s. */
  get size(): CameraSize {
    return this.source.size;
  }

  get modelName(): string {
    return trait(this.model, "model");
  }

  /** "sandbox", "decart" or a URL. */
  get endpoint(): string {
    return trait(this.model, "endpoint");
  }

  /** Calls back after every change until the signal ends it. */
  watch(callback: () => void, signal: AbortSignal): void {
    this.#watchers.add(callback);
    signal.addEventListener("abort", () => this.#watchers.delete(callback), { once: true });
  }

  /** A view is shown until the signal; with the last one go camera and session, after a grace. */
  attach(signal: AbortSignal): void {
    this.#views++;
    clearTimeout(this.#grace);
    signal.addEventListener("abort", () => --this.#views || this.#awaitView(), { once: true });
    if (this.viewer) this.start();
  }

  /** Somebody points at Start: the kernel may get ready what costs nothing. */
  intend(): void {
    const now = performance.now();
    if (this.isLive || now - this.#intendedAt < INTENT_MS) return;
    this.#intendedAt = now;
    this.kernel.send({ type: "intent" });
    this.source.intend();
  }

  /**
   * Opens the camera and asks the kernel for a session, both at once; where one runs in another
   * page, asks for that one to be moved here.
   */
  start(): void {
    if (this.watching) {
      this.kernel.send({ type: "take" });
      return;
    }
    if (this.signal.aborted || this.attempt || (this.#intent === "start" && !this.fault)) return;
    if (this.fault) this.source.close(); // a camera that was refused is asked for again
    this.#intent = "start";
    this.#clickedAt = performance.now();
    this.#underWay = this.#unwanted = false;
    this.fault = this.ttffMs = null;
    this.owner = true; // while nothing is live, the page that starts is the one
    this.kernel.log.add("info", "start");
    this.kernel.send({ type: "start" });
    if (!this.viewer) this.#open();
    this.#expectKernel(SILENCE_MS);
    this.#changed();
  }

  /** Ends everything in this page at once, and tells the kernel. */
  stop(): void {
    const attempt = this.attempt?.number ?? null;
    this.#intent = "stop";
    this.#unwanted = attempt === null;
    this.kernel.log.add("info", "stop");
    this.#release();
    this.kernel.send({ type: "stop", attempt });
    this.#changed();
  }

  /** Applies what the prompt box holds, without the kernel's debounce. */
  apply(prompt: string, enrich: boolean): void {
    this.set("prompt", prompt);
    this.set("enrich", enrich);
    this.kernel.send({ type: "apply", prompt, enrich });
  }

  /** Sets what a person may set. */
  set(name: Settable, value: string | boolean | null): void {
    if (this.model.get(name) === value) return;
    this.model.set(name, value);
    this.model.save_changes();
  }

  /** A view has seen a frame of this stream. */
  sawFrame(stream: MediaStream, frame: Frame): void {
    if (stream === this.attempt?.stream) this.attempt.sawFrame(frame);
  }

  async stats(): Promise<Reading | null> {
    return (await this.attempt?.measure()) ?? null;
  }

  /** Whether a microphone that is switched on now is heard now, or with the next start. */
  get hears(): boolean {
    return this.attempt?.hears !== false;
  }

  heard(): void {
    clearTimeout(this.#silence);
    if (this.source.isOpen) this.#expectKernel(SILENCE_MS);
  }

  welcome(message: Parameters<Receiver["welcome"]>[0]): void {
    this.owner = message.owner;
    if (message.protocol !== PROTOCOL) {
      this.#fail(
        "version-mismatch",
        `The kernel runs decart_widget ${message.version}, this page another.`,
      );
    }
    this.#changed();
  }

  prepare(message: Prepare): void {
    if (this.#unwanted) {
      this.#unwanted = false;
      this.kernel.send({ type: "stop", attempt: message.attempt });
      return;
    }
    this.attempt?.end();
    const clicked = this.#intent === "start";
    const since = clicked ? this.#clickedAt : performance.now();
    if (!clicked) this.fault = null;
    this.#intent = null;
    this.owner = true;
    this.ttffMs = null;
    this.kernel.attempt = message.attempt;
    const open = openWith(this.load, message.transport ?? "webrtc");
    const model = this.source.turned(message.model);
    const attempt = new Attempt({ ...message, model }, since, open, !this.viewer, this.kernel, {
      changed: () => this.#changed(),
      due: () => this.#due(),
      unheard: () => this.source.trouble("microphone-failed"),
    });
    this.attempt = attempt;
    const camera = this.viewer ? null : this.source.open(model);
    camera?.then(
      (track) => {
        if (attempt.signal.aborted) return;
        attempt.speak(this.source.capture?.sound ?? null);
        return attempt.publish(track);
      },
      (refusal: Refusal) => this.#refused(refusal, attempt),
    );
    if (this.#views === 0) this.#awaitView();
    this.heard();
    this.#changed();
  }

  attemptMessage(message: Parameters<Receiver["attemptMessage"]>[0]): void {
    if (message.type !== "end") {
      this.attempt?.receive(message);
      return;
    }
    this.#release(message.keep_camera);
    this.heard();
    this.#changed();
  }

  ownerChanged(mine: boolean): void {
    this.owner = mine;
    // The picture lives in one page; the new owner has it now.
    if (!mine) this.#release();
    this.#changed();
  }

  get cameras(): readonly CameraInfo[] {
    return this.source.cameras;
  }

  /** What is sent now, as it was obtained. */
  get obtained(): Obtained | null {
    return this.source.capture?.obtained ?? null;
  }

  /** What is sent, to look at. */
  get preview(): MediaStream | null {
    return this.source.capture?.preview ?? null;
  }

  /** The camera of this id, which somebody picked in this page. */
  chooseCamera(id: string): void {
    this.source.choose(id);
    this.set("source", "camera");
  }

  /** Sends a video file in the camera's place. */
  async useFile(file: Blob): Promise<void> {
    await this.source.useFile(file);
    const { obtained } = this;
    // With nothing open it is what the next start sends.
    if (!obtained || obtained.source === "file") this.set("source", "file");
  }

  get modelTakesImages(): boolean {
    return trait(this.model, "_media").takes_image !== false;
  }

  imageState({ state, text }: ImageState, thumbnail?: BufferSource): void {
    if (state === "failed") this.say(text);
    else {
      URL.revokeObjectURL(this.image.thumbnail);
      const url = thumbnail ? URL.createObjectURL(new Blob([thumbnail as BlobPart])) : "";
      this.image = { set: state === "set", thumbnail: url };
      this.say("");
    }
  }

  /** Says something under the prompt until something else is said. */
  say(note: string): void {
    this.note = note;
    this.#changed();
  }

  /** Shows what a view has changed by itself. */
  refresh(): void {
    this.#changed();
  }

  switchCamera(request?: number): void {
    void this.source.switchCamera(request);
  }

  tap(message: TapMessage): void {
    this.take.receive(message);
  }

  interrupted(): void {
    if (this.attempt || this.source.isOpen) this.#expectKernel(LOST_MS);
  }

  #onTrait(name: string): void {
    const state = trait(this.model, "connection_state");
    if (!isRest(state)) {
      // The kernel has heard of the click; it may take its time to prepare.
      if (this.#intent === "start" && !this.#underWay) this.heard();
      this.#underWay = true;
      // Something runs again, started elsewhere: what went wrong here is history.
      if (name === "connection_state" && !this.#intent && !this.attempt) this.fault = null;
    } else if (name === "connection_state") {
      this.#unwanted = false;
      if (this.#intent === "stop") this.#intent = null;
    }
    // The start came to nothing before there was an attempt.
    const failed = name === "error" && trait(this.model, "error").code !== undefined;
    if (this.#intent === "start" && isRest(state) && (failed || this.#underWay)) this.#release();
    if (/budget|tick|connection/.test(name)) this.#limit();
    this.source.onTrait(name);
    this.#changed();
  }

  #open(): void {
    this.source.open(this.size).catch(() => undefined); // its events say so
  }

  #refused(refusal: Refusal, attempt: Attempt | null): void {
    if (attempt?.signal.aborted) return;
    this.#fail(refusal.reason, refusal.message);
    // Before the attempt has its number there is nobody to tell; the attempt tells it then.
    if (attempt && attempt === this.attempt) {
      const { reason, message } = refusal;
      this.kernel.send({ type: "refused", attempt: attempt.number, reason, message });
      this.#release();
    }
    this.#changed();
  }

  #fail(code: string, message: string): void {
    this.fault = { code, message };
    this.kernel.log.add("error", code);
  }

  #expectKernel(ms: number): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      if (!this.fault) this.#fail("kernel-silent", "The kernel has not answered.");
      this.stop();
    }, ms);
  }

  /** Ends a session whose budget is used up, should the kernel not do it. */
  #limit(): void {
    clearTimeout(this.#spent);
    const budget = trait(this.model, "budget");
    if (!budget || !this.#generating || !this.attempt) return;
    const left = budget - trait(this.model, "generation_tick") + OVERDRAFT_S;
    this.#spent = setTimeout(() => {
      this.fault = { code: "budget-spent", message: `The budget of ${budget} s is used up.` };
      this.stop();
    }, left * 1000);
  }

  #due(): boolean {
    // The transport may be mending itself: a picture that was seen shall not stand for long.
    const mending = this.state === "reconnecting" && this.attempt?.revealed;
    return !document.hidden && (this.#generating || mending === true);
  }

  #wake(): void {
    const now = performance.now();
    const waits = trait(this.model, "connection_state") === "reconnecting" && !this.watching;
    if (!waits || now - this.#wokeAt < WAKE_MS) return;
    this.#wokeAt = now;
    this.kernel.send({ type: "wake" });
  }

  get #generating(): boolean {
    return trait(this.model, "connection_state") === "generating";
  }

  #awaitView(): void {
    clearTimeout(this.#grace);
    if (this.signal.aborted) return;
    this.#grace = setTimeout(() => {
      if (this.#views === 0 && (this.source.isOpen || this.attempt)) this.stop();
    }, GRACE_MS);
  }

  /** Lets go of the connection and, unless it is to be kept, of the camera. */
  #release(keepCamera = false): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#spent);
    if (this.signal.aborted) clearTimeout(this.#grace);
    if (this.#intent === "start") this.#intent = null;
    this.attempt?.end();
    this.attempt = null;
    if (keepCamera) return;
    this.kernel.attempt = null;
    this.source.close();
  }

  #changed(): void {
    const { attempt } = this;
    if (attempt?.frame && !attempt.revealed) {
      if (this.viewer || this.#generating) {
        attempt.revealed = true;
        this.ttffMs = Math.round(performance.now() - attempt.since);
      }
    }
    for (const watcher of this.#watchers) watcher();
  }
}
