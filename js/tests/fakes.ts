/** Fakes of a host's model and of browser APIs: cameras, peer connections, rooms, MediaRecorder. */

import { vi } from "vitest";
import * as capture from "../src/capture/index.ts";
import * as deck from "../src/deck/index.ts";
import type { HostModel, Listener } from "../src/host.ts";
import type { Prepare } from "../src/kernel/messages.ts";
import * as peer from "../src/media/peer.ts";
import { read } from "../src/media/stats.ts";
import type {
  Inbound,
  Transport,
  TransportOptions,
  TransportState,
} from "../src/media/transport.ts";
import { watchdog } from "../src/media/watchdog.ts";
import * as kernel from "../src/pictures/index.ts";
import * as take from "../src/take/index.ts";
import * as tools from "../src/tools/index.ts";

export type Message = Record<string, unknown> & { type: string };

export class FakeModel implements HostModel {
  readonly sent: Message[] = [];
  saves = 0;
  readonly #handlers = new Map<string, Set<Listener>>();
  readonly #state: Record<string, unknown>;

  constructor(state: Record<string, unknown> = {}) {
    this.#state = state;
  }

  get(name: string): unknown {
    return this.#state[name];
  }

  set(name: string, value: unknown): void {
    if (this.#state[name] === value) return;
    this.#state[name] = value;
    this.emit(`change:${name}`, value);
  }

  save_changes(): void {
    this.saves++;
  }

  /** The binary part of each message in `sent`, at the same index. */
  readonly buffers: (ArrayBuffer | ArrayBufferView | undefined)[] = [];

  send(content: unknown, _callbacks?: unknown, buffers?: (ArrayBuffer | ArrayBufferView)[]): void {
    this.sent.push(structuredClone(content) as Message);
    this.buffers.push(buffers?.[0]);
  }

  on(name: string, callback: Listener): void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(callback));
  }

  off(name: string, callback: Listener): void {
    this.#handlers.get(name)?.delete(callback);
  }

  emit(name: string, payload?: unknown, buffers?: BufferSource[]): void {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) handler(payload, buffers);
  }

  /** Delivers a message as if the kernel had sent it. */
  receive(message: unknown, buffers: BufferSource[] = []): void {
    this.emit("msg:custom", message, buffers);
  }

  get listeners(): number {
    return [...this.#handlers.values()].reduce((sum, handlers) => sum + handlers.size, 0);
  }

  get pageId(): string {
    return String(this.sent[0]?.page_id);
  }

  all(type: string): Message[] {
    return this.sent.filter((message) => message.type === type);
  }
}

export class FakeTrack extends EventTarget {
  readonly label: string;
  readyState = "live";
  enabled = true;
  constructor(readonly kind: "video" | "audio" = "video") {
    super();
    this.label = kind === "video" ? "fake camera" : "fake microphone";
  }
  stop(): void {
    this.readyState = "ended";
  }
  getSettings() {
    return { deviceId: "c1", width: 1280, height: 720, frameRate: 30 };
  }
}

export class FakeStream {
  constructor(readonly tracks: FakeTrack[] = []) {}
  getTracks() {
    return this.tracks;
  }
  getVideoTracks() {
    return this.tracks.filter(({ kind }) => kind === "video");
  }
  getAudioTracks() {
    return this.tracks.filter(({ kind }) => kind === "audio");
  }
  addTrack(track: FakeTrack): void {
    this.tracks.push(track);
  }
}

/** A camera; the test answers each call of `getUserMedia` with `open` or `refuse`. */
export class FakeCamera {
  readonly tracks: FakeTrack[] = [];
  readonly microphones: FakeTrack[] = [];
  /** The constraints of each call of `getUserMedia`. */
  readonly asked: MediaStreamConstraints[] = [];
  devices = [{ kind: "videoinput", deviceId: "c1", label: "fake camera" }];
  /** The camera's state in `navigator.permissions`. */
  permission = "prompt";
  #pending: {
    wanted: MediaStreamConstraints;
    open: (stream: FakeStream) => void;
    refuse: (error: unknown) => void;
  }[] = [];

  constructor() {
    vi.stubGlobal("isSecureContext", true);
    vi.stubGlobal("RTCPeerConnection", FakePeer);
    vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => ({ codecs: [] }) });
    vi.stubGlobal("MediaStream", FakeStream);
    const getUserMedia = (constraints: MediaStreamConstraints) => {
      this.asked.push(constraints);
      return new Promise((open, refuse) =>
        this.#pending.push({ wanted: constraints, open, refuse }),
      );
    };
    const enumerateDevices = async () => this.devices;
    const mediaDevices = { getUserMedia, enumerateDevices };
    const permissions = { query: async () => ({ state: this.permission }) };
    vi.stubGlobal("navigator", { userAgent: "Fake/1.0", mediaDevices, permissions });
  }

  /** Number of unanswered calls of `getUserMedia`. */
  get pending(): number {
    return this.#pending.length;
  }

  async open(): Promise<FakeTrack> {
    const next = this.#pending.shift();
    const [track, sound] = [new FakeTrack(), new FakeTrack("audio")];
    const stream = new FakeStream();
    if (next?.wanted.video !== false) {
      this.tracks.push(track);
      stream.addTrack(track);
    }
    if (next?.wanted.audio) {
      this.microphones.push(sound);
      stream.addTrack(sound);
    }
    next?.open(stream);
    await settled();
    return track;
  }

  async refuse(name: string): Promise<void> {
    this.#pending.shift()?.refuse(Object.assign(new Error(`${name} it is`), { name }));
    await settled();
  }

  get on(): boolean {
    return this.tracks.some((track) => track.readyState === "live");
  }
}

function inbound(framesDecoded: number) {
  const entry = { id: "in", type: "inbound-rtp", kind: "video", framesDecoded };
  return new Map([["in", { ...entry, frameWidth: 1280, frameHeight: 720 }]]);
}

export class FakePeer extends EventTarget {
  static made: FakePeer[] = [];
  connectionState = "new";
  localDescription: { sdp: string } | null = null;
  remote: { sdp: string } | null = null;
  readonly candidates: unknown[] = [];
  readonly log: string[] = [];
  track: unknown = null;
  /** The audio sender's track; null without a track, undefined without an audio transceiver. */
  voice: unknown;
  framesDecoded = 0;
  /** What was set for the video's sender last. */
  parameters: object = {};

  constructor(readonly configuration: RTCConfiguration) {
    super();
    FakePeer.made.push(this);
  }

  async createOffer() {
    return { type: "offer", sdp: "v=0\r\n" };
  }

  addTransceiver(kind: string, init: RTCRtpTransceiverInit = {}) {
    if (kind === "audio") {
      this.voice = null;
      const sendSound = async (track: unknown) => {
        this.voice = track;
      };
      return { sender: { replaceTrack: sendSound } };
    }
    this.log.push(`transceiver ${init.direction} ${init.sendEncodings?.[0]?.maxBitrate}`);
    const sender = {
      replaceTrack: async (track: unknown) => {
        this.track = track;
      },
      getParameters: () => ({ transactionId: "1", encodings: init.sendEncodings }),
      setParameters: async (parameters: object) => {
        this.parameters = parameters;
      },
    };
    return { sender, setCodecPreferences: () => undefined };
  }

  async setLocalDescription() {
    this.localDescription = { sdp: "v=0\r\n" };
  }

  async setRemoteDescription(description: { sdp: string }) {
    this.remote = description;
    this.log.push("answer");
  }

  async addIceCandidate(candidate: unknown) {
    this.candidates.push(candidate);
    this.log.push("candidate");
  }

  async getStats() {
    return inbound(this.framesDecoded);
  }

  close() {
    this.connectionState = "closed";
  }

  become(state: string) {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  emitTrack(kind: "video" | "audio" = "video") {
    this.dispatchEvent(Object.assign(new Event("track"), { track: new FakeTrack(kind) }));
  }

  static get last(): FakePeer {
    const peer = FakePeer.made.at(-1);
    if (!peer) throw new Error("no peer connection was made");
    return peer;
  }
}

/** Runs the microtasks that are queued, and those that they queue. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

export function prepare(model: FakeModel, attempt = 1): Prepare {
  return {
    type: "prepare",
    attempt,
    page_id: model.pageId,
    model: { name: "lucy-latest", fps: 30, width: 1280, height: 720 },
    video: {
      preferred_codec: "VP8",
      max_bitrate: 2_500_000,
      min_bitrate: 300_000,
      max_framerate: 26,
      start_bitrate: 2_500_000,
    },
    rtc: { iceServers: [] },
    timeout_s: 15,
  };
}

/** Rooms that the test controls; `last` holds the options of the newest one. */
export class FakeRooms {
  last: TransportOptions | undefined;
  readonly published: unknown[] = [];
  readonly received: Inbound[] = [];
  /** The microphone's track in each call of `sendSound`; null to mute. */
  readonly spoken: (MediaStreamTrack | null)[] = [];
  /** Whether publishing a microphone fails. */
  refusesSound = false;
  framesDecoded = 0;

  readonly load = async (name: string) => (name === "room" ? this.#room : chunkNamed(name));

  readonly #room = {
    open: (options: TransportOptions): Transport => {
      this.last = options;
      return {
        kind: "livekit",
        publish: async (track) => void this.published.push(track),
        receive: async (message) => void this.received.push(message),
        sendSound: async (track) => {
          if (this.refusesSound) throw Error("not published");
          this.spoken.push(track);
        },
        measure: async (previous) => read(inbound(this.framesDecoded), previous),
        watch: (...what) => watchdog(...what, options.signal, () => undefined),
      };
    },
  };

  become(state: TransportState, detail?: Record<string, unknown>): void {
    this.last?.onState(state, detail);
  }

  show(): void {
    this.last?.onStream(new FakeStream([new FakeTrack()]) as unknown as MediaStream);
  }
}

/** Loads every chunk but `room`. */
export const peers = async (name: string) => chunkNamed(name);

function chunkNamed(name: string): unknown {
  const found: unknown = { capture, peer, tools, take, kernel, deck }[name];
  if (!found) throw Error(`there is no chunk ${name}`);
  return found;
}

/** A MediaRecorder that delivers a few bytes after each time slice, and the last ones after `stop`. */
export class FakeRecorder {
  static made: FakeRecorder[] = [];
  static isTypeSupported = (type: string) => type === "video/webm";
  state = "inactive";
  mimeType = "video/webm";
  ondataavailable: (event: { data: Blob }) => void = () => undefined;
  onstop: () => void = () => undefined;
  onerror: () => void = () => undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(readonly stream: { tracks: FakeTrack[] }) {
    FakeRecorder.made.push(this);
  }

  start(slice: number): void {
    this.state = "recording";
    this.#timer = setInterval(() => this.#deliver(), slice);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.state = "inactive";
    setTimeout(() => {
      this.#deliver();
      this.onstop();
    });
  }

  #deliver(): void {
    this.ondataavailable({ data: new Blob(["some bytes"]) });
  }
}
