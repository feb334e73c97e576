/** A clock that goes on in a hidden page, where a page's own timers are slowed to one a second. */

/** Calls back `rate` times a second until the signal. */
export function ticks(rate: number, callback: () => void, signal: AbortSignal): void {
  const every = 1000 / Math.max(1, Math.min(rate, 60));
  const source = `setInterval(() => postMessage(0), ${every})`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const clock = new Worker(url);
  URL.revokeObjectURL(url);
  clock.onmessage = () => signal.aborted || callback();
  signal.addEventListener("abort", () => clock.terminate(), { once: true });
}
