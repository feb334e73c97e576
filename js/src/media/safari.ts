/** Detects desktop Safari, which needs VP8: it shows the service's H.264 as black. */

/** Whether this is Safari on a desktop. An iPad calls itself a Mac too, but has a touch screen. */
export function desktopSafari({ vendor = "", userAgent, maxTouchPoints }: Navigator): boolean {
  const apple = vendor.startsWith("Apple") && /Macintosh/.test(userAgent);
  return apple && !(maxTouchPoints > 1);
}
