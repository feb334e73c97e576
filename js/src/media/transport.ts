/** What a session asks of the way its picture travels: peer.ts is one such way, room.ts another. */

import type { Load } from "../host.ts";
import type { ToBrowser, ToKernel, VideoOptions } from "../kernel/messages.ts";
import type { Reading } from "./stats.ts";

/** Messages that a transport exchanges with the service by way of the kernel. */
export type Inbound = Extract<ToBrowser, { type: "answer" | "candidate" | "room" }>;
export type Outbound = Extract<ToKernel, { type: "offer" | "candidate" }>;

/** `reconnecting`: the transport is at it by itself; `failed`: it has given up. */
export type TransportState = "connected" | "reconnecting" | "disconnected" | "failed";

export interface TransportOptions {
  attempt: number;
  rtc: RTCConfiguration;
  video: VideoOptions;
  /** Pixels of the camera that is being opened; null where nothing is sent. */
  camera: { width: number; height: number } | null;
  /** Whether a microphone's sound is to be sent, now or later. */
  sound: boolean;
  send(message: Outbound): void;
  /**
   * The transformed picture; each attempt brings a new stream, and a reconnect may bring more. Told
   * again when sound has joined it.
   */
  onStream(stream: MediaStream): void;
  onState(state: TransportState, detail?: Record<string, unknown>): void;
  /** Ends the transport, whatever it is doing. */
  signal: AbortSignal;
}

export interface Transport {
  readonly kind: "webrtc" | "livekit";
  /** Sends this camera track; may be called again with another one. It never stops the track. */
  publish(track: MediaStreamTrack): Promise<void>;
  /** Sends the microphone's sound from now on; null for none. Never stops the track. */
  sendSound(track: MediaStreamTrack | null): Promise<void>;
  receive(message: Inbound): Promise<void>;
  /** @param previous the reading before, for rates */
  measure(previous?: Reading): Promise<Reading | null>;
}

export type OpenTransport = (options: TransportOptions) => Transport;

/**
 * Opens a transport, whose code is a piece of its own that may not have come yet; what is asked of
 * the transport meanwhile waits for that.
 */
export function openWith(load: Load, kind: Transport["kind"]): OpenTransport {
  return (options) => {
    const opening = load(kind === "livekit" ? "room" : "peer").then((piece) => {
      if (options.signal.aborted) throw Error("too late");
      return (piece as { open: OpenTransport }).open(options);
    });
    opening.catch((error) => options.onState("failed", { reason: String(error) }));
    const once = opening.catch(() => null);
    return {
      kind,
      publish: async (track) => (await once)?.publish(track),
      sendSound: async (track) => (await once)?.sendSound(track),
      receive: async (message) => (await once)?.receive(message),
      measure: async (previous) => (await once)?.measure(previous) ?? null,
    };
  };
}
