/**
 * Puts bitrates into an answer, where Chromium reads them. Without a start bitrate the bandwidth estimate
 * of a new connection starts at 300 kbit/s, and it stays there if the remote side sends little feedback.
 */

import type { VideoOptions } from "../kernel/messages.ts";

/** The encoder's limits and the first estimate, in bit/s. */
export type Bitrates = Pick<VideoOptions, "max_bitrate" | "min_bitrate" | "start_bitrate">;

/** The codecs that get the parameters; rtx, red and the like are left alone. */
const CODECS = /^(VP8|VP9|H264|AV1)$/i;

/**
 * The answer with `x-google-{start,min,max}-bitrate` (kbit/s) for each of its video codecs.
 *
 * The start bitrate may exceed the encoder's maximum: the sender's `maxBitrate` still limits the encoder.
 *
 * @param sdp the answer as the service sent it
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
