/**
 * Offer and answer with the service: one video transceiver carries the camera up and the
 * transformed picture back; a second one does so with sound, where a microphone is wished for.
 *
 * The offer is made without waiting for the camera: the transceiver exists at once and the track
 * joins it when the camera is open, without a second offer.
 */

import { withBitrates } from "./sdp.ts";
import { read } from "./stats.ts";
import type { Inbound, Transport, TransportOptions } from "./transport.ts";

/** Mechanisms that belong to all codecs; they stay behind the codecs themselves. */
const AUXILIARY = /\/(rtx|red|ulpfec|flexfec-03)$/i;

/** More candidates than any service sends before its answer. */
const EARLY_MAX = 256;

export function open(options: TransportOptions): Transport {
  const { attempt, video, signal, send } = options;
  const peer = new RTCPeerConnection(options.rtc);
  // What came before the answer waits for it: a candidate has nowhere to go without one.
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
  const voice = options.sound
    ? peer.addTransceiver("audio", { direction: "sendrecv", streams: [sent] })
    : null;

  // A failure here shows as a failed connection, like every other.
  const fail = () => signal.aborted || options.onState("failed");
  peer
    .setLocalDescription()
    .then(() => {
      const sdp = peer.localDescription?.sdp;
      if (!signal.aborted && sdp) send({ type: "offer", attempt, sdp });
    })
    .catch(fail);

  const add = (candidate: RTCIceCandidateInit | null) =>
    // A candidate that this browser can't use is no reason to stop; the others may do.
    peer.addIceCandidate(candidate ?? undefined).catch(() => undefined);

  return {
    kind: "webrtc",
    publish: (track) => transceiver.sender.replaceTrack(track),
    sendSound: async (track) => voice?.sender.replaceTrack(track),
    measure: async (previous) => read(await peer.getStats(), previous),
    async receive(message: Inbound) {
      if (message.type === "candidate") {
        const candidate = message.candidate ?? { candidate: "" };
        if (answered) await add(candidate);
        else if (early.length < EARLY_MAX) early.push(candidate);
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

/** The preferred codec first, the others in the browser's order, then what serves all codecs. */
export function preferred(codecs: RTCRtpCodec[] | undefined, name: string): RTCRtpCodec[] {
  const wanted = `video/${name}`.toLowerCase();
  const rank = ({ mimeType }: RTCRtpCodec) =>
    AUXILIARY.test(mimeType) ? 2 : mimeType.toLowerCase() === wanted ? 0 : 1;
  return [...(codecs ?? [])].sort((a, b) => rank(a) - rank(b));
}
