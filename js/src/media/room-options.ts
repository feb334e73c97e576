/** What is asked of a room, from the kernel's options: no page, no room. */

import type { TrackPublishOptions } from "livekit-client";
import type { VideoOptions } from "../kernel/messages.ts";

/** Codecs that carry their layers inside one stream, and are not sent as several. */
const LAYERED = new Set(["vp9", "av1"]);

/**
 * How the camera is published.
 *
 * @param video bitrates in bit/s, frame rate in frames/s; `min_bitrate` has no place in a room
 * @param safari desktop Safari sends and shows VP8 alone without trouble
 * @param known MIME types of what this browser sends; nothing where it doesn't say
 */
export function publishOptions(
  video: VideoOptions,
  safari: boolean,
  known: readonly string[] = [],
): TrackPublishOptions {
  const wanted = video.preferred_codec.toLowerCase();
  // A browser without H.264 (a Firefox whose plugin has not come yet) would announce what it can't send.
  const lacks = known.length > 0 && !known.some((mime) => mime.toLowerCase() === `video/${wanted}`);
  const codec = safari || lacks ? "vp8" : wanted;
  return {
    videoCodec: codec as NonNullable<TrackPublishOptions["videoCodec"]>,
    videoEncoding: { maxBitrate: video.max_bitrate, maxFramerate: video.max_framerate },
    simulcast: !LAYERED.has(codec),
    // A second encoding for those who lack the first: nobody in this room does.
    backupCodec: false,
    // The model has one size. Where the network or the processor is short, rather fewer pictures.
    degradationPreference: "maintain-resolution",
  };
}

/**
 * The connection's configuration: the room brings its own ICE servers, which ours would replace, so
 * they are passed on only where they can do what the room's may not: relay.
 */
export function roomConfiguration(rtc: RTCConfiguration): RTCConfiguration {
  const { iceServers = [], ...rest } = rtc;
  const relays = iceServers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/i.test(url)));
  return relays ? rtc : rest;
}

/** Words for why a room failed: without the token, which is in the address that errors name. */
export function harmless(reason: unknown): string {
  const words = reason instanceof Error ? reason.message : String(reason);
  return words.replace(/\b[a-z]+:\/\/\S+|\beyJ[\w.-]+/gi, "…").slice(0, 200);
}
