/** One attempt at a connection: its transport, its picture and its figures, gone with one signal. */

import type { Kernel } from "../kernel/kernel.ts";
import type { MediaState, Prepare } from "../kernel/messages.ts";
import type { Reading } from "../media/stats.ts";
import type { Inbound, OpenTransport, Transport, TransportState } from "../media/transport.ts";
import { watchdog } from "../media/watchdog.ts";
import { trait } from "./model.ts";

/** How often the received picture is measured. */
const STATS_MS = 1000;
/** How often to look for the first frame where no view tells of it (hidden, or scrolled away). */
const LOOK_MS = 100;

export interface Frame {
  width: number;
  height: number;
}

export interface AttemptEvents {
  changed(): void;
  /** Whether there should be a picture now, for somebody to see. */
  due(): boolean;
  /** The microphone could not be sent. */
  unheard(): void;
}

export class Attempt {
  readonly number: number;
  /** When it was asked for, on the clock of `performance.now()`. */
  readonly since: number;
  stream: MediaStream | null = null;
  frame: Frame | null = null;
  /** The picture is generated and may be seen; stays so until the attempt ends. */
  revealed = false;
  reading: Reading | undefined;
  sound: MediaStreamTrack | null = null;
  /** Whether it can carry a microphone's sound. */
  readonly hears: boolean;
  camera: MediaStreamTrack | null = null;
  /** A view's element that shows the stream. */
  screen: HTMLVideoElement | null = null;

  /** Whether it was ever connected. */
  #stood = false;
  readonly #transport: Transport;
  readonly #scope = new AbortController();
  readonly #kernel: Kernel;
  readonly #events: AttemptEvents;

  constructor(
    prepare: Prepare,
    since: number,
    open: OpenTransport,
    sends: boolean,
    kernel: Kernel,
    events: AttemptEvents,
  ) {
    this.number = prepare.attempt;
    this.since = since;
    this.#kernel = kernel;
    this.#events = events;
    const sound = sends && trait(kernel.model, "microphone");
    this.#transport = open({
      attempt: this.number,
      rtc: prepare.rtc,
      video: prepare.video,
      camera: sends ? prepare.model : null,
      sound,
      send: (message) => kernel.send(message),
      onStream: (stream) => {
        this.stream = stream;
        events.changed();
      },
      onState: (state, detail) => this.#onState(state, detail),
      signal: this.signal,
    });
    // A room takes it up at any time.
    this.hears = sound || this.transport === "livekit";
    if (sends) {
      const stalled = (reason: string) => this.tell("stalled", { reason });
      watchdog(this, events.due, stalled, this.signal);
    }
  }

  get transport(): Transport["kind"] {
    return this.#transport.kind;
  }

  /** Ends with the attempt. */
  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  end(): void {
    this.#scope.abort();
    this.stream = null;
  }

  async publish(track: MediaStreamTrack): Promise<void> {
    this.camera = track;
    const { width, height, frameRate } = track.getSettings();
    this.tell("camera", { width, height, fps: frameRate, label: track.label });
    try {
      await this.#transport.publish(track);
    } catch {
      if (!this.signal.aborted) this.#onState("failed");
    }
  }

  /** Sends the microphone's sound; null for none. */
  speak(track: MediaStreamTrack | null): void {
    if (track === this.sound) return;
    this.sound = track;
    // The picture is what a session is for; it goes on without sound.
    this.#transport.speak(track).catch(() => {
      if (track && !this.signal.aborted) this.#events.unheard();
    });
  }

  receive(message: Inbound): void {
    void this.#transport.receive(message);
  }

  /** A frame of this attempt was decoded; the first one counts. */
  sawFrame(frame: Frame): void {
    if (this.frame || this.signal.aborted) return;
    this.frame = frame;
    this.tell("first-frame", { ...frame, ms: Math.round(performance.now() - this.since) });
    this.#events.changed();
  }

  tell(state: MediaState, detail?: Record<string, unknown>): void {
    const message = { type: "media", attempt: this.number, state } as const;
    // A camera's label may name its owner.
    const { label, ...harmless } = { ...detail, attempt: this.number } as Record<string, unknown>;
    this.#kernel.log.add(state === "failed" ? "warning" : "info", state, harmless);
    this.#kernel.send(detail ? { ...message, detail } : message);
  }

  /** Reads the connection's statistics now. */
  measure(): Promise<Reading | null> {
    return this.#transport.measure(this.reading);
  }

  #onState(state: TransportState, detail?: Record<string, unknown>): void {
    if (this.signal.aborted) return;
    this.tell(state, detail);
    if (state === "connected" && !this.#stood) {
      this.#stood = true;
      this.#look();
      this.#every(STATS_MS, () => this.#sample());
    }
    this.#events.changed();
  }

  /** Looks for the first frame until some view, or this, has seen it. */
  async #look(): Promise<void> {
    const reading = await this.measure();
    if (this.frame || this.signal.aborted) return;
    if (reading?.framesDecoded) this.sawFrame({ width: reading.width, height: reading.height });
    else this.#after(LOOK_MS, () => this.#look());
  }

  async #sample(): Promise<void> {
    const reading = await this.measure();
    if (this.signal.aborted || !reading) return;
    this.reading = reading;
    const { fps, width, height, rtt_s, loss, bitrate } = reading;
    this.#kernel.send({
      type: "stats",
      attempt: this.number,
      ...{ fps, width, height, rtt_s, loss, bitrate },
    });
    this.#events.changed();
  }

  #after(ms: number, act: () => unknown): void {
    const timer = setTimeout(act, ms);
    this.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }

  #every(ms: number, act: () => unknown): void {
    const timer = setInterval(act, ms);
    this.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  }
}
