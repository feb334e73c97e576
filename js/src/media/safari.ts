/** Desktop Safari, which needs VP8: it shows the service's H.264 black. */

/** Whether this is Safari on a desktop (an iPad calls itself a Mac, and has a touch screen). */
export function desktopSafari({ vendor = "", userAgent, maxTouchPoints }: Navigator): boolean {
  const apple = vendor.startsWith("Apple") && /Macintosh/.test(userAgent);
  return apple && !(maxTouchPoints > 1);
}
