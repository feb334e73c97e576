/**
 * The chunk `capture`: the video that is sent (camera, screen, file or test pattern) and how it is cropped,
 * scaled and mirrored before that; and the microphone.
 *
 * There is one source track at a time, and one track that is sent: the source track itself if it has the
 * right shape, else a track made from it. Changes run one after the other.
 */

import { openCamera, refusalOf } from "./camera.ts";
import { list as listDevices, next, positionOf } from "./devices.ts";
import { microphone } from "./microphone.ts";
import { obstacle, webrtcObstacle } from "./obstacles.ts";
import { reshape } from "./reshape.ts";
import { fitsUnchanged, type Shape } from "./shape.ts";
import { openFile, openPattern, openScreen } from "./sources.ts";
import type {
  CameraInfo,
  Capture,
  CaptureEvents,
  CaptureSettings,
  Obtained,
  Position,
  Refusal,
} from "./types.ts";

/** The open source. */
interface Raw {
  track: MediaStreamTrack;
  scope: AbortController;
  source: CaptureSettings["source"];
}

/** The cameras; none where this page can't open one. See `CaptureChunk.list`. */
export async function list(): Promise<CameraInfo[]> {
  return obstacle() ? [] : listDevices();
}

/** Opens the source that the settings name; see `CaptureChunk.open`. */
export function open(
  first: CaptureSettings,
  given: Blob | null,
  events: CaptureEvents,
  signal: AbortSignal,
): Capture {
  const settings = { ...first };
  let file = given;
  let raw: Raw | null = null;
  let cameras: CameraInfo[] = [];
  let obtained: Obtained | null = null;
  let preview: MediaStream | null = null;
  let shaping = new AbortController();

  const isEnded = () => signal.aborted;
  const voice = microphone(settings.muted, events, signal);
  signal.addEventListener("abort", () => shaping.abort(), { once: true });

  /** Opens the source that the settings name; aborting its scope closes it. */
  const openRaw = async (): Promise<Raw> => {
    const scope = new AbortController();
    signal.addEventListener("abort", () => scope.abort(), { once: true, signal: scope.signal });
    const { source, size } = settings;
    let track: MediaStreamTrack;
    if (source === "screen") track = await openScreen(size, scope.signal);
    else if (source === "test-pattern") track = openPattern(size, scope.signal);
    else if (source === "file") track = await openFile(file, size.fps, scope.signal);
    else {
      // One permission prompt for the first camera and the microphone.
      const onMicrophone = settings.microphone && !raw ? voice.take : undefined;
      const opened = await openCamera(settings.camera, size, scope.signal, onMicrophone);
      if (opened.substitute) events.trouble("camera-missing");
      track = opened.track;
    }
    return { track, scope, source };
  };

  const positionNow = (track: MediaStreamTrack, source: CaptureSettings["source"]): Position =>
    source === "camera" ? positionOf(track.label, track.getSettings().facingMode) : "unknown";

  /** Makes the track to send from the open source. */
  const shaped = (from: Raw): MediaStreamTrack => {
    const { track, source } = from;
    shaping.abort();
    shaping = new AbortController();
    const actual = track.getSettings();
    const { size } = settings;
    const width = actual.width ?? size.width;
    const height = actual.height ?? size.height;
    const position = positionNow(track, source);
    const mirrored =
      settings.mirror === "on" || (settings.mirror === "auto" && position === "front");
    const shape: Shape = { width: size.width, height: size.height, mirrored };
    const asIs = fitsUnchanged(width, height, shape);
    if (!asIs && width / height === size.width / size.height) {
      // The proportions are right and the picture is only mirrored: keep the camera's resolution.
      shape.width = width;
      shape.height = height;
    }
    const sent = asIs ? track : reshape(track, shape, size.fps, shaping.signal);
    preview = new MediaStream([sent]);
    obtained = {
      source,
      id: actual.deviceId ?? "",
      label: track.label,
      position,
      width: asIs ? width : shape.width,
      height: asIs ? height : shape.height,
      fps: Math.round(actual.frameRate ?? size.fps),
      mirrored,
    };
    return sent;
  };

  const watch = (opened: Raw) => {
    opened.track.addEventListener("ended", () => {
      if (raw === opened && !isEnded()) void inTurn(() => gone(opened));
    });
  };

  /** The camera was unplugged, or the person stopped sharing the screen. */
  const gone = async (from: Raw) => {
    if (raw !== from || isEnded()) return;
    await refresh();
    const id = obtained?.id;
    const other = cameras.find((camera) => camera.id && camera.id !== id);
    // A person who stops sharing a screen has not agreed to a camera.
    if (from.source === "camera" && other) {
      settings.camera = other.id;
      if (await reopen()) return;
    }
    if (!isEnded()) events.ended();
  };

  /** Replaces the source by the one that the settings name; false if it could not be opened. */
  const reopen = async (): Promise<boolean> => {
    // Some cameras can't be opened while another one is, or while they are themselves.
    const former = raw;
    if (former?.source === "camera" && settings.source === "camera") former.scope.abort();
    let opened: Raw;
    try {
      opened = await openRaw();
    } catch {
      return false;
    }
    if (isEnded()) {
      opened.scope.abort();
      return true;
    }
    raw = opened;
    watch(opened);
    await events.replaced(shaped(opened));
    former?.scope.abort();
    await refresh();
    return true;
  };

  const refresh = async () => {
    cameras = await listDevices().catch(() => cameras);
    if (!isEnded()) events.changed();
  };

  /** Replaces the source; restores the former one if the new one can't be opened. */
  const exchange = async (change: Partial<CaptureSettings>): Promise<void> => {
    const before = { ...settings };
    Object.assign(settings, change);
    if (await reopen()) return;
    events.trouble(
      settings.source === "screen"
        ? "screen-refused"
        : settings.source === "file"
          ? file
            ? "bad-video"
            : "no-video"
          : "camera-failed",
    );
    const closed = raw?.scope.signal.aborted;
    Object.assign(settings, before);
    if (closed && !(await reopen()) && !isEnded()) events.ended();
  };

  /** Changes the picture: another source, or another shape of the same one. */
  const reframe = async (change: Partial<CaptureSettings>): Promise<void> => {
    const others = { ...settings, ...change };
    const another = others.camera !== settings.camera || others.source !== settings.source;
    const turned =
      others.size.width !== settings.size.width || others.size.height !== settings.size.height;
    if (another || (turned && settings.source === "test-pattern")) return exchange(change);
    Object.assign(settings, change);
    if (raw) await events.replaced(shaped(raw));
    events.changed();
  };

  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (act: () => Promise<void>): Promise<void> => {
    const done = turn.then(() => (isEnded() ? undefined : act()));
    turn = done.catch(() => undefined);
    return done;
  };

  const impossible = settings.source === "camera" ? obstacle() : webrtcObstacle();
  const begin = async () => {
    if (impossible) throw impossible;
    const opened = await openRaw();
    raw = opened;
    if (isEnded()) {
      opened.scope.abort();
      throw refusalOf(new DOMException("ended", "AbortError"));
    }
    watch(opened);
    const sent = shaped(opened);
    const fresh = () => void refresh();
    navigator.mediaDevices?.addEventListener?.("devicechange", fresh, { signal });
    fresh();
    return sent;
  };
  const track = begin();
  turn = track.catch((_refusal: Refusal) => undefined);
  // Without a camera the microphone has a permission prompt of its own; nothing waits for it.
  if (settings.microphone && settings.source !== "camera" && !impossible) void inTurn(voice.open);

  return {
    track,
    get preview() {
      return preview;
    },
    get cameras() {
      return cameras;
    },
    get obtained() {
      return obtained;
    },
    get sound() {
      return voice.track;
    },
    change(change) {
      const { microphone: heard, muted } = change;
      // Muting takes effect at once, without waiting for other changes.
      if (muted !== undefined) voice.mute(muted);
      if (heard === false) voice.close();
      return inTurn(async () => {
        if (heard === undefined && muted === undefined) return reframe(change);
        Object.assign(settings, change);
        // A prompt that was open meanwhile may have opened a microphone that is off by now.
        if (settings.microphone) await voice.open();
        else voice.close();
      });
    },
    switchCamera() {
      return inTurn(async () => {
        cameras = await listDevices().catch(() => cameras);
        const other = next(cameras, obtained?.source === "camera" ? obtained : null);
        if (!other) return events.trouble("camera-missing");
        await exchange({ camera: other.id, source: "camera" });
      });
    },
    useFile(video) {
      return inTurn(async () => {
        const former = file;
        file = video;
        await exchange({ source: "file" });
        if (settings.source !== "file") file = former;
      });
    },
  };
}
