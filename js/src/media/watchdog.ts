/**
 * Notices a picture that has stopped although the service generates it: no new frame, a track that
 * has ended or is muted, or nothing but black while the camera sees something.
 *
 * Browsers count decoded frames whether or not a view shows them. In a hidden page they may stop
 * decoding and slow timers down, so nothing is judged there; the count begins anew when it is seen.
 */

/** How often to count frames, in ms; every other time pixels are looked at, too. */
const LOOK_MS = 300;
/** How long a picture may stand still, or be black. */
const LIMIT_MS = 3000;
/** How long the first frame may take. */
const FIRST_MS = 10_000;
/** What a look that comes late counts at most: the machine is busy then, or was asleep. */
const LATE_MS = 1000;
/** The brightest of a black picture, and the darkest of one that is not: 0..255. */
const BLACK = 24;
const LIT = 48;

export type Stall = "frozen" | "ended" | "black";

/** What is watched. */
export interface Watched {
  readonly stream: MediaStream | null;
  /** The local camera, once it is sent. */
  readonly camera: MediaStreamTrack | null;
  /** An element that shows the stream, where one does. */
  readonly screen: HTMLVideoElement | null;
  measure(): Promise<{ framesDecoded: number } | null>;
}

/**
 * Watches until the signal.
 *
 * @param due whether there should be a picture that somebody can see
 * @param stalled called when there has been none for too long, and again as long as that lasts
 */
export function watchdog(
  watched: Watched,
  due: () => boolean,
  stalled: (reason: Stall) => void,
  signal: AbortSignal,
): void {
  let frames = 0;
  let at = 0;
  let still = 0;
  let black = 0;
  let isBlack = false;
  let odd = false;
  let probe: HTMLVideoElement | undefined;

  const look = async () => {
    const { camera } = watched;
    // A camera without pictures is no fault of the service's, nor mended by another attempt.
    if (!camera || camera.muted || !due()) {
      at = still = black = 0;
      return;
    }
    const framesDecoded = (await watched.measure())?.framesDecoded;
    if (signal.aborted) return;
    const now = performance.now();
    const passed = at && Math.min(now - at, LATE_MS);
    at = now;
    const track = watched.stream?.getVideoTracks()[0];
    const ended = track?.readyState === "ended";
    // No count at all is that of a room between two tracks.
    const moves = framesDecoded && framesDecoded !== frames && !ended && !track?.muted;
    frames = framesDecoded || frames;
    still = moves ? 0 : still + passed;
    odd = !odd;
    // What can't be seen (NaN) is neither.
    if (odd) {
      isBlack = brightest(watched.screen) < BLACK;
      if (isBlack) probe ??= show(camera);
      isBlack &&= brightest(probe) > LIT;
    }
    black = isBlack ? black + passed : 0;
    const frozen = still > (frames ? LIMIT_MS : FIRST_MS) - LOOK_MS / 2;
    if (!frozen && black < LIMIT_MS) return;
    still = black = 0;
    stalled(!frozen ? "black" : ended ? "ended" : "frozen");
  };

  const timer = setInterval(look, LOOK_MS);
  const end = () => {
    clearInterval(timer);
    if (probe) probe.srcObject = null;
  };
  signal.addEventListener("abort", end, { once: true });
}

/** An element of its own for a track: it needs no place in the page. */
function show(track: MediaStreamTrack): HTMLVideoElement {
  const srcObject = new MediaStream([track]);
  const video = Object.assign(document.createElement("video"), { muted: true, srcObject });
  video.play().catch(() => undefined); // then it shows nothing, and nothing follows
  return video;
}

/** The brightest of what an element plays, 0..255; NaN where it plays nothing. */
function brightest(video?: HTMLVideoElement | null): number {
  if (!video?.videoWidth || video.paused) return Number.NaN;
  const context = new OffscreenCanvas(9, 9).getContext("2d", { willReadFrequently: true });
  context?.drawImage(video, 0, 0, 9, 9);
  // Every fourth is opacity, which says nothing.
  return Math.max(...(context?.getImageData(0, 0, 9, 9).data.filter((_, i) => i % 4 < 3) ?? []));
}
