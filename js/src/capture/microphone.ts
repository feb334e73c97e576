/** The microphone of a capture: at most one track, which ends with the capture. */

import { stopWith } from "./camera.ts";
import type { CaptureEvents } from "./types.ts";

/** A microphone that can be opened, closed and muted. */
export interface Microphone {
  /** The open track, or null. */
  readonly track: MediaStreamTrack | null;
  /** Adopts a track that was opened elsewhere; null where the microphone was refused. */
  take(fresh: MediaStreamTrack | null): void;
  /** Asks for the microphone, unless it is open. */
  open(): Promise<void>;
  /** Stops the track, if there is one. */
  close(): void;
  /** Sends silence, or sound again. */
  mute(muted: boolean): void;
}

/**
 * A microphone, closed at first.
 *
 * @param muted whether a track that is opened is silent
 */
export function microphone(
  muted: boolean,
  events: Pick<CaptureEvents, "microphoneChanged" | "trouble">,
  signal: AbortSignal,
): Microphone {
  let track: MediaStreamTrack | null = null;
  const set = (next: MediaStreamTrack | null) => {
    track?.stop();
    track = next;
    events.microphoneChanged(next);
  };
  const take = (fresh: MediaStreamTrack | null) => {
    if (fresh) {
      stopWith(fresh, signal);
      fresh.enabled = !muted;
      fresh.addEventListener("ended", () => fresh === track && void lost());
    }
    if (signal.aborted) return;
    set(fresh);
    if (!fresh) events.trouble("microphone-failed");
  };
  const open = async () => {
    if (track) return;
    // A page on an insecure origin has no `mediaDevices`; it can still send a test pattern.
    const stream = await navigator.mediaDevices
      ?.getUserMedia({ audio: true, video: false })
      .catch(() => null);
    take(stream?.getAudioTracks()[0] ?? null);
  };
  /** It was unplugged: opens the browser's new default microphone. */
  const lost = () => {
    set(null);
    return open();
  };
  return {
    get track() {
      return track;
    },
    take,
    open,
    close: () => track && set(null),
    mute(now) {
      muted = now;
      if (track) track.enabled = !now;
    },
  };
}
