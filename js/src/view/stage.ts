/** The picture, and what is shown in its place: a poster before it, the last frame while it is lost. */

import { onAbort } from "../host.ts";
import { trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { button, h, icon, show, write } from "./dom.ts";
import { type NoticeTexts, noticeView, shownError } from "./notices.ts";
import type { Part } from "./part.ts";
import type { Slots } from "./slots.ts";
import { asideWords, type PosterWords, posterWords, qualityWords, stateWords } from "./words.ts";

interface Stage extends Part {
  start: HTMLElement;
  slots: Pick<Slots, "stage" | "video" | "still" | "retry">;
}

/**
 * The picture with everything over it.
 *
 * @param time the text beside the state
 * @param noticeTexts the texts of notices, once they have come
 */
export function stage(
  session: Session,
  time: () => string,
  noticeTexts: () => NoticeTexts,
  signal: AbortSignal,
): Stage {
  const { model } = session;
  const video = h("video", {
    class: "dw-remote",
    autoplay: true,
    muted: true,
    playsinline: true,
    "aria-label": "Transformed picture",
  });
  video.muted = true; // the attribute counts only for a parsed page
  const still = h("canvas", { class: "dw-still", "aria-hidden": "true", hidden: true });
  const play = button("dw-play", icon("play"), "Show the picture");
  show(play, false);
  const poster = posterView(
    () => session.start(),
    () => session.hints.anticipateStart(),
  );
  const notice = noticeView(() => session.start());
  const top = pills();
  const badge = h(
    "div",
    { class: "dw-badge" },
    "Local preview: ",
    h("span", { class: "dw-wide" }, "OpenCV effects, "),
    "not Decart. Set DECART_API_KEY.",
  );
  const camera = h(
    "div",
    { class: "dw-pill dw-camera", hidden: true },
    h("i", { class: "dw-dot" }),
    "camera on",
  );
  const picture = h(
    "div",
    { class: "dw-stage" },
    video,
    still,
    poster.element,
    notice.element,
    play,
    top.element,
    camera,
  );
  const element = h("div", { class: "dw-screen" }, picture, badge);

  let shown: MediaStream | null = null;
  let hasPicture = false;

  play.addEventListener("click", () => playVideo());
  const playVideo = () =>
    video.play().then(
      () => show(play, false),
      // Another error means that the stream was replaced meanwhile.
      (error: Error) => error.name === "NotAllowedError" && show(play, true),
    );

  /** Reports the first frame of the stream to the attempt. */
  const reportFirstFrame = (stream: MediaStream) => {
    const report = () => {
      const { srcObject, videoWidth: width, videoHeight: height } = video;
      if (srcObject === stream && width) session.attempt?.onFrame({ width, height }, stream);
    };
    video.requestVideoFrameCallback?.(report);
    video.addEventListener("loadeddata", report, { once: true, signal });
  };

  const bind = (stream: MediaStream | null) => {
    if (stream === shown) return;
    if (!stream && hasPicture && session.isActive) keepStill(video, still);
    shown = stream;
    hasPicture = false;
    video.srcObject = stream;
    show(play, false);
    if (!stream) return;
    reportFirstFrame(stream);
    void playVideo();
  };
  onAbort(signal, () => bind(null));

  return {
    element,
    start: poster.start,
    slots: { stage: picture, video, still, retry: notice.retry },
    update() {
      bind(session.attempt?.stream ?? null);
      session.attempt?.showOn(video);
      const { state, isActive, isOwnedElsewhere, isKernelSource, isSourceOver, source } = session;
      const { isCameraOn } = source;
      const revealed = session.attempt?.revealed === true;
      hasPicture = revealed;
      const error = shownError(session);
      if (revealed || !isActive || isOwnedElsewhere) show(still, false);
      const { width, height } = source.size;
      picture.style.setProperty("--dw-ratio", `${width} / ${height}`);
      // A picture of the stage's aspect ratio covers it, or rounding leaves a dark line.
      const shape = session.attempt?.frame ?? { width, height };
      const fits = Math.abs((shape.width * height) / (shape.height * width) - 1) < 0.02;
      picture.style.setProperty("--dw-fit", fits ? "cover" : "contain");
      notice.update(error, noticeTexts());
      show(poster.element, !revealed && !error && still.hidden);
      const page = { isOwnedElsewhere, isCameraOn, isKernelSource, isSourceOver };
      poster.update(posterWords(state, model, page));
      top.state(stateWords(state, model), asideWords(state, model), time());
      top.model(isActive ? trait(model, "model") : "");
      top.quality(revealed ? qualityWords(session.attempt?.reading, isKernelSource) : []);
      show(badge, trait(model, "endpoint") === "sandbox");
      show(camera, isCameraOn);
    },
  };
}

function keepStill(video: HTMLVideoElement, still: HTMLCanvasElement): void {
  if (!video.videoWidth) return;
  still.width = video.videoWidth;
  still.height = video.videoHeight;
  still.getContext("2d")?.drawImage(video, 0, 0);
  show(still, true);
}

function posterView(onStart: () => void, onAnticipated: () => void) {
  const title = h("div", { class: "dw-title" });
  const text = h("p");
  const label = h("span");
  const start = button("dw-main dw-start", icon("play"), label);
  const spinner = h("div", { class: "dw-spinner" });
  start.addEventListener("click", onStart);
  start.addEventListener("pointerenter", onAnticipated);
  start.addEventListener("focus", onAnticipated);
  const foot = h("div", { class: "dw-foot" }, start, spinner);
  const element = h(
    "div",
    { class: "dw-poster dw-message" },
    h("div", { class: "dw-words" }, title, text, foot),
  );
  return {
    element,
    start,
    update(words: PosterWords) {
      write(title, words.title);
      write(text, words.text);
      show(start, words.start !== "");
      write(label, words.start);
      show(spinner, words.isBusy);
    },
  };
}

/** The pills over the picture: state with its time, model, quality. */
function pills() {
  const words = h("span");
  const queue = h("span", { class: "dw-queue" });
  // Not announced, because it changes each second.
  const time = h("span", { class: "dw-time", "aria-hidden": "true" });
  const state = h(
    "div",
    { class: "dw-pill dw-state", role: "status", "aria-live": "polite", "aria-atomic": "true" },
    h("i", { class: "dw-dot" }),
    words,
    queue,
    time,
  );
  const model = h("div", { class: "dw-pill dw-model" });
  const quality = h("div", { class: "dw-pill dw-quality", "aria-label": "Received picture" });
  const size = h("span", { class: "dw-wide" });
  const rest = h("span");
  quality.append(size, rest);
  return {
    element: h("div", { class: "dw-top" }, state, model, h("span", { class: "dw-gap" }), quality),
    state(text: string, place: string, seconds: string) {
      write(words, text);
      write(queue, place);
      write(time, seconds);
    },
    model(name: string) {
      write(model, name);
      show(model, name !== "");
    },
    quality([first, ...others]: string[]) {
      show(quality, first !== undefined);
      write(size, first ? `${first} · ` : "");
      write(rest, others.join(" · "));
    },
  };
}
