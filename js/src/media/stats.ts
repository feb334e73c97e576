/** A connection's statistics, once a second, in the few figures that a person can use. */

import type { Sample } from "../kernel/messages.ts";

/** A sample, with what tests and benchmarks want to know besides. */
export interface Reading extends Sample {
  framesDecoded: number;
  codec: string;
  /** Sums so far, for the next reading's differences. */
  totals: { at: number; frames: number; bytes: number; received: number; lost: number };
}

type Report = Pick<RTCStatsReport, "forEach">;
type Entry = Record<string, unknown> & { id: string; type: string };

const number = (value: unknown): number => (typeof value === "number" ? value : 0);

/**
 * What the report says of the received video.
 *
 * @param previous the reading before, for rates; without it rates are 0
 */
export function read(report: Report, previous?: Reading): Reading {
  const entries: Entry[] = [];
  report.forEach((entry: Entry) => {
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
