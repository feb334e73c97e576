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
} from "./types.ts";

/** The open source. */
interface Raw {
  track: MediaStreamTrack;
  scope: AbortController;
  source: CaptureSettings["source"];
}

/** What is being opened. */
interface Opening {
  source: CaptureSettings["source"];
  camera: CaptureSettings["camera"];
  abandon(): void;
}

/** Why an opening was given up: the capture has ended, or a newer change wants something else. */
const ABANDONED = Symbol("abandoned");

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
  /** What is to be sent; a change sets it at once. */
  const wanted = { ...first };
  /** What is sent, or is being opened. */
  const settings = { ...first };
  let file = given;
  /** The newest file that was given; one before it is not opened any more. */
  let wantedFile = given;
  let raw: Raw | null = null;
  let opening: Opening | null = null;
  let cameras: CameraInfo[] = [];
  let obtained: Obtained | null = null;
  let preview: MediaStream | null = null;
  let shaping = new AbortController();

  const isEnded = () => signal.aborted;
  const voice = microphone(settings.muted, events, signal);
  signal.addEventListener("abort", () => shaping.abort(), { once: true });

  /**
   * Opens the source that the settings name; aborting its scope closes it. Rejects at once when it is
   * abandoned: a file may have no picture, and a permission prompt may stay unanswered.
   */
  const openRaw = async (): Promise<Raw> => {
    const scope = new AbortController();
    signal.addEventListener("abort", () => scope.abort(), { once: true, signal: scope.signal });
    const { source, camera } = settings;
    const abandoned = new Promise<never>((_, reject) => {
      scope.signal.addEventListener("abort", () => reject(ABANDONED), { once: true });
    });
    abandoned.catch(() => undefined);
    opening = { source, camera, abandon: () => scope.abort() };
    try {
      return { track: await Promise.race([openTrack(scope.signal), abandoned]), scope, source };
    } finally {
      opening = null;
    }
  };

  const openTrack = async (until: AbortSignal): Promise<MediaStreamTrack> => {
    const { source, size } = settings;
    if (source === "screen") return openScreen(size, until);
    if (source === "test-pattern") return openPattern(size, until);
    if (source === "file") return openFile(file, size.fps, until);
    // One permission prompt for the first camera and the microphone.
    const onMicrophone = settings.microphone && !raw ? voice.take : undefined;
    const opened = await openCamera(settings.camera, size, until, onMicrophone);
    if (opened.substitute && !until.aborted) events.trouble("camera-missing");
    return opened.track;
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
      wanted.camera = settings.camera = other.id;
      if ((await reopen()) !== "failed") return;
    }
    if (!isEnded()) events.ended();
  };

  /** Replaces the source by the one that the settings name. */
  const reopen = async (): Promise<"opened" | "abandoned" | "failed"> => {
    // Some cameras can't be opened while another one is, or while they are themselves.
    const former = raw;
    if (former?.source === "camera" && settings.source === "camera") former.scope.abort();
    let opened: Raw;
    try {
      opened = await openRaw();
    } catch (error) {
      return error === ABANDONED ? "abandoned" : "failed";
    }
    if (isEnded()) {
      opened.scope.abort();
      return "abandoned";
    }
    raw = opened;
    watch(opened);
    await events.replaced(shaped(opened));
    former?.scope.abort();
    await refresh();
    return "opened";
  };

  const refresh = async () => {
    cameras = await listDevices().catch(() => cameras);
    if (!isEnded()) events.changed();
  };

  /** Opens what is wanted; if that fails, restores the former source. Returns whether it is open. */
  const exchange = async (): Promise<boolean> => {
    const before = { ...settings };
    Object.assign(settings, wanted);
    const outcome = await reopen();
    if (outcome === "opened") return true;
    const failed = settings.source;
    Object.assign(settings, before);
    // A newer change that has abandoned this one follows, and opens what it wants.
    if (outcome === "abandoned" || isEnded()) return false;
    wanted.source = before.source;
    wanted.camera = before.camera;
    events.trouble(
      failed === "screen"
        ? "screen-refused"
        : failed === "file"
          ? file
            ? "bad-video"
            : "no-video"
          : "camera-failed",
    );
    if (raw?.scope.signal.aborted && (await reopen()) === "failed" && !isEnded()) events.ended();
    return false;
  };

  /** Abandons what is being opened if something else is wanted by now. */
  const abandonOther = () => {
    if (!opening) return;
    const { source, camera } = opening;
    if (source !== wanted.source || (source === "camera" && camera !== wanted.camera))
      opening.abandon();
  };

  /** Changes the picture to what is wanted: another source, or another shape of the same one. */
  const reframe = async (): Promise<void> => {
    const { size } = settings;
    const closed = raw?.scope.signal.aborted === true; // by a change that was abandoned
    const another = wanted.camera !== settings.camera || wanted.source !== settings.source;
    const turned = wanted.size.width !== size.width || wanted.size.height !== size.height;
    if (another || closed || (turned && settings.source === "test-pattern")) {
      await exchange();
      return;
    }
    if (wanted.mirror === settings.mirror && wanted.size === size) return;
    Object.assign(settings, wanted);
    if (raw) await events.replaced(shaped(raw));
    events.changed();
  };

  const inOrder = (first: Promise<unknown>) => {
    let turn = first.catch(() => undefined);
    return (act: () => Promise<unknown>): Promise<void> => {
      const done = turn.then(async () => void (isEnded() || (await act())));
      turn = done.catch(() => undefined);
      return done;
    };
  };

  const begin = async () => {
    let opened: Raw | null = null;
    while (!opened) {
      Object.assign(settings, wanted);
      file = wantedFile;
      const impossible = settings.source === "camera" ? obstacle() : webrtcObstacle();
      if (impossible) throw impossible;
      try {
        opened = await openRaw();
      } catch (refusal) {
        if (refusal !== ABANDONED) throw refusal;
        if (isEnded()) throw refusalOf(new DOMException("ended", "AbortError"));
      }
    }
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
  const inTurn = inOrder(track);
  // A prompt for the microphone that stays unanswered delays no change of the picture.
  const inVoiceTurn = inOrder(track);
  // Without a camera the microphone has a permission prompt of its own; nothing waits for it.
  if (settings.microphone && settings.source !== "camera") {
    void inVoiceTurn(async () => raw && voice.open());
  }

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
      Object.assign(wanted, change);
      abandonOther();
      if (heard === undefined && muted === undefined) return inTurn(reframe);
      return inVoiceTurn(async () => {
        // A prompt that was open meanwhile may have opened a microphone that is off by now.
        if (wanted.microphone) await voice.open();
        else voice.close();
      });
    },
    switchCamera() {
      // Two requests switch twice; but whatever else is being opened is not wanted any more.
      if (opening && opening.source !== "camera") wanted.source = "camera";
      abandonOther();
      return inTurn(async () => {
        cameras = await listDevices().catch(() => cameras);
        const other = next(cameras, obtained?.source === "camera" ? obtained : null);
        const { source, camera } = other
          ? { source: "camera" as const, camera: other.id }
          : settings;
        Object.assign(wanted, { source, camera });
        if (other) await exchange();
        else events.trouble("camera-missing");
      });
    },
    useFile(video) {
      wanted.source = "file";
      wantedFile = video;
      opening?.abandon();
      return inTurn(async () => {
        if (wanted.source !== "file" || wantedFile !== video) return; // a newer change follows
        const former = file;
        if (!raw || former === video) return; // no source could be opened, or this one is open
        file = video;
        if (!(await exchange())) file = former;
      });
    },
  };
}
