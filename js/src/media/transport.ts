/** What a session asks of the way its picture travels; peer.ts is one such way. */

import type { ToBrowser, ToKernel, VideoOptions } from "../messages.ts";

/** Messages that a transport exchanges with the service by way of the kernel. */
export type Inbound = Extract<ToBrowser, { type: "answer" | "candidate" }>;
export type Outbound = Extract<ToKernel, { type: "offer" | "candidate" }>;

export interface TransportOptions {
  attempt: number;
  rtc: RTCConfiguration;
  video: VideoOptions;
  send(message: Outbound): void;
  /** The transformed picture; each attempt brings a new stream. */
  onStream(stream: MediaStream): void;
  onState(state: "connected" | "disconnected" | "failed"): void;
  /** Ends the transport, whatever it is doing. */
  signal: AbortSignal;
}

export interface Transport {
  readonly kind: "webrtc";
  /** Sends this camera track; may be called again with another one. */
  publish(track: MediaStreamTrack): Promise<void>;
  receive(message: Inbound): Promise<void>;
  stats(): Promise<RTCStatsReport>;
}
