/** The widget's synced traits, typed, with a default for each that a host or an older kernel lacks. */

import type { HostModel } from "../host.ts";

export const STATES = [
  "idle",
  "connecting",
  "connected",
  "generating",
  "reconnecting",
  "disconnected",
  "error",
] as const;

export type ConnectionState = (typeof STATES)[number];

/** The kernel's `error` trait; empty when there is none. */
export interface ErrorTrait {
  code?: string;
  message?: string;
  remedy?: string;
}

export interface Traits {
  model: string;
  prompt: string;
  enrich: boolean;
  connection_state: ConnectionState;
  queue_position: number | null;
  queue_size: number | null;
  session_id: string | null;
  generation_tick: number;
  prompt_status: "idle" | "pending" | "applied" | "rejected";
  error: ErrorTrait;
  endpoint: string;
  budget: number | null;
  budget_low: boolean;
  /** An id, a label, "front" or "back"; null for the browser's choice. */
  camera: string | null;
  mirror: "off" | "auto" | "on";
  orientation: "landscape" | "portrait";
  source: "camera" | "screen" | "test-pattern" | "file";
  microphone: boolean;
  /** Whether the microphone is silent for now. */
  muted: boolean;
  /** A cell keeps the kernel from hearing this page. */
  kernel_busy: boolean;
  /** "viewer": shows a session that runs elsewhere, and has no camera. */
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
  prompt_status: "idle",
  error: {},
  endpoint: "",
  budget: null,
  budget_low: false,
  camera: null,
  mirror: "off",
  orientation: "landscape",
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
export const SHOWN = Object.keys(DEFAULTS) as (keyof Traits)[];

export function trait<K extends keyof Traits>(model: HostModel, name: K): Traits[K] {
  return (model.get(name) as Traits[K] | null | undefined) ?? DEFAULTS[name];
}
