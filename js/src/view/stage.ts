/** The picture, and what stands in its place: a poster before it, the last one while it is lost. */

import type { Session } from "../session/session.ts";
import { h, icon, show, write } from "./dom.ts";
import { type NoticeView, noticeOf, noticeView } from "./notices.ts";
import { asideWords, type PosterWords, posterWords, qualityWords, stateWords } from "./words.ts";

export interface Part {
  element: HTMLElement;
  update(): void;
}

export function stage(session: Session, time: () => string, signal: AbortSignal): Part {
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
  const play = h(
    "button",
    { type: "button", class: "dw-button dw-play", hidden: true },
    icon("play"),
    "Show the picture",
  );
  const poster = posterView(
    () => session.start(),
    () => session.intend(),
  );
  const notice: NoticeView = noticeView(() => session.start());
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

  play.addEventListener("click", () => start());
  const start = () =>
    video.play().then(
      () => show(play, false),
      // A stream that was replaced meanwhile is no refusal.
      (error: Error) => error.name === "NotAllowedError" && show(play, true),
    );

  /** Tells the session of the first frame of the stream, whoever notices it first. */
  const lookFor = (stream: MediaStream) => {
    const saw = () => {
      if (video.srcObject !== stream || !video.videoWidth) return;
      session.sawFrame(stream, { width: video.videoWidth, height: video.videoHeight });
    };
    video.requestVideoFrameCallback?.(saw);
    video.addEventListener("loadeddata", saw, { once: true, signal });
  };

  const bind = (stream: MediaStream | null) => {
    if (stream === shown) return;
    if (!stream && hasPicture && session.isLive) keepStill(video, still);
    shown = stream;
    hasPicture = false;
    video.srcObject = stream;
    show(play, false);
    if (!stream) return;
    lookFor(stream);
    void start();
  };
  signal.addEventListener("abort", () => bind(null), { once: true });

  return {
    element,
    update() {
      bind(session.attempt?.stream ?? null);
      if (session.attempt) session.attempt.screen = video;
      const { state } = session;
      const revealed = session.attempt?.revealed === true;
      hasPicture = revealed;
      const obstacle = noticeOf(session);
      if (revealed || !session.isLive || session.watching) show(still, false);
      const { width, height } = session.size;
      picture.style.setProperty("--dw-ratio", `${width} / ${height}`);
      // A picture of the stage's shape covers it, or rounding leaves a dark line.
      const shape = session.attempt?.frame ?? session.size;
      const fits = Math.abs((shape.width * height) / (shape.height * width) - 1) < 0.02;
      picture.style.setProperty("--dw-fit", fits ? "cover" : "contain");
      notice.update(obstacle);
      show(poster.element, !revealed && !obstacle && still.hidden);
      poster.update(
        posterWords(state, model, {
          watching: session.watching,
          cameraOn: session.cameraOn,
        }),
      );
      top.state(stateWords(state, model), asideWords(state, model), time());
      top.model(session.isLive ? session.modelName : "");
      top.quality(revealed ? qualityWords(session.attempt?.reading) : []);
      show(badge, session.endpoint === "sandbox");
      show(camera, session.cameraOn);
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

function posterView(start: () => void, intend: () => void) {
  const title = h("div", { class: "dw-title" });
  const text = h("p");
  const label = h("span");
  const button = h(
    "button",
    { type: "button", class: "dw-button dw-main dw-start" },
    icon("play"),
    label,
  );
  const spinner = h("div", { class: "dw-spinner" });
  button.addEventListener("click", start);
  button.addEventListener("pointerenter", intend);
  button.addEventListener("focus", intend);
  const foot = h("div", { class: "dw-foot" }, button, spinner);
  const element = h(
    "div",
    { class: "dw-poster dw-message" },
    h("div", { class: "dw-words" }, title, text, foot),
  );
  return {
    element,
    update(words: PosterWords) {
      write(title, words.title);
      write(text, words.text);
      show(button, words.start !== "");
      write(label, words.start);
      show(spinner, words.busy);
    },
  };
}

/** The pills over the picture: state with its time, model, quality. */
function pills() {
  const words = h("span");
  const queue = h("span", { class: "dw-queue" });
  // The time changes each second: to be seen, not announced.
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
