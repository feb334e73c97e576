/** The looks of a widget, as its kernel publishes them. */

import type { HostModel } from "../host.ts";

/** A prompt that was applied or refused; see runtime/looks.py. */
export interface Look {
  number: number;
  prompt: string | null;
  enrich: boolean;
  image: string | null;
  /** Seconds since 1970. */
  at: number;
  status: "applied" | "refused";
  reason: string;
  effect_s: number | null;
  changed: boolean | null;
  billed_s: number;
  star: boolean;
  pin: boolean;
  /** The key from 1 to 9 that switches to it. */
  key: number | null;
}

/** The looks, the newest first. */
export function looksOf(model: HostModel): Look[] {
  const looks = model.get("_looks");
  return Array.isArray(looks) ? [...(looks as Look[])].reverse() : [];
}

/** The number of the look that is applied; null without a session. */
export function liveOf(model: HostModel): number | null {
  return (model.get("_live") as number | null | undefined) ?? null;
}

/** What is shown in a filter. */
export type Filter = "all" | "starred" | "refused";

/** Whether a look passes a filter and has all words of what is looked for. */
export function passes(look: Look, filter: Filter, find: string): boolean {
  if (filter === "starred" && !look.star) return false;
  if (filter === "refused" && look.status !== "refused") return false;
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const text = nameOf(look).toLowerCase();
  return words.every((word) => text.includes(word));
}

/** The prompt in words. */
export function nameOf(look: Look): string {
  return look.prompt ?? (look.image ? "reference image alone" : "no prompt: as it is sent");
}

/** What is known of a look's effect, in a few words. */
export function effectWords(look: Look, isLive: boolean): string {
  if (look.status === "refused") return "refused";
  if (look.changed === false) return "no visible change";
  if (look.effect_s !== null) return `${look.effect_s.toFixed(2)} s`;
  return isLive && look.changed === null ? "…" : "not seen";
}

/** How it colours these words. */
export function tone(look: Look): "bad" | "warn" | "" {
  if (look.status === "refused") return "bad";
  return look.changed === false ? "warn" : "";
}

/** Seconds that were billed, shortly. */
export function billed(seconds: number): string {
  return `${seconds < 100 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

/** The full name of a look's button, for screen readers. */
export function sentence(look: Look, isLive: boolean): string {
  const at = new Date(look.at * 1000).toLocaleTimeString([], { timeStyle: "short" });
  const parts = [
    look.key === null ? nameOf(look) : `${look.key}: ${nameOf(look)}`,
    isLive ? "live" : "",
    look.pin ? "A" : "",
    look.changed === false
      ? "no visible change"
      : look.effect_s === null
        ? ""
        : `took effect after ${look.effect_s.toFixed(2)} s`,
    `${billed(look.billed_s)} billed`,
    `at ${at}`,
  ];
  return parts.filter(Boolean).join(", ");
}
