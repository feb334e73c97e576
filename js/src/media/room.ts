/**
 * The chunk `room`: the transport through a LiveKit room, with livekit-client. The camera and the
 * microphone are published; the transformed video and sound are the tracks of the participant that the
 * service sends into the room.
 *
 * The steps of a start overlap: the room connects while the camera opens, and the camera is published
 * as soon as the signalling is connected, before the peer connection is established.
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
import { sendKeyframe } from "./keyframe.ts";
import { allowedSubscribers, liveTrack } from "./live-track.ts";
import { harmless, publishOptions, roomConfiguration } from "./room-options.ts";
import { desktopSafari } from "./safari.ts";
import { read } from "./stats.ts";
import type { Transport, TransportOptions } from "./transport.ts";
import { watchdog } from "./watchdog.ts";

/**
 * Delays before livekit-client's own attempts to reconnect, in ms. After the last one the kernel takes
 * over with a new room, earlier than livekit-client's default would give up.
 */
const RETRY_DELAYS_MS = [0, 200, 500, 1000, 2000, 3000];

// The widget and the kernel's log show states and failures; livekit-client's console output is off.
setLogLevel("silent");

/** Opens the transport; see `OpenTransport`. */
export function open(options: TransportOptions): Transport {
  const { signal } = options;
  const room = new Room({
    adaptiveStream: false,
    dynacast: false,
    // The session stops the camera itself, and ends the transport when the page is left.
    stopLocalTrackOnUnpublish: false,
    disconnectOnPageLeave: false,
    reconnectPolicy: {
      nextRetryDelayInMs: ({ retryCount }: ReconnectContext) => RETRY_DELAYS_MS[retryCount] ?? null,
    },
  });
  let shown: MediaStreamTrack | null = null;
  let stream = new MediaStream();
  let microphone: Promise<LocalTrackPublication> | undefined;
  let publishing: Promise<LocalVideoTrack> | undefined;
  let wasConnected = false;
  let hasFailed = false;

  const fail = (reason: unknown) => {
    if (hasFailed || signal.aborted) return;
    hasFailed = true;
    options.onState("failed", { reason: harmless(reason) });
  };
  const signalConnected = new Promise<void>((resolve) =>
    room.once(RoomEvent.SignalConnected, resolve),
  );
  const newest = (kind: Track.Kind) =>
    liveTrack(
      [...room.remoteParticipants.values()].map(({ identity, trackPublications }) => ({
        identity,
        tracks: [...trackPublications.values()]
          .filter((one) => one.kind === kind)
          .map((one) => one.track?.mediaStreamTrack),
      })),
    );
  const showNewestTracks = () => {
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
  /** Keeps the camera from viewers of the room. LiveKit refuses what is not permitted. */
  const hideCamera = () =>
    room.localParticipant.setTrackSubscriptionPermissions(
      false,
      allowedSubscribers(room.remoteParticipants.keys()),
    );
  const connected = () => {
    hideCamera();
    wasConnected = true;
    if (!signal.aborted) options.onState("connected");
    showNewestTracks();
  };

  room
    .on(RoomEvent.TrackSubscribed, showNewestTracks)
    .on(RoomEvent.TrackUnsubscribed, showNewestTracks)
    .on(RoomEvent.ParticipantDisconnected, showNewestTracks)
    .on(RoomEvent.ParticipantConnected, hideCamera)
    .on(RoomEvent.Connected, connected)
    .on(RoomEvent.Reconnected, connected)
    // SignalReconnecting is not listened to: losing the signalling socket alone leaves the media intact.
    .on(RoomEvent.Reconnecting, () => signal.aborted || options.onState("reconnecting"))
    .on(RoomEvent.Disconnected, (reason) => {
      // Before the first connection, the error of `connect` gives a more precise reason.
      if (wasConnected) fail(reason === undefined ? "disconnected" : DisconnectReason[reason]);
    });
  const publishCamera = (track: MediaStreamTrack) => {
    const local = new LocalVideoTrack(track, undefined, true);
    const { codecs = [] } = RTCRtpSender.getCapabilities?.("video") ?? {};
    const known = codecs.map(({ mimeType }) => mimeType);
    const publication = publishOptions(options.video, desktopSafari(navigator), known);
    publishing = signalConnected.then(async () => {
      if (signal.aborted) return local;
      hideCamera();
      await room.localParticipant.publishTrack(local, {
        ...publication,
        source: Track.Source.Camera,
      });
      return local;
    });
    return publishing;
  };
  /** Publishes a track without frames before the camera is open, if no prompt is to be expected. */
  const publishPlaceholder = async () => {
    if (!options.camera || !(await cameraIsAllowed())) return;
    await signalConnected;
    if (!publishing && !signal.aborted)
      await publishCamera(stopAtEnd(placeholderTrack(options.camera)));
  };
  /** Makes the end of the attempt stop a track; returns the track. */
  const stopAtEnd = (track: MediaStreamTrack) => {
    signal.addEventListener("abort", () => track.stop(), { once: true });
    return track;
  };
  publishPlaceholder().catch(() => undefined); // a lasting error is reported when the camera is published

  signal.addEventListener("abort", () => void room.disconnect(false).catch(() => undefined), {
    once: true,
  });

  return {
    kind: "livekit",

    async publish(track) {
      // A clone: livekit-client may mute or stop it without affecting the session's track.
      const copy = stopAtEnd(track.clone());
      if (!publishing) return void (await publishCamera(copy));
      const local = await publishing;
      if (signal.aborted) return;
      const before = local.mediaStreamTrack;
      await local.replaceTrack(copy, true);
      before.stop();
      // livekit-client mutes the publication when a camera is unplugged.
      if (local.isMuted) await local.unmute();
    },

    async sendSound(track) {
      if (!microphone) {
        if (!track) return;
        const { localParticipant } = room;
        // Published once; later calls mute the publication or replace its track.
        microphone = signalConnected.then(() =>
          localParticipant.publishTrack(track, { source: Track.Source.Microphone }),
        );
        await microphone.catch((error) => {
          microphone = undefined; // the next call publishes again
          throw error;
        });
        return;
      }
      const { audioTrack } = await microphone;
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

    watch: (...what) =>
      watchdog(...what, signal, () => void publishing?.then((local) => sendKeyframe(local.sender))),
  };
}

/**
 * Whether the camera opens without a permission prompt. Only then a placeholder is published early: the
 * service must not start generating, and billing, while the user reads a prompt.
 */
async function cameraIsAllowed(): Promise<boolean> {
  const name = "camera" as PermissionName;
  return navigator.permissions?.query({ name }).then(
    ({ state }) => state === "granted",
    () => false, // the browser doesn't know this permission
  );
}

/** A track of this size without frames; the camera's track replaces it later. */
function placeholderTrack({ width, height }: { width: number; height: number }): MediaStreamTrack {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d"); // Firefox captures no stream from a canvas without a context
  const [track] = canvas.captureStream(0).getVideoTracks();
  if (!track) throw Error("The canvas has no video track.");
  return track;
}
