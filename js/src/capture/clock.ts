/** A timer that keeps its rate in a hidden page, where browsers slow timers down to one a second. */

/**
 * Calls back until the signal aborts.
 *
 * @param fps calls per second, between 1 and 60
 */
export function ticks(fps: number, callback: () => void, signal: AbortSignal): void {
  const intervalMs = 1000 / Math.max(1, Math.min(fps, 60));
  const source = `setInterval(() => postMessage(0), ${intervalMs})`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const clock = new Worker(url);
  URL.revokeObjectURL(url);
  clock.onmessage = () => signal.aborted || callback();
  signal.addEventListener("abort", () => clock.terminate(), { once: true });
}
