/** One attempt at a connection: its transport, its picture and its statistics, ended by one signal. */

import { onAbort } from "../host.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { MediaState, Prepare } from "../kernel/messages.ts";
import type { Reading } from "../media/stats.ts";
import type { Inbound, OpenTransport, Transport, TransportState } from "../media/transport.ts";
import { trait } from "./model.ts";

/** How often the received picture is measured. */
const STATS_INTERVAL_MS = 1000;
/**
 * How often the statistics are read for the first decoded frame; a view that is hidden or scrolled
 * away does not report it.
 */
const FIRST_FRAME_POLL_MS = 100;

/** The size of a decoded frame, in pixels. */
interface Frame {
  width: number;
  height: number;
}

/** What an attempt asks of its session and reports to it. */
interface AttemptEvents {
  changed(): void;
  /** Whether a person should see a moving picture now. */
  isPictureExpected(): boolean;
  /** The microphone could not be sent. */
  microphoneFailed(): void;
}

/** What an attempt is made with. */
interface AttemptOptions {
  /** When it was asked for, on the clock of `performance.now()`. */
  requestedAtMs: number;
  open: OpenTransport;
  /** Whether a camera is sent; a viewer only receives. */
  isSending: boolean;
  kernel: Kernel;
  events: AttemptEvents;
}

/** A numbered attempt; a reconnect is the next one. */
export class Attempt {
  readonly number: number;
  /** When it was asked for, on the clock of `performance.now()`. */
  readonly requestedAtMs: number;
  readonly connection: Transport;
  /** What is received. */
  stream: MediaStream | null = null;
  /** The first decoded frame. */
  frame: Frame | null = null;
  /** Whether the picture is generated and may be shown; stays so until the attempt ends. */
  revealed = false;
  /** The newest statistics. */
  reading: Reading | undefined;
  /** The camera's track, once it is sent. */
  camera: MediaStreamTrack | null = null;
  /** Whether a microphone's sound can be sent. */
  readonly canSendSound: boolean;
  /** What the kernel's engine sends, while it is asked for with `connection.showSent`. */
  sent: MediaStream | null = null;
  /** A view's element that shows the stream. */
  screen: HTMLVideoElement | null = null;

  #microphone: MediaStreamTrack | null = null;
  #wasConnected = false;
  /** Whether the kernel, where the media are its own, knows their state without this page. */
  readonly #isKnown: boolean;
  readonly #scope = new AbortController();
  readonly #kernel: Kernel;
  readonly #events: AttemptEvents;

  constructor(prepare: Prepare, options: AttemptOptions) {
    const { kernel, isSending, events } = options;
    this.number = prepare.attempt;
    this.requestedAtMs = options.requestedAtMs;
    this.#kernel = kernel;
    this.#events = events;
    this.#isKnown = prepare.transport === "kernel" && !isSending;
    const sound = isSending && trait(kernel.model, "microphone");
    this.connection = options.open({
      attempt: this.number,
      rtc: prepare.rtc,
      video: prepare.video,
      camera: isSending ? prepare.model : null,
      sound,
      send: (message, data) => kernel.send(message, data),
      onStream: (stream) => {
        this.stream = stream;
        events.changed();
      },
      onSent: (stream) => {
        this.sent = stream;
        events.changed();
      },
      onState: (state, detail) => this.#onState(state, detail),
      signal: this.signal,
    });
    // A room takes another track at any time; an offer has a place for sound or has none.
    this.canSendSound = sound || this.transport === "livekit";
    if (isSending) {
      const onStalled = (reason: string) => this.report("stalled", { reason });
      this.connection.watch(this, events.isPictureExpected, onStalled);
    }
  }

  /** How its media travel. */
  get transport(): Transport["kind"] {
    return this.connection.kind;
  }

  /** Ends with the attempt. */
  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  /** Closes the connection. */
  end(): void {
    this.#scope.abort();
    this.stream = null;
  }

  /** Sends this camera track, in place of an earlier one. */
  async publish(track: MediaStreamTrack): Promise<void> {
    this.camera = track;
    const { width, height, frameRate } = track.getSettings();
    this.report("camera", { width, height, fps: frameRate, label: track.label });
    try {
      await this.connection.publish(track);
    } catch {
      if (!this.signal.aborted) this.#onState("failed");
    }
  }

  /** Sends the microphone's sound; null for none. */
  setMicrophone(track: MediaStreamTrack | null): void {
    if (track === this.#microphone) return;
    this.#microphone = track;
    // A session is for its picture, and continues without sound.
    this.connection.sendSound(track).catch(() => {
      if (track && !this.signal.aborted) this.#events.microphoneFailed();
    });
  }

  /** Passes a message of the service, or a picture of the kernel's, on to the transport. */
  receive(message: Inbound, data?: BufferSource): void {
    void this.connection.receive(message, data);
  }

  /** A view shows the stream by this element. */
  showOn(screen: HTMLVideoElement): void {
    this.screen = screen;
    this.connection.showOn?.(screen);
  }

  /**
   * A frame was decoded; the first one counts.
   *
   * @param stream where a view shows it, the stream that it belongs to, which may be an earlier one
   */
  onFrame(frame: Frame, stream = this.stream): void {
    if (this.frame || this.signal.aborted || stream !== this.stream) return;
    this.frame = frame;
    const ms = Math.round(performance.now() - this.requestedAtMs);
    this.report("first-frame", { ...frame, ms });
    this.#events.changed();
  }

  /** Sends the kernel, and its log, the state of this attempt's media. */
  report(state: MediaState, detail?: Record<string, unknown>): void {
    const message = { type: "media", attempt: this.number, state } as const;
    // A camera's label may contain a person's name, and stays out of the log.
    const { label, ...logged } = { ...detail, attempt: this.number } as Record<string, unknown>;
    this.#kernel.log.add(state === "failed" ? "warning" : "info", state, logged);
    if (this.#isKnown) return;
    this.#kernel.send(detail ? { ...message, detail } : message);
  }

  /** Reads the connection's statistics now. */
  measure(): Promise<Reading | null> {
    return this.connection.measure(this.reading);
  }

  #onState(state: TransportState, detail?: Record<string, unknown>): void {
    if (this.signal.aborted) return;
    this.report(state, detail);
    if (state === "connected" && !this.#wasConnected) {
      this.#wasConnected = true;
      this.#pollFirstFrame();
      const timer = setInterval(() => this.#sendStats(), STATS_INTERVAL_MS);
      onAbort(this.signal, () => clearInterval(timer));
    }
    this.#events.changed();
  }

  /** Reads the statistics until they, or a view, have shown a decoded frame. */
  async #pollFirstFrame(): Promise<void> {
    if (this.frame || this.signal.aborted) return;
    const reading = await this.measure();
    if (reading?.framesDecoded) this.onFrame({ width: reading.width, height: reading.height });
    else setTimeout(() => this.#pollFirstFrame(), FIRST_FRAME_POLL_MS);
  }

  async #sendStats(): Promise<void> {
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
}
