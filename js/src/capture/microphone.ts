/** The microphone of a capture: at most one track, which lives no longer than the capture. */

import { stopWith } from "./camera.ts";
import type { CaptureEvents } from "./types.ts";

export interface Microphone {
  readonly track: MediaStreamTrack | null;
  /** Takes what a question has brought; null where it was refused. */
  take(fresh: MediaStreamTrack | null): void;
  /** Opens it unless it is open. */
  open(): Promise<void>;
  close(): void;
  mute(muted: boolean): void;
}

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
    // An insecure page has no devices at all; a test pattern is sent from there.
    const stream = await navigator.mediaDevices
      ?.getUserMedia({ audio: true, video: false })
      .catch(() => null);
    take(stream?.getAudioTracks()[0] ?? null);
  };
  /** It was pulled out: whatever the browser listens to now takes its place. */
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
