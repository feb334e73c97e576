/** The widget's synced traits, typed, with a default for each that a host or an older kernel lacks. */

import type { HostModel } from "../host.ts";

/** Every value of `connection_state`. */
export const STATES = [
  "idle",
  "connecting",
  "connected",
  "generating",
  "reconnecting",
  "disconnected",
  "error",
] as const;

/** The session's state, as the kernel sets it. */
export type ConnectionState = (typeof STATES)[number];

/** The kernel's `error` trait; empty when there is no error. */
export interface ErrorTrait {
  code?: string;
  message?: string;
  remedy?: string;
}

/** The synced traits, by name. */
export interface Traits {
  model: string;
  prompt: string;
  enrich: boolean;
  connection_state: ConnectionState;
  queue_position: number | null;
  queue_size: number | null;
  session_id: string | null;
  generation_tick: number;
  /** US dollars so far, by list price; null where no price is known. */
  cost: number | null;
  prompt_status: "idle" | "pending" | "applied" | "rejected";
  error: ErrorTrait;
  endpoint: string;
  budget: number | null;
  budget_low: boolean;
  /** An id, a label, "front" or "back"; null for the browser's choice. */
  camera: string | null;
  mirror: "off" | "auto" | "on";
  orientation: "landscape" | "portrait";
  /** Where the session's media is: in this page, or in the kernel. */
  engine: "browser" | "kernel";
  /** "camera", "screen", "test-pattern" or "file"; the source's label with the kernel's engine. */
  source: string;
  microphone: boolean;
  /** Whether silence is sent in place of the microphone's sound. */
  muted: boolean;
  /** Whether a running cell keeps the kernel from reading this page's messages. */
  kernel_busy: boolean;
  /** "viewer": shows the session of another widget, and has no camera. */
  _kind: "session" | "viewer";
  _media: {
    width: number;
    height: number;
    fps: number;
    has_image?: boolean;
    takes_image?: boolean;
  };
  _retry: { attempt?: number; of?: number; in_s?: number };
  _applied_in: number | null;
}

const DEFAULTS: Traits = {
  model: "",
  prompt: "",
  enrich: true,
  connection_state: "idle",
  queue_position: null,
  queue_size: null,
  session_id: null,
  generation_tick: 0,
  cost: null,
  prompt_status: "idle",
  error: {},
  endpoint: "",
  budget: null,
  budget_low: false,
  camera: null,
  mirror: "off",
  orientation: "landscape",
  engine: "browser",
  source: "camera",
  microphone: false,
  muted: false,
  kernel_busy: false,
  _kind: "session",
  _media: { width: 1280, height: 720, fps: 30 },
  _retry: {},
  _applied_in: null,
};

/** Every trait that the front end shows. */
export const SHOWN_TRAITS = Object.keys(DEFAULTS) as (keyof Traits)[];

/** A trait's value, or its default where the model has none. */
export function trait<K extends keyof Traits>(model: HostModel, name: K): Traits[K] {
  return (model.get(name) as Traits[K] | null | undefined) ?? DEFAULTS[name];
}

/** The traits that a person sets in this page. */
type SettableTrait =
  | "prompt"
  | "enrich"
  | "camera"
  | "mirror"
  | "orientation"
  | "source"
  | "microphone"
  | "muted";

/** Sets a trait and sends it to the kernel, where its value differs. */
export function setTrait(
  model: HostModel,
  name: SettableTrait,
  value: string | boolean | null,
): void {
  if (model.get(name) === value) return;
  model.set(name, value);
  model.save_changes();
}

/** Whether a page sends this source; any other is the label of the kernel's. */
export function isPageSource(source: string): boolean {
  return /^(camera|screen|test-pattern|file)$/.test(source);
}

/** Whether a session exists in this state. */
export function isActiveState(state: ConnectionState): boolean {
  return state !== "idle" && state !== "disconnected" && state !== "error";
}

/** Whether, by the kernel's state, the service generates the picture. */
export function isGenerating(model: HostModel): boolean {
  return trait(model, "connection_state") === "generating";
}
