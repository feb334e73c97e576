/**
 * The interface between a session and its transports: peer.ts (offer and answer), room.ts (LiveKit),
 * ../pictures (a session in the kernel).
 */

import type { Load } from "../host.ts";
import type { ToBrowser, ToKernel, VideoOptions } from "../kernel/messages.ts";
import type { Reading } from "./stats.ts";
import type { Stall, Watched } from "./watchdog.ts";

/** Messages from the service, passed on by the kernel; or the kernel's own about pictures. */
export type Inbound = Extract<
  ToBrowser,
  { type: "answer" | "candidate" | "room" | "picture" | "camera-credit" }
>;
/** Messages to the service, passed on by the kernel; or about what the kernel shows and sends. */
type Outbound = Extract<
  ToKernel,
  { type: "offer" | "candidate" | "watch" | "shown" | "camera-frame" }
>;

/** `reconnecting`: the transport reconnects by itself; `failed`: it has given up. */
export type TransportState = "connected" | "reconnecting" | "disconnected" | "failed";

/** What a transport needs to know, and whom it reports to. */
export interface TransportOptions {
  attempt: number;
  rtc: RTCConfiguration;
  video: VideoOptions;
  /** The video to be sent, in pixels; null where nothing is sent. */
  camera: { width: number; height: number } | null;
  /** Whether to prepare for a microphone's sound, now or later. */
  sound: boolean;
  /** Sends a message to the service, or to the kernel; `data` is the binary part of a frame. */
  send(message: Outbound, data?: ArrayBuffer): void;
  /**
   * Called with the stream that holds the transformed video; again with another stream after a
   * reconnect, and with the same one when sound was added.
   */
  onStream(stream: MediaStream): void;
  /** Called with the stream that `showSent` asked for; with null when it has ended. */
  onSent(stream: MediaStream | null): void;
  onState(state: TransportState, detail?: Record<string, unknown>): void;
  /** Closes the transport, whatever it is doing. */
  signal: AbortSignal;
}

/** A connection to the service. It never stops the tracks that it is given. */
export interface Transport {
  readonly kind: "webrtc" | "livekit" | "kernel";
  /** Sends this video track in place of the former one. */
  publish(track: MediaStreamTrack): Promise<void>;
  /** Sends this microphone track in place of the former one; null for none. */
  sendSound(track: MediaStreamTrack | null): Promise<void>;
  /**
   * Takes a message from the service.
   *
   * @param data the binary part of a picture
   */
  receive(message: Inbound, data?: BufferSource): Promise<void>;
  /**
   * Reads the statistics now; null where there are none.
   *
   * @param previous the former reading, for rates
   */
  measure(previous?: Reading): Promise<Reading | null>;
  /** Detects a received video that has stopped; see `watchdog`. */
  watch(watched: Watched, isDue: () => boolean, onStall: (reason: Stall) => void): void;
  /** This element of a view shows the stream; for a transport that sends only what a person can see. */
  showOn?(screen: HTMLVideoElement): void;
  /** Shows what the kernel sends, as `onSent`, until the signal; for a transport of the kernel's. */
  showSent?(signal: AbortSignal): void;
  /** Shows pictures as large as they are until the signal; resolves when the stream has one. */
  showWhole?(signal: AbortSignal): Promise<void>;
}

/** What the chunks `peer`, `room` and `kernel` export as `open`. */
export type OpenTransport = (options: TransportOptions) => Transport;

/**
 * Opens a transport whose chunk may not have been loaded yet: calls of its methods wait for that. If the
 * chunk can't be loaded, the state `failed` is reported.
 */
export function openWith(load: Load, kind: Transport["kind"]): OpenTransport {
  return (options) => {
    const name = kind === "kernel" ? kind : kind === "livekit" ? "room" : "peer";
    const opening = load(name).then((chunk) => {
      if (options.signal.aborted) throw Error("The attempt has ended.");
      return (chunk as { open: OpenTransport }).open(options);
    });
    opening.catch((error) => options.onState("failed", { reason: String(error) }));
    const opened = opening.catch(() => null);
    return {
      kind,
      publish: async (track) => (await opened)?.publish(track),
      sendSound: async (track) => (await opened)?.sendSound(track),
      receive: async (...what) => (await opened)?.receive(...what),
      measure: async (previous) => (await opened)?.measure(previous) ?? null,
      watch: async (...what) => (await opened)?.watch(...what),
      showOn: async (screen) => (await opened)?.showOn?.(screen),
      showSent: async (wish) => (await opened)?.showSent?.(wish),
      showWhole: async (wish) => (await opened)?.showWhole?.(wish),
    };
  };
}
