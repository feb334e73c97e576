/**
 * Bitrates that a browser takes from the answer: without a start bitrate a fresh connection climbs
 * from 300 kbit/s, and against a service with a shy congestion answer it stays there.
 */

const CODECS = /^(VP8|VP9|H264|AV1)$/i;
/** Where a picture of 1280x720 is good from its first frame on (bit/s). */
const START_BITRATE = 3_000_000;

/**
 * The answer with `x-google-{start,min,max}-bitrate` (kbit/s) on every video codec of it.
 *
 * @param sdp the answer as it came
 * @param maxBitrate bit/s; also the start where it is below 3 Mbit/s
 * @param minBitrate bit/s
 */
export function withBitrates(sdp: string, maxBitrate: number, minBitrate: number): string {
  const max = Math.round(maxBitrate / 1000);
  const min = Math.round(Math.min(minBitrate, maxBitrate) / 1000);
  const start = Math.max(min, Math.round(Math.min(maxBitrate, START_BITRATE) / 1000));
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
