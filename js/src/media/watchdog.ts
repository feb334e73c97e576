/**
 * Detects a received video that has stopped while the service is generating: no new frame, a track that has
 * ended or is muted, or black frames while the camera's are not black.
 *
 * Browsers count decoded frames whether or not a view shows them. In a hidden page they may stop decoding
 * and slow timers down, so `isDue` has to be false there; the times start anew when the page is visible.
 */

/** How often to count frames, in ms; every other time the brightness is measured too. */
const CHECK_MS = 300;
/** How long the video may be frozen or black, in ms. */
const LIMIT_MS = 3000;
/** How long the first frame may take, in ms. */
const FIRST_FRAME_MS = 10_000;
/** Frames between two checks below which a missing one is not unusual. */
const STEADY_FRAMES = 3;
/** What a late check counts at most, in ms: the machine is busy then, or was asleep. */
const MAX_STEP_MS = 1000;
/** The brightest pixel of a frame that counts as black, 0 to 255. */
const BLACK_MAX = 24;
/** The brightest pixel of a frame that doesn't is above this. */
const LIT_MIN = 48;

/** Why the video counts as stopped. */
export type Stall = "frozen" | "ended" | "black";

/** The video that is checked. */
export interface Watched {
  /** The received stream. */
  readonly stream: MediaStream | null;
  /** The camera's track, once it is sent. */
  readonly camera: MediaStreamTrack | null;
  /** An element that shows the stream, if there is one. */
  readonly screen: HTMLVideoElement | null;
  measure(): Promise<{ framesDecoded: number } | null>;
}

/**
 * Checks until the signal aborts.
 *
 * A steady video without a frame from one check to the next most likely waits for a packet that was lost on
 * its way to the service: receivers request a keyframe after 3 s only. So `refresh` is called, and again with
 * every second check.
 *
 * @param isDue whether frames should be arriving now, in a page that is visible
 * @param onStall called when the video has stopped for too long, and again while that lasts
 * @param refresh sends a keyframe of the camera, with which the service can continue
 */
export function watchdog(
  watched: Watched,
  isDue: () => boolean,
  onStall: (reason: Stall) => void,
  signal: AbortSignal,
  refresh: () => void,
): void {
  let frames = 0;
  let steady = false;
  let at = 0;
  let still = 0;
  let black = 0;
  let isBlack = false;
  let odd = false;
  let probe: HTMLVideoElement | undefined;

  const check = async () => {
    const { camera } = watched;
    // A camera without frames is not the service's fault, and another attempt would not help.
    if (!camera || camera.muted || !isDue()) {
      at = still = black = 0;
      return;
    }
    const framesDecoded = (await watched.measure())?.framesDecoded;
    if (signal.aborted) return;
    const now = performance.now();
    const passed = at && Math.min(now - at, MAX_STEP_MS);
    at = now;
    const track = watched.stream?.getVideoTracks()[0];
    const ended = track?.readyState === "ended";
    // There is no count while a room has no track, between two of them.
    const moves = framesDecoded && framesDecoded !== frames && !ended && !track?.muted;
    if (moves) steady = framesDecoded - frames >= STEADY_FRAMES;
    frames = framesDecoded || frames;
    still = moves ? 0 : still + passed;
    odd = !odd;
    if (still && steady && Math.round(still / CHECK_MS) % 2) refresh();
    // NaN (nothing to measure) compares as neither black nor lit.
    if (odd) {
      isBlack = brightest(watched.screen) < BLACK_MAX;
      if (isBlack) probe ??= show(camera);
      isBlack &&= brightest(probe) > LIT_MIN;
    }
    black = isBlack ? black + passed : 0;
    const frozen = still > (frames ? LIMIT_MS : FIRST_FRAME_MS) - CHECK_MS / 2;
    if (!frozen && black < LIMIT_MS) return;
    still = black = 0;
    onStall(!frozen ? "black" : ended ? "ended" : "frozen");
  };

  const timer = setInterval(check, CHECK_MS);
  const end = () => {
    clearInterval(timer);
    if (probe) probe.srcObject = null;
  };
  signal.addEventListener("abort", end, { once: true });
}

/** An element that plays a track, outside the document. */
function show(track: MediaStreamTrack): HTMLVideoElement {
  const srcObject = new MediaStream([track]);
  const video = Object.assign(document.createElement("video"), { muted: true, srcObject });
  video.play().catch(() => undefined); // then it plays nothing, and its brightness is NaN
  return video;
}

/** The brightest value of a pixel that an element shows, 0 to 255; NaN where it plays nothing. */
function brightest(video?: HTMLVideoElement | null): number {
  if (!video?.videoWidth || video.paused) return Number.NaN;
  const context = new OffscreenCanvas(9, 9).getContext("2d", { willReadFrequently: true });
  context?.drawImage(video, 0, 0, 9, 9);
  // Every fourth value is the opacity.
  return Math.max(...(context?.getImageData(0, 0, 9, 9).data.filter((_, i) => i % 4 < 3) ?? []));
}
