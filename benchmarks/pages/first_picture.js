// Measures, in any page, the time from a click to the first transformed picture on the screen.
// Installed before any script of the page. The effect is greyscale: transformed means colourless.

(() => {
  /** Mean spread between a pixel's channels, 0 (grey) to 255. */
  const colourfulness = (video) => {
    const canvas = new OffscreenCanvas(64, 36);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0, 64, 36);
    const { data } = context.getImageData(0, 0, 64, 36);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [red, green, blue] = data.subarray(i, i + 3);
      sum += Math.max(red, green, blue) - Math.min(red, green, blue);
    }
    return sum / (64 * 36);
  };

  /**
   * Resolves to `ms` from the click on `button` to the first transformed picture, and to `raw`, how
   * many animation frames showed an untransformed one before.
   *
   * @param button CSS selector
   * @param picture CSS selector of the video, which matches once it is visible
   * @param limit colourfulness up to which a picture counts as transformed
   */
  window.dwFirstPicture = (button, picture, limit = 12) => {
    let clicked = 0;
    const onClick = (event) => {
      if (!clicked && event.target.closest?.(button)) clicked = event.timeStamp;
    };
    document.addEventListener("click", onClick, { capture: true });
    return new Promise((done) => {
      let raw = 0;
      const look = () => {
        const video = clicked ? document.querySelector(picture) : null;
        if (video?.readyState >= 2 && video.videoWidth > 0) {
          const ms = performance.now() - clicked;
          if (colourfulness(video) < limit) {
            document.removeEventListener("click", onClick, { capture: true });
            done({ ms, raw });
            return;
          }
          raw++;
        }
        requestAnimationFrame(look);
      };
      look();
    });
  };
})();
