/** The cameras of this machine. */

import type { CameraInfo, Position } from "./types.ts";

/** More than any machine has; a list goes to the kernel. */
const MOST = 32;
const LONGEST = 200;

// What makers and systems call the two sides of a phone, and a laptop's own camera.
const FRONT =
  /\b(front|user|face ?time|integrated|built-?in|internal|selfie|frontal|avant|vorder\w*|delantera|anteriore)\b|前/i;
const BACK = /\b(back|rear|environment|world|arrière|rück\w*|trasera|posteriore)\b|后|後|背/i;

/** Which way a camera looks, by what it says of itself and by its name. */
export function positionOf(label: string, facingMode?: string | readonly string[]): Position {
  const facing = typeof facingMode === "string" ? facingMode : (facingMode?.[0] ?? "");
  if (facing === "user") return "front";
  if (facing === "environment") return "back";
  return BACK.test(label) ? "back" : FRONT.test(label) ? "front" : "unknown";
}

/** The cameras; ids and labels are empty before one was allowed. */
export async function list(): Promise<CameraInfo[]> {
  const devices = (await navigator.mediaDevices.enumerateDevices?.()) ?? [];
  return devices
    .filter(({ kind }) => kind === "videoinput")
    .slice(0, MOST)
    .map(({ deviceId, label }) => {
      const name = label.slice(0, LONGEST);
      return { id: deviceId.slice(0, LONGEST), label: name, position: positionOf(name) };
    });
}

/** The one that is meant: by id, by label (a part of it will do), or by its side. */
export function find(cameras: readonly CameraInfo[], camera: string): CameraInfo | undefined {
  const known = cameras.filter(({ id }) => id);
  if (camera === "front" || camera === "back") {
    return known.find(({ position }) => position === camera);
  }
  const wanted = camera.toLowerCase();
  return (
    known.find(({ id }) => id === camera) ??
    known.find(({ label }) => label.toLowerCase() === wanted) ??
    known.find(({ label }) => label.toLowerCase().includes(wanted))
  );
}

/** The one after this: the other side where both are there, else the next of all. */
export function next(
  cameras: readonly CameraInfo[],
  current: { id: string; position: Position } | null,
): CameraInfo | undefined {
  const others = cameras.filter(({ id }) => id && id !== current?.id);
  const other = current?.position === "front" ? "back" : "front";
  const turned = others.find(({ position }) => position === other);
  if (current && current.position !== "unknown" && turned) return turned;
  const at = cameras.findIndex(({ id }) => id === current?.id);
  return [...cameras.slice(at + 1), ...cameras.slice(0, Math.max(at, 0))].find(({ id }) => id);
}
