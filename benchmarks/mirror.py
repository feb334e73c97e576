"""Cost of mirroring at 1280x720, 30 frames/s: time on the page's main thread, and added delay.

The page has the front end's capture chunk, the fake camera at 30 frames/s, and a video element with
the picture that would be sent; nothing is sent. `main_thread_ms` is the time in tasks of the page's
main thread (Chromium's `TaskDuration`) over 10 s with the mirror on, per frame;
`main_thread_off_ms` is the same with it off. `added_delay_ms` is the median time from a frame's
arrival on the camera's track to its arrival on the mirrored track, matched by timestamp, both read
in a worker.
"""

from __future__ import annotations

import asyncio
import statistics
from typing import Final

from playwright.async_api import CDPSession

from benchmarks import Figures
from tests.browser.bundle_host import opened
from tools import browser as chromium

LIMITS: Final = {"main_thread_ms": 2.0, "added_delay_ms": 8.0}

SECONDS: Final = 10.0
TURNS: Final = 2
FPS: Final = 30
OPEN: Final = """async (fps) => {
  const {open} = await import('/static/capture.js');
  const size = {width: 1280, height: 720, fps};
  const wish = {size, camera: null, mirror: 'off', source: 'camera'};
  const video = Object.assign(document.createElement('video'), {muted: true, width: 640});
  document.body.append(video);
  const show = async () => { video.srcObject = capture.preview; await video.play(); };
  const events = {changed() {}, replaced: show, ended() {}, trouble() {}};
  const media = navigator.mediaDevices, get = media.getUserMedia.bind(media);
  media.getUserMedia = async (what) => {
    const stream = await get(what);
    window.raw = stream.getVideoTracks()[0];
    return stream;
  };
  const capture = window.capture = open(wish, null, events, new AbortController().signal);
  await capture.track;
  await show();
}"""
DELAYS: Final = """async (count) => {
  const watch = () => {
    const seen = new Map(), delays = [];
    const read = async (frames, note) => {
      const reader = frames.getReader();
      for (;;) {
        const {value: frame, done} = await reader.read();
        if (done) return;
        note(frame.timestamp, performance.now());
        frame.close();
      }
    };
    self.onmessage = ({data: {raw, made, count}}) => {
      read(raw, (stamp, now) => seen.set(stamp, now));
      read(made, (stamp, now) => {
        if (seen.has(stamp)) delays.push(now - seen.get(stamp));
        if (delays.length === count) postMessage(delays);
      });
    };
  };
  const worker = new Worker(URL.createObjectURL(new Blob([`(${watch})()`])));
  const frames = (track) => new MediaStreamTrackProcessor({track: track.clone()}).readable;
  const raw = frames(window.raw), made = frames(capture.preview.getVideoTracks()[0]);
  const measured = new Promise((done) => { worker.onmessage = ({data}) => done(data); });
  worker.postMessage({raw, made, count}, [raw, made]);
  return measured;
}"""
"""Milliseconds between the two tracks for each frame, as a worker sees them."""


async def task_seconds(session: CDPSession) -> float:
    answer = await session.send("Performance.getMetrics")
    return float(next(m["value"] for m in answer["metrics"] if m["name"] == "TaskDuration"))


async def over(session: CDPSession, seconds: float) -> float:
    """Seconds that tasks of the main thread take within `seconds`."""
    before = await task_seconds(session)
    await asyncio.sleep(seconds)
    return await task_seconds(session) - before


async def measure() -> Figures:
    async with chromium.launched() as browser:
        page = await browser.new_page(viewport=chromium.VIEWPORT)
        async with opened(page) as host:
            await host.frame.evaluate(OPEN, FPS)
            session = await page.context.new_cdp_session(page)
            await session.send("Performance.enable")
            spent: dict[str, list[float]] = {"off": [], "on": []}
            for _ in range(TURNS):
                for mirror, seconds in spent.items():
                    await host.run("capture.change({mirror: %s})", mirror)
                    await over(session, 1.0)
                    seconds.append(await over(session, SECONDS))
            assert await host.run("capture.obtained.mirrored")
            delays = await host.frame.evaluate(DELAYS, 150)
    off, on = (1000 * statistics.median(spent[key]) / (FPS * SECONDS) for key in ("off", "on"))
    return {
        "main_thread_ms": round(on, 2),
        "main_thread_off_ms": round(off, 2),
        "added_delay_ms": round(statistics.median(delays), 2),
        "added_delay_p95_ms": round(statistics.quantiles(delays, n=20)[-1], 2),
    }


def run() -> Figures:
    return asyncio.run(measure())
