/** Whether any view shows the picture to a person, and how large the largest one is. */

import { onAbort } from "../host.ts";

/** A size in pixels of the device. */
export interface Size {
  width: number;
  height: number;
}

/** Sizes are rounded up to a multiple of this: each change costs a keyframe. */
const STEP_PX = 64;
/** A size has to stay the same for so long: while a window is resized it changes all the time. */
const SETTLE_MS = 250;

/** What is visible of the elements that show a stream. */
export interface Viewed {
  /** The largest visible element; null while none is visible. */
  readonly size: Size | null;
  /** Observes another element; the same one again has no effect. */
  add(screen: HTMLVideoElement): void;
}

/**
 * Observes elements until the signal.
 *
 * @param onChange called after each change of `size`
 */
export function viewed(onChange: () => void, signal: AbortSignal): Viewed {
  const visible = new Set<Element>();
  const known = new WeakSet<Element>();
  let size: Size | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const apply = () => {
    clearTimeout(timer);
    timer = undefined;
    const now = document.hidden ? null : largest(visible);
    if (now?.width === size?.width && now?.height === size?.height) return;
    size = now;
    onChange();
  };
  const intersections = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) visible.add(target);
      else visible.delete(target);
    }
    // At once: a person looks at it, or at nothing any more.
    if ((size === null) === visible.size > 0) apply();
    else timer ??= setTimeout(apply, SETTLE_MS);
  });
  const sizes = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(apply, SETTLE_MS);
  });
  document.addEventListener("visibilitychange", apply, { signal });
  onAbort(signal, () => {
    clearTimeout(timer);
    intersections.disconnect();
    sizes.disconnect();
  });
  return {
    get size() {
      return size;
    },
    add(screen) {
      if (known.has(screen) || signal.aborted) return;
      known.add(screen);
      intersections.observe(screen);
      sizes.observe(screen);
    },
  };
}

/** The largest size of the elements, in pixels of the device, rounded up; null without elements. */
function largest(elements: Iterable<Element>): Size | null {
  let found: Size | null = null;
  for (const { clientWidth, clientHeight } of elements) {
    const [width, height] = [clientWidth, clientHeight].map(inSteps) as [number, number];
    if (!found) found = { width, height };
    else found = { width: Math.max(found.width, width), height: Math.max(found.height, height) };
  }
  return found;
}

function inSteps(cssPx: number): number {
  const px = cssPx * (globalThis.devicePixelRatio || 1);
  return Math.max(STEP_PX, Math.ceil(px / STEP_PX) * STEP_PX);
}
