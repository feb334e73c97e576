/** Lists the cameras of this machine and chooses among them. */

import type { CameraInfo, Position } from "./types.ts";

/** Cameras in a list at most: it is sent to the kernel, which accepts no more. */
const MAX_CAMERAS = 32;
/** Characters of an id or a label at most. */
const MAX_TEXT = 200;

// What manufacturers and systems call the two sides of a phone, and a laptop's built-in camera.
const FRONT =
  /\b(front|user|face ?time|integrated|built-?in|internal|selfie|frontal|avant|vorder\w*|delantera|anteriore)\b|前/i;
const BACK = /\b(back|rear|environment|world|arrière|rück\w*|trasera|posteriore)\b|后|後|背/i;

/**
 * Which way a camera looks.
 *
 * @param facingMode the track's setting or the device's capability; decides before the label does
 */
export function positionOf(label: string, facingMode?: string | readonly string[]): Position {
  const facing = typeof facingMode === "string" ? facingMode : (facingMode?.[0] ?? "");
  if (facing === "user") return "front";
  if (facing === "environment") return "back";
  return BACK.test(label) ? "back" : FRONT.test(label) ? "front" : "unknown";
}

/** The cameras; their ids and labels are empty until the person has allowed one. */
export async function list(): Promise<CameraInfo[]> {
  const devices = (await navigator.mediaDevices.enumerateDevices?.()) ?? [];
  return devices
    .filter(({ kind }) => kind === "videoinput")
    .slice(0, MAX_CAMERAS)
    .map(({ deviceId, label }) => {
      const name = label.slice(0, MAX_TEXT);
      return { id: deviceId.slice(0, MAX_TEXT), label: name, position: positionOf(name) };
    });
}

/**
 * Finds a camera.
 *
 * @param camera its id, its label or a part of it in any case, "front" or "back"
 */
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

/** The camera to switch to: one on the other side if there is one, else the next in the list. */
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
