/**
 * Detects a received video that has stopped while the service is generating: no new frame, a track that has
 * ended or is muted, or black frames while the camera's are not black.
 *
 * Browsers count decoded frames whether or not a view shows them. In a hidden page they may stop decoding
 * and slow timers down, so `isDue` has to be false there; the times start anew when the page is visible.
 */

/** How often to look whether the video moves, in ms. */
const LOOK_MS = 100;
/** At every such look decoded frames are counted; at the others only if the element shows no new one. */
const LOOKS_PER_CHECK = 3;
/** Every such look measures the brightness too. */
const LOOKS_PER_BRIGHTNESS = 6;
/**
 * A keyframe is sent so long after the first look that found no new frame, in ms, and again after 500 and
 * 1300 ms. Keyframes are large: a network that is too slow must not get many of them.
 */
const REFRESH_AFTER_MS = 100;
/** Added to twice the time so far, in ms, it is the time of the next one. */
const REFRESH_MORE_MS = 300;
/** How long the video may be frozen or black, in ms. */
const LIMIT_MS = 3000;
/** How long the first frame may take, in ms. */
const FIRST_FRAME_MS = 10_000;
/** So many frames have to be missing, at the frame rate of before, until a keyframe is sent. */
const MISSING_FRAMES = 3;
/** How much of the average frame rate the newest interval makes up. */
const NEWEST_SHARE = 0.15;
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
 * A video that misses frames for a moment most likely waits for a packet that was lost on its way to the
 * service: receivers request a keyframe after 3 s only. So `refresh` is called, and again while that lasts.
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
  let looks = 0;
  let isChecking = false;
  let shown: number | undefined;
  let frames = 0;
  /** Average of the frames per ms while the video moved. */
  let rate = 0;
  let refreshAt = REFRESH_AFTER_MS;
  let at = 0;
  let still = 0;
  let black = 0;
  let isBlack = false;
  let probe: HTMLVideoElement | undefined;

  const look = () => {
    const before = shown;
    shown = watched.screen?.getVideoPlaybackQuality?.().totalVideoFrames;
    const isQuiet = shown !== undefined && shown === before;
    const turn = looks++;
    if (isChecking || (turn % LOOKS_PER_CHECK && !isQuiet)) return;
    isChecking = true;
    check(turn % LOOKS_PER_BRIGHTNESS === 0)
      .catch(() => undefined) // there are no statistics now
      .finally(() => {
        isChecking = false;
      });
  };

  const check = async (measuresBrightness: boolean) => {
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
    if (moves && passed) {
      // Frames after a pause may come all at once: the pause counts too.
      const current = Math.max(0, framesDecoded - frames) / (still + passed);
      rate += (current - rate) * (rate ? NEWEST_SHARE : 1);
    }
    frames = framesDecoded || frames;
    still = moves ? 0 : still + passed;
    if (!still) refreshAt = REFRESH_AFTER_MS;
    else if (still >= refreshAt && (still + LOOK_MS) * rate >= MISSING_FRAMES) {
      refreshAt = 2 * still + REFRESH_MORE_MS;
      refresh();
    }
    // NaN (nothing to measure) compares as neither black nor lit.
    if (measuresBrightness) {
      isBlack = brightest(watched.screen) < BLACK_MAX;
      if (isBlack) probe ??= show(camera);
      isBlack &&= brightest(probe) > LIT_MIN;
    }
    black = isBlack ? black + passed : 0;
    const frozen = still > (frames ? LIMIT_MS : FIRST_FRAME_MS) - LOOK_MS;
    if (!frozen && black < LIMIT_MS) return;
    still = black = 0;
    refreshAt = REFRESH_AFTER_MS;
    onStall(!frozen ? "black" : ended ? "ended" : "frozen");
  };

  const timer = setInterval(look, LOOK_MS);
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
