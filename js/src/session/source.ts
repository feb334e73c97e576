/**
 * What a session sends: the camera, screen, file or test pattern that the traits ask for, and what was
 * obtained.
 *
 * Opening it and processing its picture is the chunk `capture`. This is the part that must exist
 * before that chunk has come, and that outlives a single capture: the camera that was chosen in this page.
 */

import type {
  CameraInfo,
  CameraSize,
  Capture,
  CaptureChunk,
  CaptureSettings,
  Refusal,
  Trouble,
} from "../capture/types.ts";
import type { Load } from "../host.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { setTrait, trait } from "./model.ts";

/** The chosen camera's key in `localStorage`; its id means nothing on another origin. */
const CHOSEN_CAMERA_KEY = "decart-widget.camera";
/** Troubles that don't mean that the requested source failed. */
const KEEPS_SOURCE = /^microphone|missing$/;
/** The traits that may change while a capture is open. */
const CAPTURE_TRAITS = [
  "camera",
  "mirror",
  "orientation",
  "source",
  "microphone",
  "muted",
] as const;

/** What a source reports to its session, and asks of it. */
interface SourceEvents {
  changed(): void;
  /** Another track is to be sent from now on. */
  trackReplaced(track: MediaStreamTrack): Promise<void>;
  /** The microphone's sound is on this track from now on; null for none. */
  microphoneChanged(track: MediaStreamTrack | null): void;
  /** Whether a microphone that is switched on now can be sent now. */
  canSendSound(): boolean;
  /** The camera was unplugged, or the screen is no longer shared. */
  ended(): void;
  /** Nothing could be opened. */
  refused(refusal: Refusal): void;
}

/** What is open, or is being opened. */
interface Opened {
  scope: AbortController;
  /** What is sent; another track after a change. */
  track: Promise<MediaStreamTrack>;
  capture: Capture | null;
  /** The same track, once it is open. */
  openTrack: MediaStreamTrack | null;
}

/** What a session sends. */
export class Source {
  /** The last known list of cameras. */
  cameras: readonly CameraInfo[] = [];

  #opened: Opened | null = null;
  #chunk: CaptureChunk | null = null;
  readonly #loading: Promise<CaptureChunk>;
  /** The id of the camera that was chosen in this page; it is no trait. */
  #chosenCamera: string | null = storedCamera();
  /** The last file that was given, for the next capture. */
  #file: Blob | null = null;
  /** The last `cameras` message, to send none that says the same. */
  #lastSent = "";
  readonly #kernel: Kernel;
  readonly #events: SourceEvents;

  constructor(kernel: Kernel, load: Load, events: SourceEvents) {
    this.#kernel = kernel;
    this.#events = events;
    // Loaded at once, so that a click on Start need not wait for it.
    this.#loading = load("capture").then((chunk) => {
      this.#chunk = chunk as CaptureChunk;
      return this.#chunk;
    });
    this.#loading.catch(() => undefined); // `open` rejects for the same reason
  }

  /** Whether something is open or is being opened. */
  get isOpen(): boolean {
    return this.#opened !== null;
  }

  /** What is open, once the chunk `capture` has come. */
  get capture(): Capture | null {
    return this.#opened?.capture ?? null;
  }

  /** Whether a camera, and not a screen, file or pattern, is sent. */
  get isCameraOn(): boolean {
    return this.#opened?.openTrack != null && this.capture?.obtained?.source === "camera";
  }

  /** The size of what is sent, and comes back: the model's, turned for a portrait. */
  get size(): CameraSize {
    return this.oriented(trait(this.#kernel.model, "_media"));
  }

  /** A model's landscape size in the orientation that the trait asks for. */
  oriented<S extends CameraSize>(size: S): S {
    if (trait(this.#kernel.model, "orientation") !== "portrait") return size;
    return { ...size, width: size.height, height: size.width };
  }

  /** Lists the cameras, and sends the list, where the browser names them without asking. */
  listCameras(): void {
    this.#loading
      .then((chunk) => chunk.list())
      .then((cameras) => {
        if (this.#opened || !cameras.some(({ label }) => label)) return;
        this.cameras = cameras;
        this.#sendCameras();
        this.#events.changed();
      })
      .catch(() => undefined);
  }

  /**
   * The track that is sent from now on; opens it unless it is open.
   *
   * @throws {Refusal} as a rejection, which is also reported by the event `refused`
   */
  open(size: CameraSize): Promise<MediaStreamTrack> {
    if (this.#opened && this.#opened.openTrack?.readyState !== "ended") {
      this.onTrait("microphone"); // the attempt before this one may have had no place for sound
      return this.#opened.track;
    }
    this.close();
    const opened: Opened = {
      scope: new AbortController(),
      track: new Promise(() => undefined),
      capture: null,
      openTrack: null,
    };
    this.#opened = opened;
    opened.track = this.#capture(opened, size);
    opened.track.then(
      (track) => {
        if (opened.scope.signal.aborted) return;
        opened.openTrack = track;
        this.#onCaptureChanged(opened);
      },
      (refusal: Refusal) => this.#opened === opened && this.#events.refused(refusal),
    );
    return opened.track;
  }

  /** Turns the camera off. */
  close(): void {
    const opened = this.#opened;
    this.#opened = null;
    if (!opened) return;
    opened.openTrack = null;
    opened.scope.abort();
    this.#sendCameras();
  }

  /** A trait has changed: applies it to what is open. */
  onTrait(name: string): void {
    if (!(CAPTURE_TRAITS as readonly string[]).includes(name)) return;
    // A camera that is named by the trait replaces one that was chosen in the page before.
    if (name === "camera") this.#storeCamera(null);
    const settings = this.#settings(this.size);
    if (
      name === "microphone" &&
      settings.microphone &&
      this.capture &&
      !this.#events.canSendSound()
    ) {
      this.reportTrouble("microphone-later");
      return;
    }
    this.#change(
      name === "orientation" ? { size: settings.size } : { [name]: settings[name as "camera"] },
    );
  }

  /** Sends the camera of this id, which was chosen in this page. */
  chooseCamera(id: string): void {
    this.#storeCamera(id);
    this.#change({ camera: id, source: "camera" });
    setTrait(this.#kernel.model, "source", "camera");
  }

  /**
   * Sends the next camera.
   *
   * @param request the number of the kernel's request, where the kernel asked for it
   */
  async switchCamera(request?: number): Promise<void> {
    const { capture } = this;
    const before = capture?.obtained?.id;
    await capture?.switchCamera();
    const now = capture?.obtained;
    if (now?.source === "camera" && now.id !== before) this.#storeCamera(now.id || null);
    this.#sendCameras(request);
  }

  /** Sends a video file in the camera's place, now or from the next start on. */
  async useFile(file: Blob): Promise<void> {
    this.#file = file;
    await this.capture?.useFile(file);
    const obtained = this.capture?.obtained;
    if (!obtained || obtained.source === "file") setTrait(this.#kernel.model, "source", "file");
  }

  /** Tells the kernel what could not be obtained, and resets the trait that asked for it. */
  reportTrouble(code: Trouble): void {
    // The next attempt must not ask for it again.
    const { model } = this.#kernel;
    const source = this.capture?.obtained?.source;
    if (source && source !== trait(model, "source") && !KEEPS_SOURCE.test(code))
      model.set("source", source);
    if (code === "microphone-failed") model.set("microphone", false);
    model.save_changes();
    this.#kernel.log.add("warning", code);
    this.#kernel.send({ type: "trouble", code });
  }

  /** Opens what the traits ask for. */
  #capture(opened: Opened, size: CameraSize): Promise<MediaStreamTrack> {
    const { signal } = opened.scope;
    const settings = this.#settings(size);
    const begin = (chunk: CaptureChunk) => {
      const capture = chunk.open(
        settings,
        this.#file,
        {
          changed: () => this.#onCaptureChanged(opened),
          replaced: (track) => this.#onTrackReplaced(opened, track),
          microphoneChanged: (track) => {
            this.#events.microphoneChanged(track);
            this.#onCaptureChanged(opened);
          },
          ended: () => {
            if (this.#opened !== opened) return;
            this.close();
            this.#events.ended();
          },
          trouble: (code) => this.reportTrouble(code),
        },
        signal,
      );
      opened.capture = capture;
      return capture.track;
    };
    // Without a wait where the chunk is here: some browsers ask only while a click is handled.
    if (this.#chunk) return begin(this.#chunk);
    return this.#loading.then(begin, (error: Error) => {
      throw { reason: "media-failed", message: error.message } satisfies Refusal;
    });
  }

  #settings(size: CameraSize): CaptureSettings {
    const { model } = this.#kernel;
    return {
      size,
      camera: this.#chosenCamera ?? trait(model, "camera"),
      mirror: trait(model, "mirror"),
      source: trait(model, "source"),
      microphone: trait(model, "microphone"),
      muted: trait(model, "muted"),
    };
  }

  #change(settings: Partial<CaptureSettings>): void {
    void this.capture?.change(settings).catch(() => undefined); // a failure comes as `trouble`
  }

  #storeCamera(id: string | null): void {
    this.#chosenCamera = id;
    try {
      if (id) localStorage.setItem(CHOSEN_CAMERA_KEY, id);
      else localStorage.removeItem(CHOSEN_CAMERA_KEY);
    } catch {
      // A page without storage forgets the choice when it is reloaded.
    }
  }

  async #onTrackReplaced(opened: Opened, track: MediaStreamTrack): Promise<void> {
    if (opened.scope.signal.aborted) return;
    opened.openTrack = track;
    opened.track = Promise.resolve(track);
    await this.#events.trackReplaced(track);
  }

  #onCaptureChanged(opened: Opened): void {
    if (this.#opened !== opened) return;
    const cameras = opened.capture?.cameras;
    if (cameras?.length) this.cameras = cameras;
    this.#sendCameras();
    this.#events.changed();
  }

  /** Sends the list of cameras and what is open, where it has changed or the kernel asked for it. */
  #sendCameras(request: number | null = null): void {
    const { cameras } = this;
    const camera = this.#opened?.openTrack ? (this.capture?.obtained ?? null) : null;
    const content = JSON.stringify([cameras, camera]);
    if (content === this.#lastSent && request === null) return;
    this.#lastSent = content;
    this.#kernel.send({ type: "cameras", cameras: [...cameras], camera, request });
  }
}

function storedCamera(): string | null {
  try {
    return localStorage.getItem(CHOSEN_CAMERA_KEY);
  } catch {
    return null;
  }
}
