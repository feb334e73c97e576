/**
 * The chunk `room`: the transport through a LiveKit room, with livekit-client. The camera and the
 * microphone are published; the transformed video and sound are the tracks of the participant that the
 * service sends into the room.
 *
 * Nothing waits longer than it has to: the room connects while the camera opens, and the camera is
 * published as soon as the signalling is connected, before the peer connection is established.
 */

import {
  DisconnectReason,
  type LocalTrackPublication,
  LocalVideoTrack,
  type ReconnectContext,
  Room,
  RoomEvent,
  setLogLevel,
  Track,
} from "livekit-client";
import { liveTrack } from "./live-track.ts";
import { harmless, publishOptions, roomConfiguration } from "./room-options.ts";
import { desktopSafari } from "./safari.ts";
import { read } from "./stats.ts";
import type { Transport, TransportOptions } from "./transport.ts";

/**
 * Delays before livekit-client's own attempts to reconnect, in ms. After the last one the kernel takes
 * over with a new room, earlier than livekit-client's default would give up.
 */
const RETRY_DELAYS_MS = [0, 200, 500, 1000, 2000, 3000];

// States and failures are reported to the kernel and shown in the widget, so not in the console.
setLogLevel("silent");

/** Opens the transport; see `OpenTransport`. */
export function open(options: TransportOptions): Transport {
  const { signal } = options;
  const room = new Room({
    adaptiveStream: false,
    dynacast: false,
    // The session owns the camera, and ends the transport when the page goes.
    stopLocalTrackOnUnpublish: false,
    disconnectOnPageLeave: false,
    reconnectPolicy: {
      nextRetryDelayInMs: ({ retryCount }: ReconnectContext) => RETRY_DELAYS_MS[retryCount] ?? null,
    },
  });
  let shown: MediaStreamTrack | null = null;
  let stream = new MediaStream();
  let voice: Promise<LocalTrackPublication> | undefined;
  let sending: Promise<LocalVideoTrack> | undefined;
  let wasConnected = false;
  let over = false;

  const fail = (reason: unknown) => {
    if (over || signal.aborted) return;
    over = true;
    options.onState("failed", { reason: harmless(reason) });
  };
  const answered = new Promise<void>((resolve) => room.once(RoomEvent.SignalConnected, resolve));
  const newest = (kind: Track.Kind) =>
    liveTrack(
      [...room.remoteParticipants.values()].map(({ identity, trackPublications }) => ({
        identity,
        tracks: [...trackPublications.values()]
          .filter((one) => one.kind === kind)
          .map((one) => one.track?.mediaStreamTrack),
      })),
    );
  const choose = () => {
    const track = newest(Track.Kind.Video);
    if (signal.aborted) return;
    if (track && track !== shown) {
      shown = track;
      stream = new MediaStream([track]);
      options.onStream(stream);
    }
    const sound = newest(Track.Kind.Audio);
    if (!shown || !sound || stream.getAudioTracks().includes(sound)) return;
    for (const before of stream.getAudioTracks()) stream.removeTrack(before);
    stream.addTrack(sound);
    options.onStream(stream);
  };
  const connected = () => {
    wasConnected = true;
    if (!signal.aborted) options.onState("connected");
    choose();
  };

  room
    .on(RoomEvent.TrackSubscribed, choose)
    .on(RoomEvent.TrackUnsubscribed, choose)
    .on(RoomEvent.ParticipantDisconnected, choose)
    .on(RoomEvent.Connected, connected)
    .on(RoomEvent.Reconnected, connected)
    // SignalReconnecting is not listened to: losing the signalling socket alone leaves the media intact.
    .on(RoomEvent.Reconnecting, () => signal.aborted || options.onState("reconnecting"))
    .on(RoomEvent.Disconnected, (reason) => {
      // Before that the error of `connect` says more precisely why.
      if (wasConnected) fail(reason === undefined ? "disconnected" : DisconnectReason[reason]);
    });
  const send = (track: MediaStreamTrack) => {
    const local = new LocalVideoTrack(track, undefined, true);
    const { codecs = [] } = RTCRtpSender.getCapabilities?.("video") ?? {};
    const known = codecs.map(({ mimeType }) => mimeType);
    const how = publishOptions(options.video, desktopSafari(navigator), known);
    sending = answered.then(async () => {
      if (signal.aborted) return local;
      await room.localParticipant.publishTrack(local, { ...how, source: Track.Source.Camera });
      return local;
    });
    return sending;
  };
  const announce = async () => {
    if (!options.camera || !(await cameraIsAllowed())) return;
    await answered;
    if (!sending && !signal.aborted) await send(own(placeholderTrack(options.camera)));
  };
  /** Stops a track when the attempt ends. */
  const own = (track: MediaStreamTrack) => {
    signal.addEventListener("abort", () => track.stop(), { once: true });
    return track;
  };
  announce().catch(() => undefined); // if it fails for good, publishing the camera fails too

  signal.addEventListener("abort", () => void room.disconnect(false).catch(() => undefined), {
    once: true,
  });

  return {
    kind: "livekit",

    async publish(track) {
      // A copy: whatever the room does to it, stopping included, the session's track stays.
      const copy = own(track.clone());
      if (!sending) return void (await send(copy));
      const local = await sending;
      if (signal.aborted) return;
      const before = local.mediaStreamTrack;
      await local.replaceTrack(copy, true);
      before.stop();
      // A camera that was pulled out muted it.
      if (local.isMuted) await local.unmute();
    },

    async sendSound(track) {
      if (!voice) {
        if (!track) return;
        const { localParticipant } = room;
        // Published once; after that it is muted, and another track takes its place.
        voice = answered.then(() =>
          localParticipant.publishTrack(track, { source: Track.Source.Microphone }),
        );
        await voice.catch((error) => {
          voice = undefined; // the next one is published anew
          throw error;
        });
        return;
      }
      const { audioTrack } = await voice;
      if (signal.aborted) return;
      if (!track) return void (await audioTrack?.mute());
      await audioTrack?.replaceTrack(track, true);
      if (audioTrack?.isMuted) await audioTrack.unmute();
    },

    async receive(message) {
      if (message.type !== "room" || signal.aborted) return;
      try {
        await room.connect(message.url, message.token, {
          rtcConfig: {
            ...roomConfiguration(options.rtc),
            decartBitrates: options.video,
          } as RTCConfiguration,
          maxRetries: 0,
        });
      } catch (error) {
        fail(error);
      }
    },

    async measure(previous) {
      const { track } = [...room.remoteParticipants.values()]
        .flatMap((one) => [...one.videoTrackPublications.values()])
        .find((one) => one.track?.mediaStreamTrack === shown) ?? { track: undefined };
      return read((await track?.getRTCStatsReport()) ?? new Map(), previous);
    },
  };
}

/**
 * Whether the camera opens without a permission prompt. Only then a placeholder is published early: the
 * service must not start, and bill, while a person reads a prompt.
 */
async function cameraIsAllowed(): Promise<boolean> {
  const name = "camera" as PermissionName;
  return navigator.permissions?.query({ name }).then(
    ({ state }) => state === "granted",
    () => false, // the browser doesn't know this permission
  );
}

/** A track of this size without frames, which is published until the camera replaces it. */
function placeholderTrack({ width, height }: { width: number; height: number }): MediaStreamTrack {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d"); // Firefox captures no stream from a canvas without a context
  const [track] = canvas.captureStream(0).getVideoTracks();
  if (!track) throw Error("The canvas has no video track.");
  return track;
}
