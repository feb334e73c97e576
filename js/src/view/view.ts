/** One view: the widget's card, which shows its session. */

import { type HostModel, listen, onAbort } from "../host.ts";
import { trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { controls, viewerControls } from "./controls.ts";
import { h, mark } from "./dom.ts";
import { injectStyles } from "./inject-styles.ts";
import type { NoticeTexts } from "./notices.ts";
import type { Updatable } from "./part.ts";
import { promptBar } from "./prompt.ts";
import type { ToolsChunk } from "./slots.ts";
import { stage } from "./stage.ts";
import { clock } from "./words.ts";

/** The minified styles.css of this folder. */
declare const __STYLES__: string;

/** A handle for tests and for the console: `element.decart.stats()`. */
interface Handle {
  readonly attempt: number | null;
  stats(): Promise<object>;
}

/** Puts a view of the session into `el` until the signal. */
export function mount(session: Session, el: HTMLElement, signal: AbortSignal): void {
  if (signal.aborted) return;
  const { model, isViewer } = session;
  const retryInS = countdown(model, signal, () => update());
  let noticeTexts: NoticeTexts = {};
  const picture = stage(
    session,
    () => timeWords(session, retryInS()),
    () => noticeTexts,
    signal,
  );
  /** Buttons that take each other's place. */
  const buttons = [picture.start, picture.slots.retry];
  const root = h("div", {
    class: "decart-widget",
    role: "group",
    "aria-label": isViewer ? "Decart viewer" : "Decart camera",
    // JupyterLab's keyboard shortcuts must not act on keys pressed in here.
    "data-lm-suppress-shortcuts": "true",
  });
  const parts: Updatable[] = [picture];
  root.append(picture.element);
  let mountTools: (chunk: ToolsChunk) => Updatable;
  if (isViewer) {
    const row = viewerControls(session);
    parts.push(row);
    root.append(row.element);
    const slots = { root, ...picture.slots, ...row.slots };
    mountTools = (chunk) => chunk.mountViewerTools(session, slots, signal);
  } else {
    const prompt = promptBar(session, signal);
    const rows = controls(session);
    parts.push(prompt, rows);
    root.append(prompt.element, rows.element);
    buttons.push(rows.stop);
    const slots = { root, ...picture.slots, ...prompt.slots, ...rows.slots };
    mountTools = (chunk) => chunk.mountTools(session, slots, signal);
  }
  for (const type of ["keydown", "keyup", "keypress"]) {
    root.addEventListener(type, (event) => event.stopPropagation());
  }

  function update(): void {
    const { attempt, ttffMs } = session;
    const focused = root.contains(document.activeElement) ? document.activeElement : null;
    mark(root, "state", session.state);
    mark(root, "revealed", attempt?.revealed === true);
    mark(root, "owner", session.isOwner !== false);
    mark(root, "camera", session.source.isCameraOn ? "on" : "off");
    mark(root, "engine", trait(model, "engine"));
    if (ttffMs !== null) mark(root, "ttffMs", ttffMs);
    else delete root.dataset.ttffMs;
    for (const part of parts) part.update();
    keepFocus(buttons, focused);
  }

  Object.assign(root, { decart: handleOf(session) });
  session.attachView(signal);
  session.onChange(update, signal);
  const frame = h("div", { class: "decart-frame" }, root);
  el.append(frame);
  injectStyles(root, signal, __STYLES__);
  onAbort(signal, () => frame.remove());
  update();
  void loadTools();

  async function loadTools() {
    // A view without tools shows the picture, takes prompts and stops.
    const chunk = (await session.load("tools").catch(() => null)) as ToolsChunk | null;
    if (!chunk || signal.aborted) return;
    noticeTexts = chunk.NOTICE_TEXTS;
    parts.push(mountTools(chunk));
    update();
  }
}

/** The text beside the state: the seconds that were generated, or until the next attempt. */
function timeWords({ state, isViewer, model }: Session, retryInS: number): string {
  if (state === "generating") return isViewer ? "" : clock(trait(model, "generation_tick"));
  return state === "reconnecting" && retryInS > 0 ? `in ${retryInS} s` : "";
}

function handleOf(session: Session): Handle {
  return {
    get attempt() {
      return session.attempt?.number ?? null;
    },
    stats: async () => ({
      transport: session.attempt?.transport ?? "webrtc",
      framesDecoded: 0,
      ...(await session.attempt?.measure()),
    }),
  };
}

/** Moves the focus from a button that has been hidden to the one that took its place. */
function keepFocus(buttons: HTMLElement[], focused: Element | null): void {
  if (!(focused instanceof HTMLButtonElement) || focused.checkVisibility?.() !== false) return;
  buttons.find((button) => button.checkVisibility())?.focus({ preventScroll: true });
}

/**
 * Counts the time until the next attempt to reconnect down.
 *
 * @param onTick called once a second while it is counted
 * @returns a function for the whole seconds that are left
 */
function countdown(model: HostModel, signal: AbortSignal, onTick: () => void): () => number {
  let retryAtMs = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const remaining = () => Math.max(0, Math.ceil((retryAtMs - performance.now()) / 1000));
  const begin = () => {
    clearInterval(timer);
    retryAtMs = performance.now() + (trait(model, "_retry").in_s ?? 0) * 1000;
    if (!remaining()) return;
    timer = setInterval(() => {
      if (!remaining()) clearInterval(timer);
      onTick();
    }, 1000);
  };
  const onChange = () => {
    begin();
    onTick();
  };
  listen(model, "change:_retry", onChange, signal);
  onAbort(signal, () => clearInterval(timer));
  begin();
  return remaining;
}
