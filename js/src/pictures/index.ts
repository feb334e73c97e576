/**
 * The chunk `kernel`: the transport of a session that runs in the kernel. It shows the pictures that the
 * kernel sends, as a stream like that of a connection.
 *
 * The page says what it wants to see (`watch`): nothing while no view is visible, and the pictures that are
 * sent only while they are compared. The kernel sends the newest picture when an earlier one was `shown`, so
 * nothing piles up on a slow road between them. Where the camera is this page's, its frames go to the kernel
 * in the same way (`../relay`).
 */

import { onAbort } from "../host.ts";
import type { Picture, PictureCodec, Stream } from "../kernel/messages.ts";
import { type Reading, read } from "../media/stats.ts";
import type { Transport, TransportOptions } from "../media/transport.ts";
import { openRelay } from "../relay/index.ts";
import { supportedCodecs } from "./decoder.ts";
import { Delay } from "./delay.ts";
import { PictureStream, type StreamEvents } from "./stream.ts";
import { viewed } from "./viewed.ts";

/**
 * After so long without a picture the kernel is told again what is watched: a message may have been lost
 * with a connection. Each further wait is twice as long, up to `MAX_SILENCE_MS`.
 */
const SILENCE_MS = 2000;
const MAX_SILENCE_MS = 16_000;
/** After so many errors in a row H.264 counts as not supported. */
const MAX_ERRORS = 3;
/** How long a picture in full size may take before the one that is shown has to do. */
const WHOLE_WAIT_MS = 2000;
/** An element shows a track's first frame within this time. */
const ELEMENT_MS = 300;
/** The least time between two keyframes that are requested because of errors. */
const ERROR_WAIT_MS = 500;

/** How long a picture that was shown waits for a frame of the camera that tells it. */
const SHOWN_WAIT_MS = 50;
/** Pictures over which their delay is averaged. */
const DELAY_FRAMES = 10;

/** Opens the transport; see `OpenTransport`. */
export function open(options: TransportOptions): Transport {
  const { attempt, signal, send } = options;
  /** What this page can decode; empty until that is known. */
  let codecs: readonly PictureCodec[] = [];
  /** The last `watch` without its number; empty before the first one. */
  let watched = "";
  let silence: ReturnType<typeof setTimeout> | undefined;
  let silenceMs = SILENCE_MS;
  let shown: ReturnType<typeof setTimeout> | undefined;
  let errors = 0;
  let errorWait: ReturnType<typeof setTimeout> | undefined;
  /** The signals of those who want to see what is sent. */
  const wishes = new Set<AbortSignal>();
  let input: PictureStream | null = null;
  /** Those who want pictures as large as they are, and what is called when there is one. */
  const wholes = new Map<AbortSignal, () => void>();
  const delay = new Delay();

  /** Tells the kernel what is watched where it doesn't know that, or is to send a keyframe. */
  const watch = (isRepeated = false) => {
    if (signal.aborted || !codecs.length) return;
    const { size } = screens;
    const streams: Stream[] = !size ? [] : input ? ["output", "input"] : ["output"];
    // A size of 0 is no limit.
    const limit = size && !wholes.size ? size : { width: 0, height: 0 };
    const message = { streams, codecs, ...limit };
    const content = JSON.stringify(message);
    if (content === watched && !isRepeated) return;
    if (!watched && !size) return; // the kernel sends nothing by itself
    watched = content;
    awaitPicture();
    send({ type: "watch", attempt, ...message });
  };
  const awaitPicture = () => {
    clearTimeout(silence);
    if (!screens.size || signal.aborted) return;
    silence = setTimeout(() => {
      silenceMs = Math.min(2 * silenceMs, MAX_SILENCE_MS);
      output.restart(); // its decoder may be what keeps silent
      input?.restart();
      watch(true);
    }, silenceMs);
  };
  /**
   * The last picture that was shown, where the next frame of the camera tells that. It saves a message, for
   * each of which JupyterLab shows that the kernel is busy, and idle again.
   */
  let waiting: number | null = null;
  let waitingTimer: ReturnType<typeof setTimeout> | undefined;
  const takeShown = () => {
    const number = waiting;
    waiting = null;
    clearTimeout(waitingTimer);
    waitingTimer = undefined;
    return number;
  };
  const sendShown = (number: number | null, stream: Stream = "output") => {
    if (number !== null && !signal.aborted) send({ type: "shown", attempt, stream, number });
  };
  const eventsOf = (stream: Stream): StreamEvents => ({
    shown(number) {
      if (relay && stream === "output") {
        waiting = Math.max(waiting ?? 0, number);
        waitingTimer ??= setTimeout(() => sendShown(takeShown()), SHOWN_WAIT_MS);
      } else sendShown(number, stream);
    },
    decoded({ at, key }) {
      errors = 0;
      if (stream === "input") {
        delay.sent(at, performance.now());
        return;
      }
      delay.received(at, performance.now());
      if (relay && at) {
        const newMs = Date.now() - 1000 * at;
        delayMs = delayMs === null ? newMs : delayMs + (newMs - delayMs) / DELAY_FRAMES;
      }
      // Each `watch` is followed by a keyframe, and this is the first one of that size.
      if (key) for (const found of wholes.values()) found();
      silenceMs = SILENCE_MS;
      awaitPicture();
      if (output.frames > 1) return;
      if (!output.isEmptyAtFirst) options.onStream(output.media);
      // Then the picture counts as shown, also if no element has said so: not before one can have shown it.
      shown = setTimeout(() => options.onState("connected"), ELEMENT_MS);
    },
    failed() {
      if (++errors === MAX_ERRORS) codecs = ["jpeg"];
      errorWait ??= setTimeout(
        () => {
          errorWait = undefined;
          watch(true);
        },
        errors === 1 ? 0 : ERROR_WAIT_MS,
      );
    },
  });
  const endWish = (wish: AbortSignal) => {
    wishes.delete(wish);
    if (wishes.size) return;
    input?.close();
    input = null;
    delay.forget();
    options.onSent(null);
    watch();
  };

  /** How long after it was taken by this page's camera a picture is back, a moving mean. */
  let delayMs: number | null = null;
  const output = new PictureStream(eventsOf("output"));
  const { camera, video } = options;
  const relay = camera ? openRelay(attempt, camera, video, takeShown, send, signal) : null;
  if (output.isEmptyAtFirst) options.onStream(output.media);
  const screens = viewed(watch, signal);
  supportedCodecs().then((supported) => {
    codecs = supported;
    watch();
  });
  onAbort(signal, () => {
    for (const timer of [silence, errorWait, waitingTimer, shown]) clearTimeout(timer);
    output.close();
    input?.close();
  });

  return {
    kind: "kernel",
    async publish(track) {
      relay?.publish(track);
    },
    sendSound: async () => undefined,
    watch: () => undefined, // the kernel checks what it receives
    showOn: (screen) => screens.add(screen),
    showSent(wish) {
      if (signal.aborted || wish.aborted) return;
      wishes.add(wish);
      onAbort(wish, () => signal.aborted || endWish(wish));
      if (input) return;
      input = new PictureStream(eventsOf("input"));
      options.onSent(input.media);
      watch();
    },
    showWhole: (wish) =>
      new Promise((resolve) => {
        if (signal.aborted || wish.aborted) return resolve();
        const timer = setTimeout(resolve, WHOLE_WAIT_MS);
        wholes.set(wish, resolve);
        onAbort(wish, () => {
          clearTimeout(timer);
          wholes.delete(wish);
          resolve();
          watch();
        });
        watch();
      }),
    async receive(message, data) {
      if (message.type === "camera-credit") relay?.credit(message.frames, message.key);
      if (message.type !== "picture") return;
      const { stream, number } = message;
      const receiver = stream === "output" ? output : stream === "input" ? input : undefined;
      if (data && receiver) receiver.receive(message as Picture, data);
      else if (receiver !== undefined) send({ type: "shown", attempt, stream, number }); // what is no longer watched
    },
    async measure(previous) {
      const reading: Reading = { ...measure(output, previous), delay_s: delay.seconds };
      if (delayMs === null) return reading;
      const way = `${Math.round(delayMs)} ms through the kernel`;
      return { ...reading, delay_s: delayMs / 1000, way };
    },
  };
}

/** The stream's figures: there are no packets that could be lost, and nothing measures a round trip. */
function measure(output: PictureStream, previous?: Reading): Reading {
  const inbound = {
    ...{ id: "pictures", type: "inbound-rtp", kind: "video", codecId: "codec" },
    timestamp: performance.now(),
    framesDecoded: output.frames,
    bytesReceived: output.bytes,
    frameWidth: output.width,
    frameHeight: output.height,
  };
  const mimeType = `video/${(output.codec ?? "").toUpperCase()}`;
  return read([inbound, { id: "codec", type: "codec", mimeType }], previous);
}
