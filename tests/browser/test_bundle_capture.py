"""The source that is sent, in a real browser: the camera, mirroring, orientation, other sources.

The pages contain a service that receives what is sent; `sent()` is its newest picture, after
encoder and network.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.bundle_host import Host, opened
from tests.browser.conftest import REMEMBER_TRACKS
from tools import browser as chromium

WIDTH, HEIGHT = 1280, 720
SENT: Final = """async () => {
  const {video} = h.kernel.service;
  const canvas = new OffscreenCanvas(video.videoWidth || 2, video.videoHeight || 2);
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(video, 0, 0);
  const mean = (x) => {
    const {data} = context.getImageData(x, 0, canvas.width / 20, canvas.height);
    const sum = [0, 0, 0];
    for (let i = 0; i < data.length; i++) if (i % 4 < 3) sum[i % 4] += data[i];
    return sum.map((s) => Math.round(s / (data.length / 4)));
  };
  return {width: canvas.width, height: canvas.height,
          left: mean(0), right: mean(canvas.width * 0.95), middle: mean(canvas.width * 0.475)};
}"""
"""The picture that the service receives: its size, and the mean colours of left and right edge."""

TWO: Final = """
const all = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
navigator.mediaDevices.enumerateDevices = async () =>
  (await all()).filter(({label}) => label !== 'fake_device_1');
"""
"""Chromium's second fake camera gives depths, which no encoder takes: so the first and the third.
"""


FIREFOX: Final = """
delete window.MediaStreamTrackProcessor;
delete window.MediaStreamTrackGenerator;
const {requestFrame} = CanvasCaptureMediaStreamTrack.prototype;
delete CanvasCaptureMediaStreamTrack.prototype.requestFrame;
MediaStream.prototype.requestFrame = function () {
  requestFrame.call(this.getVideoTracks()[0]);
};
"""
"""Removes MediaStreamTrackProcessor and the like, as in Firefox, where a canvas produces the
frames.
"""


def marked(path: Path) -> Path:
    """Writes a clip with a red left edge, a blue right edge and a moving square between."""
    with path.open("wb") as out:
        for number in range(30):
            picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
            picture[:, : WIDTH // 10] = (0, 0, 255)
            picture[:, -WIDTH // 10 :] = (255, 0, 0)
            x = 200 + number * 20
            picture[300:400, x : x + 100] = 255
            out.write(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def marked_browsers(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[chromium.Relaunched]:
    clip = marked(tmp_path_factory.mktemp("camera") / "marked.mjpeg")
    async with chromium.relaunched(video=clip) as browsers:
        yield browsers


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two_cameras() -> AsyncIterator[chromium.Relaunched]:
    async with chromium.relaunched(cameras=3) as browsers:
        yield browsers


async def host_in(browser: Browser, *scripts: str) -> AsyncIterator[Host]:
    context = await browser.new_context(viewport=chromium.VIEWPORT)
    page = await context.new_page()
    for script in (REMEMBER_TRACKS, *scripts):
        await page.add_init_script(script)
    async with opened(page) as host:
        yield host
    if browser.is_connected():
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def filmed(marked_browsers: chromium.Relaunched) -> AsyncIterator[Host]:
    async for host in host_in(await marked_browsers.get()):
        yield host


@pytest_asyncio.fixture(loop_scope="session")
async def doubled(two_cameras: chromium.Relaunched) -> AsyncIterator[Host]:
    async for host in host_in(await two_cameras.get(), TWO):
        yield host


@pytest_asyncio.fixture(loop_scope="session")
async def drawn(marked_browsers: chromium.Relaunched) -> AsyncIterator[Host]:
    async for host in host_in(await marked_browsers.get(), FIREFOX):
        yield host


async def mounted(host: Host, **traits: Any) -> None:
    size = {"width": WIDTH, "height": HEIGHT, "fps": 30}
    await host.mount({"_media": size, "_kind": "session", **traits})


async def until_sent(host: Host, condition: str) -> dict[str, Any]:
    """Waits until a JavaScript condition about `s`, the result of `SENT`, is true."""
    await host.until(f"({SENT})().then((s) => {condition})")
    found: dict[str, Any] = await host.frame.evaluate(SENT)
    return found


RED_LEFT: Final = "s.left[0] > 180 && s.left[2] < 90 && s.right[2] > 180 && s.right[0] < 90"
BLUE_LEFT: Final = "s.left[2] > 180 && s.left[0] < 90 && s.right[0] > 180 && s.right[2] < 90"


async def test_mirror_flips_the_pixels_that_the_service_receives(filmed: Host) -> None:
    await mounted(filmed)
    await filmed.start()
    await filmed.revealed()
    await until_sent(filmed, f"s.width === 1280 && {RED_LEFT}")
    await filmed.run("h.model.update({mirror: 'on'})")
    await until_sent(filmed, f"s.width === 1280 && {BLUE_LEFT}")
    await filmed.run("h.model.update({mirror: 'auto'})")  # the camera is not a front camera
    await until_sent(filmed, f"s.width === 1280 && {RED_LEFT}")
    assert await filmed.cameras() == ["live"], "one camera all the while"


async def test_a_portrait_is_cropped_from_the_middle_and_not_squeezed(filmed: Host) -> None:
    await mounted(filmed, orientation="portrait", mirror="on")
    await filmed.start()
    await filmed.revealed()
    sent = await until_sent(filmed, "s.width === 720 && s.height === 1280")
    assert max(np.ptp(sent[edge]) for edge in ("left", "right")) < 30, (
        "the marked edges are cut off"
    )
    camera = (await filmed.sent("cameras"))[-1]["camera"]
    assert (camera["width"], camera["height"], camera["mirrored"]) == (720, 1280, True)
    await filmed.run("h.model.update({orientation: 'landscape'})")
    await until_sent(filmed, f"s.width === 1280 && {BLUE_LEFT}")


async def test_without_streams_of_frames_the_page_draws_to_a_canvas(drawn: Host) -> None:
    await mounted(drawn, mirror="on")
    await drawn.start()
    await drawn.revealed()
    await until_sent(drawn, f"s.width === 1280 && {BLUE_LEFT}")
    await drawn.run("h.model.update({orientation: 'portrait'})")
    await until_sent(drawn, "s.width === 720 && s.height === 1280")
    received = await drawn.run("h.kernel.service.received")
    await drawn.until(f"h.kernel.service.received > {received + 5}")
    await drawn.run("h.model.update({source: 'test-pattern', mirror: 'off'})")
    await until_sent(drawn, "s.left[0] > 150 && s.left[1] < 60")


async def test_switching_opens_the_next_camera_and_closes_the_other(doubled: Host) -> None:
    await mounted(doubled)
    await doubled.start()
    await doubled.revealed()
    await doubled.until("h.model.last('cameras').cameras.length === 2")
    first = (await doubled.sent("cameras"))[-1]["camera"]
    await doubled.run(
        "h.model.receive({type: 'switch-camera', page_id: h.kernel.pageId, request: 1})"
    )
    await doubled.until("h.model.last('cameras').request === 1")
    second = (await doubled.sent("cameras"))[-1]["camera"]
    assert second["id"] != first["id"]
    assert second["label"] != first["label"]
    assert await doubled.cameras() == ["ended", "live"]
    received = await doubled.run("h.kernel.service.received")
    await doubled.until(f"h.kernel.service.received > {received + 5}")
    assert await doubled.run("h.model.sent.filter((m) => m.type === 'offer').length") == 1

    await doubled.run("h.model.update({camera: %s})", first["label"])
    await doubled.until(f"h.model.last('cameras').camera?.id === '{first['id']}'")
    assert (await doubled.cameras())[1] == "ended"


async def test_an_unplugged_camera_is_replaced_by_the_other_one(doubled: Host) -> None:
    await mounted(doubled)
    await doubled.start()
    await doubled.revealed()
    await doubled.until("h.model.last('cameras').cameras.length === 2")
    first = (await doubled.sent("cameras"))[-1]["camera"]
    # As a browser does: the track stops and fires `ended`.
    await doubled.run(
        "() => { dwTracks[0].stop(); dwTracks[0].dispatchEvent(new Event('ended')); }"
    )
    await doubled.until(f"h.model.last('cameras').camera?.id !== '{first['id']}'")
    received = await doubled.run("h.kernel.service.received")
    await doubled.until(f"h.kernel.service.received > {received + 5}")
    assert await doubled.view().get_attribute("data-state") == "generating"
    assert await doubled.run("h.model.sent.filter((m) => m.type === 'offer').length") == 1


async def test_unplugging_the_only_camera_ends_the_picture(filmed: Host) -> None:
    await mounted(filmed)
    await filmed.start()
    await filmed.revealed()
    await filmed.run("() => { dwTracks[0].stop(); dwTracks[0].dispatchEvent(new Event('ended')); }")
    await filmed.until("h.model.last('media').state === 'ended'")
    assert await filmed.view().get_attribute("data-camera") == "off"


async def test_a_missing_camera_is_reported_and_another_one_used(doubled: Host) -> None:
    await mounted(doubled, camera="a camera of yesterday")
    await doubled.start()
    await doubled.revealed()
    assert [m["code"] for m in await doubled.sent("trouble")] == ["camera-missing"]


async def test_a_test_pattern_and_a_file_need_no_camera(filmed: Host, tmp_path: Path) -> None:
    await mounted(filmed, source="test-pattern")
    await filmed.start()
    await filmed.revealed()
    await until_sent(filmed, "s.width === 1280 && s.left[0] > 150 && s.left[1] < 60")
    assert await filmed.cameras() == []
    assert await filmed.view().get_attribute("data-camera") == "off"
    await filmed.run("h.model.update({mirror: 'on'})")
    await until_sent(filmed, "s.right[0] > 150 && s.right[1] < 60")
