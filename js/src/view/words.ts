/** The texts of the widget, as pure functions of what it shows. */

import type { HostModel } from "../host.ts";
import type { Reading } from "../media/stats.ts";
import { type ConnectionState, trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import type { Source } from "../session/source.ts";

const STATE: Record<ConnectionState, string> = {
  idle: "Ready",
  connecting: "Connecting",
  connected: "Connected",
  generating: "Generating",
  reconnecting: "Reconnecting",
  disconnected: "Stopped",
  error: "Not running",
};

/** The session's state. */
export function stateWords(state: ConnectionState, model: HostModel): string {
  if (state === "generating" && trait(model, "_kind") === "viewer") return "Live";
  const { attempt, of } = trait(model, "_retry");
  if (state === "reconnecting" && attempt && of) return `${STATE[state]} · ${attempt} of ${of}`;
  return STATE[state];
}

/** The place in the queue; empty outside of one. */
function queueWords(state: ConnectionState, model: HostModel): string {
  const position = trait(model, "queue_position");
  if (position === null || (state !== "connecting" && state !== "reconnecting")) return "";
  const size = trait(model, "queue_size");
  return size === null ? `place ${position} in the queue` : `${position} of ${size} in the queue`;
}

/** What is shown beside the state, and announced when it changes. */
export function asideWords(state: ConnectionState, model: HostModel): string {
  if (trait(model, "kernel_busy")) return "kernel busy";
  if (state === "generating" && trait(model, "budget_low")) return "budget almost used up";
  return queueWords(state, model);
}

/** Whole seconds as m:ss. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A short time: 3 ms, 0.31 s. */
function duration(seconds: number): string {
  return seconds < 0.1
    ? `${Math.max(1, Math.round(seconds * 1000))} ms`
    : `${seconds.toFixed(2)} s`;
}

/** How many seconds were generated, of what budget, and what they cost or whether they are billed. */
export function billedWords(model: HostModel): string {
  const tick = trait(model, "generation_tick");
  const budget = trait(model, "budget");
  const spent = budget === null ? clock(tick) : `${clock(tick)} of ${clock(budget)}`;
  if (trait(model, "endpoint") === "sandbox") return tick ? `${spent}, not billed` : "Not billed";
  if (!tick && budget === null) return "Nothing billed";
  const cost = trait(model, "cost");
  return cost === null ? `${spent} billed` : `$${cost.toFixed(2)} · ${spent}`;
}

/** Size, frame rate and round-trip time of the received picture. */
export function qualityWords(reading: Reading | undefined, isKernelSource = false): string[] {
  if (!reading?.width) return [];
  // The kernel scales what it shows down to the view.
  const shown = isKernelSource ? " shown" : "";
  const words = [`${reading.width}×${reading.height}${shown}`, `${Math.round(reading.fps)} fps`];
  if (reading.rtt_s !== null) words.push(`${Math.round(reading.rtt_s * 1000)} ms`);
  if (reading.way) words.push(reading.way);
  return words;
}

/** The share of packets that were lost, where any came, to be appended to other text. */
export function lossWords(reading: Reading | undefined): string {
  return reading?.totals.received ? ` · loss ${(reading.loss * 100).toFixed(1)} %` : "";
}

/** Where a session runs. */
export function endpointWords(endpoint: string): string {
  if (endpoint === "sandbox") return "in the sandbox";
  return endpoint && endpoint !== "decart" ? `at ${endpoint}` : "at Decart";
}

/** What the poster shows. */
export interface PosterWords {
  title: string;
  text: string;
  /** The label of its button; empty for no button. */
  start: string;
  /** Whether a spinner is shown. */
  isBusy: boolean;
}

/** A poster with a button, or with a spinner. */
function poster(title: string, text: string, start = "", isBusy = !start): PosterWords {
  return { title, text, start, isBusy };
}

/** What is shown in the place of the picture. */
export function posterWords(
  state: ConnectionState,
  model: HostModel,
  page: Pick<Session, "isOwnedElsewhere" | "isKernelSource" | "isSourceOver"> &
    Pick<Source, "isCameraOn">,
): PosterWords {
  if (trait(model, "_kind") === "viewer") return viewerWords(state);
  /** What the kernel sends. */
  const sent = page.isKernelSource && trait(model, "source");
  if (page.isOwnedElsewhere) {
    const text = "The session runs there. Its camera goes off when you take over.";
    return poster("Shown in another tab", text, "Take over");
  }
  switch (state) {
    case "idle":
    case "error": {
      const microphone = trait(model, "microphone") ? " and microphone" : "";
      const text = sent
        ? `Start sends ${sent} from the kernel. Until then nothing is sent or billed.`
        : `Start asks for your camera${microphone}. Until then no picture is sent and nothing is billed.`;
      return poster("Ready", text, "Start");
    }
    case "disconnected": {
      const text = sent
        ? `${page.isSourceOver ? `The end of ${sent}. ` : ""}Nothing is sent or billed. Start sends ${sent} again.`
        : "The camera is off and nothing is billed. Start begins a new session.";
      return poster("Stopped", text, "Start");
    }
    case "reconnecting":
      return poster("Connection lost", "Trying again. Your prompt is kept.");
    case "connecting":
      if (queueWords(state, model)) return poster("In the queue", "Waiting is not billed.");
      return poster(
        "Connecting",
        sent
          ? `The kernel sends ${sent}.`
          : page.isCameraOn
            ? "Your camera is ready."
            : "Waiting for your camera: allow it if asked.",
      );
    default:
      return firstPicture();
  }
}

function viewerWords(state: ConnectionState): PosterWords {
  switch (state) {
    case "disconnected":
    case "error":
      return poster("Stopped", "No session is shown here now.", "", false);
    case "reconnecting":
      return poster("Connection lost", "Trying again.");
    case "idle":
    case "connecting":
      return poster("Joining", "The picture of a running session will be shown here.");
    default:
      return firstPicture();
  }
}

function firstPicture(): PosterWords {
  return poster("Almost there", "The first picture is on its way.");
}

/** The text of the line under the prompt box, and its colour. */
export interface PromptWords {
  text: string;
  tone: "" | "ok" | "busy" | "bad";
}

/** Characters that a prompt may have; the kernel has the same limit (inputs/prompts.py). */
const MAX_PROMPT = 10_000;

/** Why a prompt can't be sent, and what to do about it; empty if it can. */
export function promptProblem(prompt: string): string {
  // A character may take two units of a string; the kernel counts characters.
  const length = prompt.length > 10 * MAX_PROMPT ? prompt.length : [...prompt].length;
  if (length > MAX_PROMPT) {
    const [has, may] = [length, MAX_PROMPT].map((count) => count.toLocaleString("en"));
    return `Not sent: ${has} characters. Shorten it to ${may}.`;
  }
  const isText = !/\p{Surrogate}|\0/u.test(prompt);
  return isText ? "" : "Not sent: a part of it is no text. Remove what looks damaged.";
}

/** A prompt in one line, as the box shows it: a text field would drop line breaks without a space. */
export function oneLine(prompt: string): string {
  return prompt.replace(/\s*[\r\n]+\s*/g, " ");
}

/** What the line under the prompt box shows. */
export function promptWords(state: ConnectionState, model: HostModel): PromptWords {
  const error = trait(model, "error");
  const status = trait(model, "prompt_status");
  const isConnected = state === "generating" || state === "connected";
  if (status === "rejected") {
    return { text: `rejected: ${error.message ?? "the service gave no reason"}`, tone: "bad" };
  }
  if (status === "pending" && isConnected) return { text: "applying…", tone: "busy" };
  // Shown until a later prompt is applied.
  if (state === "generating" && error.message) {
    return { text: `${error.message} ${error.remedy ?? ""}`, tone: "bad" };
  }
  if (status === "applied" && isConnected) {
    const seconds = trait(model, "_applied_in");
    return { text: seconds === null ? "applied" : `applied in ${duration(seconds)}`, tone: "ok" };
  }
  if (state === "reconnecting") return { text: "Connection lost. Your prompt is kept.", tone: "" };
  if (state === "idle" || state === "disconnected") {
    return { text: "Start begins with this prompt.", tone: "" };
  }
  return { text: "", tone: "" };
}
