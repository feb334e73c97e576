/**
 * What a session sends: which camera, screen, file or pattern is wished for, and what became of it.
 *
 * Opening it and working on its picture is the piece `capture`; this is what there must be before
 * that has come, and what outlives a single capture: a choice that somebody made in this page.
 */

import { type CameraSize, obstacle, type Refusal, webrtcObstacle } from "../capture/obstacles.ts";
import type { CameraInfo, Capture, CapturePiece, Trouble, Wish } from "../capture/types.ts";
import type { Load } from "../host.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { trait } from "./model.ts";

/** Where a choice of camera is remembered; an id means nothing on another origin. */
const CHOICE = "decart-widget.camera";
/** What of the wish may change while it is open. */
const LIVE = ["camera", "mirror", "orientation", "source", "microphone", "muted"] as const;

export interface SourceEvents {
  changed(): void;
  /** Another track is to be sent from now on. */
  replaced(track: MediaStreamTrack): Promise<void>;
  /** This is what the microphone's sound comes on; null for none. */
  sounded(track: MediaStreamTrack | null): void;
  /** Whether it would be sent now. */
  hears(): boolean;
  /** The camera has gone. */
  ended(): void;
  /** Nothing could be opened. */
  refused(refusal: Refusal): void;
}

interface Opened {
  scope: AbortController;
  /** What is sent; after a change that is another one. */
  track: Promise<MediaStreamTrack>;
  capture: Capture | null;
  /** Set while there is a picture. */
  live: MediaStreamTrack | null;
}

export class Source {
  /** The last known list. */
  cameras: readonly CameraInfo[] = [];

  #opened: Opened | null = null;
  #piece: CapturePiece | null = null;
  readonly #loading: Promise<CapturePiece>;
  /** The id of the camera that somebody chose in this page; it stays out of the traits. */
  #chosen: string | null = remembered();
  /** A file that was dropped before anything was open. */
  #file: Blob | null = null;
  #said = "";

  constructor(
    private readonly kernel: Kernel,
    load: Load,
    private readonly events: SourceEvents,
  ) {
    // Got at once: a click shall find it there.
    this.#loading = load("capture").then((piece) => {
      this.#piece = piece as CapturePiece;
      return this.#piece;
    });
    this.#loading.catch(() => undefined); // whoever opens it hears of it
  }

  get isOpen(): boolean {
    return this.#opened !== null;
  }

  get capture(): Capture | null {
    return this.#opened?.capture ?? null;
  }

  get cameraOn(): boolean {
    return this.#opened?.live != null && this.capture?.obtained?.source === "camera";
  }

  /** The size of what is sent: the model's, on its side where a portrait is wished for. */
  get size(): CameraSize {
    return this.turned(trait(this.kernel.model, "_media"));
  }

  /** A model's size is that of its landscape. */
  turned<S extends CameraSize>(size: S): S {
    if (trait(this.kernel.model, "orientation") !== "portrait") return size;
    return { ...size, width: size.height, height: size.width };
  }

  /** Lists the cameras where that needs no question; somebody is about to choose one. */
  intend(): void {
    if (obstacle()) return;
    this.#loading
      .then((piece) => piece.list())
      .then((cameras) => {
        if (this.#opened || !cameras.some(({ label }) => label)) return;
        this.cameras = cameras;
        this.#tell();
        this.events.changed();
      })
      .catch(() => undefined);
  }

  /** What is sent from now on; opens it unless it is open. Rejects with a `Refusal`, told as well. */
  open(size: CameraSize): Promise<MediaStreamTrack> {
    if (this.#opened && this.#opened.live?.readyState !== "ended") {
      this.onTrait("microphone"); // of the attempt before it could not be a part
      return this.#opened.track;
    }
    this.close();
    const opened: Opened = {
      scope: new AbortController(),
      track: new Promise(() => undefined),
      capture: null,
      live: null,
    };
    this.#opened = opened;
    opened.track = this.#capture(opened, size);
    opened.track.then(
      (track) => {
        if (opened.scope.signal.aborted) return;
        opened.live = track;
        this.#changed(opened);
      },
      (refusal: Refusal) => this.#opened === opened && this.events.refused(refusal),
    );
    return opened.track;
  }

  close(): void {
    const opened = this.#opened;
    this.#opened = null;
    if (!opened) return;
    opened.live = null;
    opened.scope.abort();
    this.#tell();
  }

  /** A trait changed. */
  onTrait(name: string): void {
    if (!(LIVE as readonly string[]).includes(name)) return;
    // Whoever names a camera means it, whatever was chosen before.
    if (name === "camera") this.#choose(null);
    const wish = this.#wish(this.size);
    if (name === "microphone" && wish.microphone && this.capture && !this.events.hears()) {
      this.trouble("microphone-later");
      return;
    }
    this.#change(name === "orientation" ? { size: wish.size } : { [name]: wish[name as "camera"] });
  }

  /** The camera of this id, which somebody picked here. */
  choose(id: string): void {
    this.#choose(id);
    this.#change({ camera: id, source: "camera" });
  }

  /** @param request the kernel's number for it, when it was the kernel that asked */
  async switchCamera(request?: number): Promise<void> {
    const { capture } = this;
    const before = capture?.obtained?.id;
    await capture?.switchCamera();
    const now = capture?.obtained;
    if (now?.source === "camera" && now.id !== before) this.#choose(now.id || null);
    this.#tell(request);
  }

  async useFile(file: Blob): Promise<void> {
    this.#file = file;
    if (this.capture) await this.capture.useFile(file);
  }

  #capture(opened: Opened, size: CameraSize): Promise<MediaStreamTrack> {
    const { signal } = opened.scope;
    const wish = this.#wish(size);
    const impossible = wish.source === "camera" ? obstacle() : webrtcObstacle();
    if (impossible) return Promise.reject(impossible);
    const begin = (piece: CapturePiece) => {
      const capture = piece.open(
        wish,
        this.#file,
        {
          changed: () => this.#changed(opened),
          replaced: (track) => this.#replaced(opened, track),
          sounded: (track) => {
            this.events.sounded(track);
            this.#changed(opened);
          },
          ended: () => {
            if (this.#opened !== opened) return;
            this.close();
            this.events.ended();
          },
          trouble: (what) => this.trouble(what),
        },
        signal,
      );
      opened.capture = capture;
      return capture.track;
    };
    // Nothing is waited for where there is nothing to wait for.
    if (this.#piece) return begin(this.#piece);
    return this.#loading.then(begin, (error: Error) => {
      throw { reason: "media-failed", message: error.message } satisfies Refusal;
    });
  }

  #wish(size: CameraSize): Wish {
    const { model } = this.kernel;
    return {
      size,
      camera: this.#chosen ?? trait(model, "camera"),
      mirror: trait(model, "mirror"),
      source: trait(model, "source"),
      microphone: trait(model, "microphone"),
      muted: trait(model, "muted"),
    };
  }

  #change(wish: Partial<Wish>): void {
    void this.capture?.change(wish).catch(() => undefined); // what went wrong was told
  }

  #choose(id: string | null): void {
    this.#chosen = id;
    try {
      if (id) localStorage.setItem(CHOICE, id);
      else localStorage.removeItem(CHOICE);
    } catch {
      // A page without storage forgets.
    }
  }

  async #replaced(opened: Opened, track: MediaStreamTrack): Promise<void> {
    if (opened.scope.signal.aborted) return;
    opened.live = track;
    opened.track = Promise.resolve(track);
    await this.events.replaced(track);
  }

  #changed(opened: Opened): void {
    if (this.#opened !== opened) return;
    const cameras = opened.capture?.cameras;
    if (cameras?.length) this.cameras = cameras;
    this.#tell();
    this.events.changed();
  }

  /** Tells what could not be had, and takes the wish for it back. */
  trouble(what: Trouble): void {
    // What came to nothing is not asked for again with the next attempt.
    const { model } = this.kernel;
    const source = this.capture?.obtained?.source;
    if (source && source !== trait(model, "source")) model.set("source", source);
    if (what === "microphone-failed") model.set("microphone", false);
    model.save_changes();
    this.kernel.log.add("warning", what);
    this.kernel.send({ type: "trouble", code: what });
  }

  /** Tells the kernel what there is, when that is news or was asked for. */
  #tell(request: number | null = null): void {
    const { cameras } = this;
    const camera = this.#opened?.live ? (this.capture?.obtained ?? null) : null;
    const said = JSON.stringify([cameras, camera]);
    if (said === this.#said && request === null) return;
    this.#said = said;
    this.kernel.send({ type: "cameras", cameras: [...cameras], camera, request });
  }
}

function remembered(): string | null {
  try {
    return localStorage.getItem(CHOICE);
  } catch {
    return null;
  }
}
