/**
 * Bitrates that a browser takes from the answer: without a start bitrate a fresh connection climbs
 * from 300 kbit/s, and against a service with a shy congestion answer it stays there.
 */

import type { VideoOptions } from "../kernel/messages.ts";

/** In bit/s. */
export type Bitrates = Pick<VideoOptions, "max_bitrate" | "min_bitrate" | "start_bitrate">;

const CODECS = /^(VP8|VP9|H264|AV1)$/i;

/**
 * The answer with `x-google-{start,min,max}-bitrate` (kbit/s) on every video codec of it.
 *
 * The encoder keeps to the maximum that its sender was given, whatever the connection may carry.
 *
 * @param sdp the answer as it came
 */
export function withBitrates(sdp: string, rates: Bitrates): string {
  const max = Math.round(Math.max(rates.max_bitrate, rates.start_bitrate) / 1000);
  const min = Math.round(Math.min(rates.min_bitrate, rates.max_bitrate) / 1000);
  const start = Math.max(min, Math.round(rates.start_bitrate / 1000));
  const wanted = {
    "x-google-min-bitrate": min,
    "x-google-start-bitrate": start,
    "x-google-max-bitrate": max,
  };
  return sdp
    .split(/(?=^m=)/m)
    .map((section) => (section.startsWith("m=video") ? video(section, wanted) : section))
    .join("");
}

function video(section: string, wanted: Record<string, number>): string {
  const end = section.includes("\r\n") ? "\r\n" : "\n";
  const lines = section.split(end);
  for (const map of section.matchAll(/^a=rtpmap:(\d+) ([^/\s]+)\//gm)) {
    const [, payload, codec] = map;
    if (!payload || !codec || !CODECS.test(codec)) continue;
    const prefix = `a=fmtp:${payload} `;
    const at = lines.findIndex((line) => line.startsWith(prefix));
    const given = at < 0 ? "" : (lines[at] ?? "").slice(prefix.length);
    const kept = given
      .split(";")
      .filter((one) => one.trim() && !/^\s*x-google-(min|start|max)-bitrate=/.test(one));
    const added = Object.entries(wanted).map(([name, value]) => `${name}=${value}`);
    const line = prefix + [...kept, ...added].join(";");
    if (at >= 0) lines[at] = line;
    else lines.splice(lines.findIndex((l) => l.startsWith(`a=rtpmap:${payload} `)) + 1, 0, line);
  }
  return lines.join(end);
}
