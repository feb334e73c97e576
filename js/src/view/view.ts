/** One view: the widget's card, kept true to its session. */

import { type HostModel, listen } from "../host.ts";
import { trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { controls, watching } from "./controls.ts";
import { h, mark } from "./dom.ts";
import { injectStyles } from "./inject-styles.ts";
import { promptBar } from "./prompt.ts";
import type { ToolsPiece } from "./slots.ts";
import { type Part, stage } from "./stage.ts";
import { clock } from "./words.ts";

/** A handle for tests and for the console: `element.decart.stats()`. */
interface Handle {
  readonly attempt: number | null;
  stats(): Promise<object>;
}

/** Puts a view of the session into `el` until the signal. */
export function mount(
  session: Session,
  model: HostModel,
  el: HTMLElement,
  signal: AbortSignal,
): void {
  if (signal.aborted) return;
  const remaining = countdown(model, signal, () => update());
  const time = () => {
    if (session.viewer && session.state === "generating") return "";
    if (session.state === "generating") return clock(trait(model, "generation_tick"));
    const seconds = session.state === "reconnecting" ? remaining() : 0;
    return seconds > 0 ? `in ${seconds} s` : "";
  };
  const picture = stage(session, time, signal);
  const parts: Part[] = session.viewer
    ? [picture, watching(session)]
    : [picture, promptBar(session, signal), controls(session)];
  const tools: Pick<Part, "update">[] = [];
  const root = h(
    "div",
    {
      class: "decart-widget",
      role: "group",
      "aria-label": session.viewer ? "Decart viewer" : "Decart camera",
      // The notebook's shortcuts are not for keys pressed in here.
      "data-lm-suppress-shortcuts": "true",
    },
    ...parts.map((part) => part.element),
  );
  for (const type of ["keydown", "keyup", "keypress"]) {
    root.addEventListener(type, (event) => event.stopPropagation());
  }

  function update(): void {
    const { attempt, ttffMs } = session;
    const focused = root.contains(document.activeElement) ? document.activeElement : null;
    mark(root, "state", session.state);
    mark(root, "revealed", attempt?.revealed === true);
    mark(root, "owner", session.owner !== false);
    mark(root, "camera", session.cameraOn ? "on" : "off");
    if (ttffMs !== null) mark(root, "ttffMs", ttffMs);
    else delete root.dataset.ttffMs;
    for (const part of [...parts, ...tools]) part.update();
    keepFocus(root, focused);
  }

  const handle: Handle = {
    get attempt() {
      return session.attempt?.number ?? null;
    },
    stats: async () => ({
      transport: session.attempt?.transport ?? "webrtc",
      framesDecoded: 0,
      ...(await session.stats()),
    }),
  };
  Object.assign(root, { decart: handle });

  session.attach(signal);
  session.watch(update, signal);
  el.append(root);
  injectStyles(root, signal);
  signal.addEventListener("abort", () => root.remove(), { once: true });
  update();
  void loadTools();

  async function loadTools() {
    // A view without it shows the picture, takes prompts and stops: all that it must.
    const piece = (await session.load("tools").catch(() => null)) as ToolsPiece | null;
    if (!piece || signal.aborted) return;
    session.words = piece.WORDS;
    const slot = (name: string) => root.querySelector<HTMLElement>(`.dw-${name}`) as HTMLElement;
    const slots = { root, stage: slot("stage"), tools: slot("tools"), image: slot("image") };
    tools.push(piece.mountTools(session, slots, signal));
    update();
  }
}

/** A button that took itself away passes the focus to the one that came. */
function keepFocus(root: HTMLElement, focused: Element | null): void {
  if (!(focused instanceof HTMLButtonElement) || focused.checkVisibility?.() !== false) return;
  const buttons = root.querySelectorAll<HTMLButtonElement>(".dw-stop, .dw-retry, .dw-start");
  [...buttons].find((button) => button.checkVisibility())?.focus({ preventScroll: true });
}

/** Whole seconds until the next attempt to reconnect, counted down here. */
function countdown(model: HostModel, signal: AbortSignal, tick: () => void): () => number {
  let until = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const remaining = () => Math.max(0, Math.ceil((until - performance.now()) / 1000));
  const begin = () => {
    clearInterval(timer);
    until = performance.now() + (trait(model, "_retry").in_s ?? 0) * 1000;
    if (!remaining()) return;
    timer = setInterval(() => {
      if (!remaining()) clearInterval(timer);
      tick();
    }, 1000);
  };
  const onChange = () => {
    begin();
    tick();
  };
  listen(model, "change:_retry", onChange, signal);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  begin();
  return remaining;
}
