/** Reduces WebRTC statistics (W3C webrtc-stats) to the few figures that are shown. */

import type { Sample } from "../kernel/messages.ts";

/** A sample for the kernel, with what tests, benchmarks and the next reading need besides. */
export interface Reading extends Sample {
  /** What the way of the video costs, for people; where it is not the usual one. */
  way?: string;
  /** Frames since the connection began. */
  framesDecoded: number;
  /** "VP8"; empty where it is unknown. */
  codec: string;
  /** How late the received video shows what the sent one has shown, in s, where pictures tell. */
  delay_s?: number | null;
  /** Counters so far, of which the next reading takes the differences; `at` is in ms. */
  totals: { at: number; frames: number; bytes: number; received: number; lost: number };
}

type Report = { forEach(callback: (entry: Entry) => void): void };
type Entry = Record<string, unknown> & { id: string; type: string };

const number = (value: unknown): number => (typeof value === "number" ? value : 0);

/**
 * Reads the received video's statistics.
 *
 * @param previous the former reading; without it all rates are 0
 */
export function read(report: Report, previous?: Reading): Reading {
  const entries: Entry[] = [];
  report.forEach((entry) => {
    entries.push(entry);
  });
  const inbound = entries.find((e) => e.type === "inbound-rtp" && e.kind === "video");
  const pair = entries.find(
    (e) => e.type === "candidate-pair" && e.nominated && e.state === "succeeded",
  );
  const codec = entries.find((e) => e.id === inbound?.codecId);
  const totals = {
    at: number(inbound?.timestamp),
    frames: number(inbound?.framesDecoded),
    bytes: number(inbound?.bytesReceived),
    received: number(inbound?.packetsReceived),
    lost: number(inbound?.packetsLost),
  };
  const before = previous?.totals ?? totals;
  const seconds = (totals.at - before.at) / 1000;
  const rate = (change: number) => (seconds > 0 ? Math.max(0, change) / seconds : 0);
  const lost = Math.max(0, totals.lost - before.lost);
  const packets = lost + Math.max(0, totals.received - before.received);
  const rtt = pair?.currentRoundTripTime;
  return {
    fps: Math.round(rate(totals.frames - before.frames) * 10) / 10,
    width: number(inbound?.frameWidth),
    height: number(inbound?.frameHeight),
    rtt_s: typeof rtt === "number" ? rtt : null,
    loss: packets ? Math.round((lost / packets) * 1e4) / 1e4 : 0,
    bitrate: Math.round(rate((totals.bytes - before.bytes) * 8)),
    framesDecoded: totals.frames,
    codec: String(codec?.mimeType ?? "").replace(/^video\//, ""),
    totals,
  };
}
