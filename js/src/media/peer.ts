/**
 * The chunk `peer`: the transport that exchanges offer and answer with the service. One transceiver sends
 * the camera's video and receives the transformed one; where a microphone is wanted a second one does the
 * same with sound.
 *
 * The offer is made without waiting for the camera: `replaceTrack` adds the track when the camera is open,
 * without another offer.
 */

import { sendKeyframe } from "./keyframe.ts";
import { withBitrates } from "./sdp.ts";
import { read } from "./stats.ts";
import type { Inbound, Transport, TransportOptions } from "./transport.ts";
import { watchdog } from "./watchdog.ts";

/** Retransmission and error correction, which serve all codecs: they are listed behind the codecs. */
const AUXILIARY = /\/(rtx|red|ulpfec|flexfec-03)$/i;

/** Candidates that are kept until the answer comes; more than any service sends before it. */
const MAX_EARLY_CANDIDATES = 256;

/** Opens the transport; see `OpenTransport`. */
export function open(options: TransportOptions): Transport {
  const { attempt, video, signal, send } = options;
  const peer = new RTCPeerConnection(options.rtc);
  // Candidates that come before the answer: they can be added only after it.
  const early: RTCIceCandidateInit[] = [];
  let answered = false;

  signal.addEventListener("abort", () => peer.close(), { once: true });
  peer.addEventListener("icecandidate", ({ candidate }) => {
    if (signal.aborted) return;
    send({
      type: "candidate",
      attempt,
      candidate: candidate && {
        candidate: candidate.candidate,
        sdpMid: candidate.sdpMid,
        sdpMLineIndex: candidate.sdpMLineIndex,
      },
    });
  });
  peer.addEventListener("connectionstatechange", () => {
    const state = peer.connectionState;
    if (state === "connected" || state === "disconnected" || state === "failed") {
      options.onState(state);
    }
  });
  const received = new MediaStream();
  peer.addEventListener("track", ({ track }) => {
    received.addTrack(track);
    if (received.getVideoTracks().length) options.onStream(received);
  });

  const sent = new MediaStream();
  const transceiver = peer.addTransceiver("video", {
    direction: "sendrecv",
    streams: [sent],
    sendEncodings: [{ maxBitrate: video.max_bitrate, maxFramerate: video.max_framerate }],
  });
  const codecs = preferred(
    RTCRtpReceiver.getCapabilities?.("video")?.codecs,
    video.preferred_codec,
  );
  if (codecs.length) transceiver.setCodecPreferences?.(codecs);
  keepResolution(transceiver.sender);
  const voice = options.sound
    ? peer.addTransceiver("audio", { direction: "sendrecv", streams: [sent] })
    : null;

  // A failed offer or answer counts as a failed connection.
  const fail = () => signal.aborted || options.onState("failed");
  peer
    .setLocalDescription()
    .then(() => {
      const sdp = peer.localDescription?.sdp;
      if (!signal.aborted && sdp) send({ type: "offer", attempt, sdp });
    })
    .catch(fail);

  const add = (candidate: RTCIceCandidateInit | null) =>
    // A candidate that this browser can't use is skipped: another one may connect.
    peer.addIceCandidate(candidate ?? undefined).catch(() => undefined);

  return {
    kind: "webrtc",
    publish: (track) => transceiver.sender.replaceTrack(track),
    sendSound: async (track) => voice?.sender.replaceTrack(track),
    measure: async (previous) => read(await peer.getStats(), previous),
    watch: (...what) => watchdog(...what, signal, () => sendKeyframe(transceiver.sender)),
    async receive(message: Inbound) {
      if (message.type === "candidate") {
        const candidate = message.candidate ?? { candidate: "" };
        if (answered) await add(candidate);
        else if (early.length < MAX_EARLY_CANDIDATES) early.push(candidate);
        return;
      }
      if (message.type !== "answer") return;
      try {
        const sdp = withBitrates(message.sdp, video);
        await peer.setRemoteDescription({ type: "answer", sdp });
        answered = true;
        await Promise.all(early.splice(0).map(add));
      } catch {
        fail();
      }
    },
  };
}

/**
 * Lets a sender drop frames rather than shrink the picture where network or processor are short: the model
 * needs one resolution. Without this Firefox sends 960×540 for the first 10 s.
 */
function keepResolution(sender: RTCRtpSender): void {
  const parameters = { ...sender.getParameters(), degradationPreference: "maintain-resolution" };
  // A browser that doesn't know it chooses by itself.
  sender.setParameters(parameters as RTCRtpSendParameters).catch(() => undefined);
}

/**
 * Codecs in order of preference: the named one, the others in the browser's order, then the mechanisms
 * that serve all codecs.
 *
 * @param name a codec's name in any case: "H264"
 */
export function preferred(codecs: RTCRtpCodec[] | undefined, name: string): RTCRtpCodec[] {
  const wanted = `video/${name}`.toLowerCase();
  const rank = ({ mimeType }: RTCRtpCodec) =>
    AUXILIARY.test(mimeType) ? 2 : mimeType.toLowerCase() === wanted ? 0 : 1;
  return [...(codecs ?? [])].sort((a, b) => rank(a) - rank(b));
}
