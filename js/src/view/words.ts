/** What the widget says, as functions of what it shows: no page, no clock. */

import type { HostModel } from "../host.ts";
import type { Reading } from "../media/stats.ts";
import { type ConnectionState, trait } from "../session/model.ts";

const STATE: Record<ConnectionState, string> = {
  idle: "Ready",
  connecting: "Connecting",
  connected: "Connected",
  generating: "Generating",
  reconnecting: "Reconnecting",
  disconnected: "Stopped",
  error: "Not running",
};

export function stateWords(state: ConnectionState, model: HostModel): string {
  if (state === "generating" && trait(model, "_kind") === "viewer") return "Live";
  const { attempt, of } = trait(model, "_retry");
  if (state === "reconnecting" && attempt && of) return `${STATE[state]} · ${attempt} of ${of}`;
  return STATE[state];
}

/** The place in the queue, or nothing outside of one. */
export function queueWords(state: ConnectionState, model: HostModel): string {
  const position = trait(model, "queue_position");
  if (position === null || (state !== "connecting" && state !== "reconnecting")) return "";
  const size = trait(model, "queue_size");
  return size === null ? `place ${position} in the queue` : `${position} of ${size} in the queue`;
}

/** What stands beside the state, announced once when it comes up. */
export function asideWords(state: ConnectionState, model: HostModel): string {
  if (trait(model, "kernel_busy")) return "kernel busy";
  if (state === "generating" && trait(model, "budget_low")) return "budget almost used up";
  return queueWords(state, model);
}

/** Seconds as m:ss, as a bill has them. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A short time as a person reads it: 3 ms, 0.31 s. */
function duration(seconds: number): string {
  return seconds < 0.1
    ? `${Math.max(1, Math.round(seconds * 1000))} ms`
    : `${seconds.toFixed(2)} s`;
}

export function billedWords(model: HostModel): string {
  const tick = trait(model, "generation_tick");
  const budget = trait(model, "budget");
  const spent = budget === null ? clock(tick) : `${clock(tick)} of ${clock(budget)}`;
  if (trait(model, "endpoint") === "sandbox") return tick ? `${spent}, not billed` : "Not billed";
  return tick || budget !== null ? `${spent} billed` : "Nothing billed";
}

export function qualityWords(reading: Reading | undefined): string[] {
  if (!reading?.width) return [];
  const words = [`${reading.width}×${reading.height}`, `${Math.round(reading.fps)} fps`];
  if (reading.rtt_s !== null) words.push(`${Math.round(reading.rtt_s * 1000)} ms`);
  return words;
}

/** Packets lost on the way here, to go behind other words. */
export function lossWords(reading: Reading | undefined): string {
  return reading ? ` · loss ${(reading.loss * 100).toFixed(1)} %` : "";
}

/** Where a session is. */
export function endpointWords(endpoint: string): string {
  if (endpoint === "sandbox") return "in the sandbox";
  return endpoint && endpoint !== "decart" ? `at ${endpoint}` : "at Decart";
}

export interface PosterWords {
  title: string;
  text: string;
  /** What the button says that belongs to it; empty where there is none. */
  start: string;
  /** Whether a spinner is shown. */
  isBusy: boolean;
}

/** What stands where the picture will be. */
export function posterWords(
  state: ConnectionState,
  model: HostModel,
  page: { isOwnedElsewhere: boolean; isCameraOn: boolean },
): PosterWords {
  if (trait(model, "_kind") === "viewer") return viewerWords(state);
  const rest = { start: "Start", isBusy: false };
  const active = { start: "", isBusy: true };
  if (page.isOwnedElsewhere) {
    const text = "The session runs there. Its camera goes off when you take over.";
    return { title: "Shown in another tab", text, start: "Take over", isBusy: false };
  }
  switch (state) {
    case "idle":
    case "error": {
      const heard = trait(model, "microphone") ? " and microphone" : "";
      const text = `Start asks for your camera${heard}. Nothing is sent or billed before.`;
      return { title: "Ready", text, ...rest };
    }
    case "disconnected":
      return {
        title: "Stopped",
        text: "The camera is off and nothing is billed. Start begins a new session.",
        ...rest,
      };
    case "reconnecting":
      return { title: "Connection lost", text: "Trying again. Your prompt is kept.", ...active };
    case "connecting":
      if (queueWords(state, model)) {
        return { title: "In the queue", text: "Waiting is not billed.", ...active };
      }
      return page.isCameraOn
        ? { title: "Connecting", text: "Your camera is ready.", ...active }
        : { title: "Connecting", text: "Waiting for your camera: allow it if asked.", ...active };
    default:
      return { title: "Almost there", text: "The first picture is on its way.", ...active };
  }
}

function viewerWords(state: ConnectionState): PosterWords {
  const active = { start: "", isBusy: true };
  switch (state) {
    case "disconnected":
    case "error":
      return {
        title: "Stopped",
        text: "No session is watched here now.",
        ...active,
        isBusy: false,
      };
    case "reconnecting":
      return { title: "Connection lost", text: "Trying again.", ...active };
    case "idle":
    case "connecting":
      return { title: "Joining", text: "The picture of a running session comes here.", ...active };
    default:
      return { title: "Almost there", text: "The first picture is on its way.", ...active };
  }
}

export interface PromptWords {
  text: string;
  tone: "" | "ok" | "busy" | "bad";
}

/** The line under the prompt box. */
export function promptWords(state: ConnectionState, model: HostModel): PromptWords {
  const error = trait(model, "error");
  const status = trait(model, "prompt_status");
  const stands = state === "generating" || state === "connected";
  if (status === "rejected") {
    return { text: `rejected: ${error.message ?? "the service gave no reason"}`, tone: "bad" };
  }
  if (status === "pending" && stands) return { text: "applying…", tone: "busy" };
  // What is applied later takes it away.
  if (state === "generating" && error.message) {
    return { text: `${error.message} ${error.remedy ?? ""}`, tone: "bad" };
  }
  if (status === "applied" && stands) {
    const seconds = trait(model, "_applied_in");
    return { text: seconds === null ? "applied" : `applied in ${duration(seconds)}`, tone: "ok" };
  }
  if (state === "reconnecting") return { text: "Connection lost. Your prompt is kept.", tone: "" };
  if (state === "idle" || state === "disconnected") {
    return { text: "Start begins with this prompt.", tone: "" };
  }
  return { text: "", tone: "" };
}
