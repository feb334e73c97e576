/** Options for livekit-client, from the kernel's; pure functions. */

import type { TrackPublishOptions } from "livekit-client";
import type { VideoOptions } from "../kernel/messages.ts";

/** Codecs with scalable layers inside one stream, which need no simulcast. */
const LAYERED = new Set(["vp9", "av1"]);

/**
 * How the camera is published.
 *
 * @param video bitrates in bit/s, frame rate in frames/s; `min_bitrate` has no place in a room
 * @param safari whether this is desktop Safari, which handles only VP8 reliably
 * @param known MIME types that this browser can send; empty where it doesn't say
 */
export function publishOptions(
  video: VideoOptions,
  safari: boolean,
  known: readonly string[] = [],
): TrackPublishOptions {
  const wanted = video.preferred_codec.toLowerCase();
  // livekit-client would announce H.264 also in a browser that can't send it (a Firefox that has not
  // downloaded its plugin yet).
  const lacks = known.length > 0 && !known.some((mime) => mime.toLowerCase() === `video/${wanted}`);
  const codec = safari || lacks ? "vp8" : wanted;
  return {
    videoCodec: codec as NonNullable<TrackPublishOptions["videoCodec"]>,
    videoEncoding: { maxBitrate: video.max_bitrate, maxFramerate: video.max_framerate },
    simulcast: !LAYERED.has(codec),
    // A backup codec is for subscribers that lack the first one; the service has all of them.
    backupCodec: false,
    // The model needs one resolution: when the network or the processor is short, drop frames.
    degradationPreference: "maintain-resolution",
  };
}

/**
 * The configuration of the room's peer connection. ICE servers in it would replace those that the room
 * announces, so ours are passed on only if a TURN server is among them.
 */
export function roomConfiguration(rtc: RTCConfiguration): RTCConfiguration {
  const { iceServers = [], ...rest } = rtc;
  const relays = iceServers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/i.test(url)));
  return relays ? rtc : rest;
}

/** Why a room failed, without URLs and tokens: livekit-client's errors quote the URL with the token. */
export function harmless(reason: unknown): string {
  const words = reason instanceof Error ? reason.message : String(reason);
  return words.replace(/\b[a-z]+:\/\/\S+|\beyJ[\w.-]+/gi, "…").slice(0, 200);
}
