"""Pixels of a widget's picture, compared with those of the camera.

Each picture is drawn into a small canvas in the page with `drawImage`, which takes the decoded
frame that would be painted, and compared here. The camera's picture moves, so a difference counts
only when it is well above the difference of two samples of the same source.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Page

Picture = NDArray[np.uint8]

WIDTH, HEIGHT = 64, 36
CLEARLY: Final = 12.0
"""Mean difference (0 to 255, over all pixels and channels) from which two pictures look clearly
different; at least twice that of two samples of the moving fake camera.
"""

SCRIPT: Final = """
({width, height}) => {
  if (window.dwPixels) return;
  const take = (video) => {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d', {willReadFrequently: true});
    context.drawImage(video, 0, 0, width, height);
    const {data} = context.getImageData(0, 0, width, height);
    let text = '';
    for (let i = 0; i < data.length; i += 4) {
      text += String.fromCharCode(data[i], data[i + 1], data[i + 2]);
    }
    return btoa(text);
  };
  const shown = (root) => {
    const video = root?.querySelector('video.dw-remote');
    return root?.dataset.revealed === 'true' && video?.readyState >= 2 && video.videoWidth > 0
      ? video : null;
  };
  let camera = null;
  window.dwPixels = {
    stage(index) {
      const video = shown(document.querySelectorAll('.decart-widget')[index]);
      return video && {pixels: take(video), width: video.videoWidth, height: video.videoHeight};
    },
    async reference() {
      if (!camera) {
        const video = {width: 1280, height: 720};
        const stream = await navigator.mediaDevices.getUserMedia({video});
        camera = Object.assign(document.createElement('video'), {srcObject: stream, muted: true});
        await camera.play();
      }
      await new Promise((done) => camera.requestVideoFrameCallback(done));
      return take(camera);
    },
    endReference() {
      for (const track of camera?.srcObject.getTracks() ?? []) track.stop();
      camera = null;
    },
    // Time from the next click on Start to the first frame on the stage, and that frame.
    watchFirstFrame() {
      let clicked = 0;
      document.addEventListener('click', (event) => {
        if (!clicked && event.target.closest?.('.dw-start')) clicked = event.timeStamp;
      }, {capture: true});
      window.dwFirst = new Promise((done) => {
        const look = () => {
          const root = document.querySelector('.decart-widget');
          const video = clicked ? shown(root) : null;
          if (video) done({ms: performance.now() - clicked, pixels: take(video)});
          else requestAnimationFrame(look);
        };
        look();
      });
    },
  };
}
"""
"""Installed once in a page: defines `window.dwPixels`, whose methods the functions below call."""


@dataclass(frozen=True)
class Stage:
    """The picture of one view: sampled pixels, and the decoded size."""

    pixels: Picture
    width: int
    height: int


def decode(text: str) -> Picture:
    """`(36, 64, 3)` uint8 RGB from the page's base64."""
    data = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    return data.reshape(HEIGHT, WIDTH, 3)


def difference(first: Picture, second: Picture) -> float:
    """Mean absolute difference, 0 to 255."""
    return float(np.abs(first.astype(np.int16) - second.astype(np.int16)).mean())


def colourfulness(picture: Picture) -> float:
    """Mean spread between a pixel's channels, 0 (grey) to 255."""
    return float(np.ptp(picture.astype(np.int16), axis=2).mean())


async def install(page: Page) -> None:
    await page.evaluate(SCRIPT, {"width": WIDTH, "height": HEIGHT})


async def stage(page: Page, index: int = 0) -> Stage | None:
    """What view number `index` shows, or None while it shows no picture."""
    await install(page)
    shown = await page.evaluate("(index) => window.dwPixels.stage(index)", index)
    return shown and Stage(decode(shown["pixels"]), shown["width"], shown["height"])


async def stages(page: Page, count: int) -> list[Stage | None]:
    """What the first `count` views show, sampled at the same moment."""
    await install(page)
    script = "(count) => Array.from({length: count}, (_, i) => window.dwPixels.stage(i))"
    return [
        shown and Stage(decode(shown["pixels"]), shown["width"], shown["height"])
        for shown in await page.evaluate(script, count)
    ]


async def reference(page: Page) -> Picture:
    """The camera's picture, from a `getUserMedia` separate from the widget's."""
    await install(page)
    return decode(await page.evaluate("window.dwPixels.reference()"))


async def end_reference(page: Page) -> None:
    await page.evaluate("window.dwPixels?.endReference()")


async def watch_first_frame(page: Page) -> None:
    """Begins to wait for the first frame; call it before Start is clicked, then `first_frame()`."""
    await install(page)
    await page.evaluate("window.dwPixels.watchFirstFrame()")


async def first_frame(page: Page) -> tuple[float, Picture]:
    """Waits for the first frame on the stage.

    Returns:
        Seconds from the click on Start, and the pixels.
    """
    first = cast(dict[str, Any], await page.evaluate("window.dwFirst"))
    return first["ms"] / 1000, decode(first["pixels"])
