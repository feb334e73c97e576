"""The bundle's media in a real browser: its camera, its peer connection, its first picture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.bundle_host import Host, opened

GREEN: Final = "rgba(0, 160, 0, 0.9)"
BLUE: Final = "rgba(0, 0, 200, 0.9)"

GATE: Final = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const gate = new Promise((done) => { window.openGate = done; });
navigator.mediaDevices.getUserMedia = async (constraints) => {
  await gate;
  return open(constraints);
};
"""
"""Delays `getUserMedia` until the test calls `openGate()`."""


@pytest_asyncio.fixture(loop_scope="session")
async def host(page: Page) -> AsyncIterator[Host]:
    async with opened(page) as host:
        yield host


async def test_the_camera_opens_at_start_and_not_before(host: Host) -> None:
    await host.mount()
    assert await host.cameras() == []
    await expect(host.view()).to_have_attribute("data-camera", "off")
    await host.start()
    await expect(host.view()).to_have_attribute("data-camera", "on")
    await expect(host.view().locator(".dw-camera")).to_be_visible()
    assert await host.cameras() == ["live"]


async def test_the_first_visible_picture_is_the_services(host: Host) -> None:
    await host.mount(kernel={"colour": GREEN})
    poster = host.view().locator(".dw-poster")
    # Observes every change of the page: the picture has to be there when the poster disappears.
    await host.run("""() => {
      const root = document.querySelector('.decart-widget');
      new MutationObserver(() => {
        const video = root.querySelector('video.dw-remote');
        if (root.dataset.revealed === 'true') window.first ??= colour(video);
      }).observe(root, { attributes: true });
    }""")
    await expect(poster).to_be_visible()
    await host.start()
    await host.revealed()
    await expect(poster).to_be_hidden()
    red, green, blue = await host.run("first")
    assert green > 90 > 60 > max(red, blue)
    first_frame = next(m for m in await host.sent("media") if m["state"] == "first-frame")
    assert (first_frame["detail"]["width"], first_frame["detail"]["height"]) == (640, 360)
    assert int(await host.view().get_attribute("data-ttff-ms") or 0) > 0


async def test_a_picture_is_not_shown_before_it_is_generated(host: Host) -> None:
    await host.mount(kernel={"generate": False})
    await host.start()
    await host.until("h.model.sent.some((m) => m.state === 'first-frame')")
    await expect(host.view()).to_have_attribute("data-revealed", "false")
    await expect(host.view().locator(".dw-poster")).to_be_visible()
    await host.run("h.model.update({ connection_state: 'generating' })")
    await expect(host.view()).to_have_attribute("data-revealed", "true")


async def test_the_offer_is_created_while_the_camera_opens(page: Page) -> None:
    await page.add_init_script(GATE)
    async with opened(page) as host:
        await host.mount()
        await host.start()
        await host.until("h.model.count('offer') === 1")
        await host.until("h.model.sent.some((m) => m.state === 'connected')")
        await expect(host.view()).to_have_attribute("data-camera", "off")
        await host.run("openGate()")
        await host.revealed()
        assert await host.run("h.kernel.service.received") > 0
        assert len(await host.sent("offer")) == 1


async def test_candidates_may_come_before_the_answer(host: Host) -> None:
    await host.mount(kernel={"candidatesFirst": True})
    await host.start()
    await host.revealed()


async def test_the_preferred_codec_carries_the_picture(host: Host) -> None:
    await host.mount(kernel={"video": {"preferred_codec": "VP9"}})
    await host.start()
    await host.revealed()
    stats = await host.view().evaluate("(root) => root.decart.stats()")
    assert stats["transport"] == "webrtc"
    assert stats["codec"] == "VP9"
    assert stats["framesDecoded"] > 0


async def test_the_sent_video_has_the_models_size_and_the_requested_bitrates(host: Host) -> None:
    await host.run("""() => {
      const set = RTCPeerConnection.prototype.setRemoteDescription;
      RTCPeerConnection.prototype.setRemoteDescription = function (description) {
        if (description.type === 'answer') window.answer = description.sdp;
        return set.call(this, description);
      };
    }""")
    model = {"width": 1280, "height": 704, "fps": 30}
    await host.mount(
        {"_media": model}, kernel={"video": {"max_bitrate": 1_500_000, "start_bitrate": 1_500_000}}
    )
    await host.start()
    await host.revealed()
    assert "x-google-start-bitrate=1500" in await host.run("answer")
    camera = next(m for m in await host.sent("media") if m["state"] == "camera")["detail"]
    assert (camera["width"], camera["height"]) == (1280, 704)


async def test_stop_turns_the_camera_off_without_the_kernel(host: Host) -> None:
    await host.mount()
    await host.start()
    await host.revealed()
    await host.run("() => { h.model.onsend = undefined }")
    await host.view().locator(".dw-stop").click()
    assert await host.cameras() == ["ended"]
    await expect(host.view()).to_have_attribute("data-state", "disconnected")
    await expect(host.view().locator(".dw-start")).to_be_visible()
    assert (await host.sent("stop"))[-1]["attempt"] == 1
    await host.until("h.kernel.service.peer.connectionState !== 'connected'")


async def test_views_share_one_camera_and_one_picture(host: Host) -> None:
    await host.mount(views=2, kernel={"colour": GREEN})
    await host.start()
    for index in (0, 1):
        await host.revealed(index)
        red, green, blue = await host.colour(index)
        assert green > max(red, blue)
    assert await host.cameras() == ["live"]
    assert len(await host.sent("hello")) == 1


async def test_a_view_added_later_shows_the_picture(host: Host) -> None:
    await host.mount()
    await host.start()
    await host.revealed()
    await host.run("async () => { h.shown[0].remove(); await h.show() }")
    await host.revealed()
    await host.until("document.querySelector('video.dw-remote').videoWidth === 640")
    assert await host.cameras() == ["live"]


async def test_the_camera_is_off_after_the_last_view_is_removed(host: Host) -> None:
    await host.mount(views=2)
    await host.start()
    await host.revealed()
    await host.run("() => h.shown[0].remove()")
    await host.run("() => h.shown[1].remove()")
    assert await host.cameras() == ["live"], "a host may put the view back"
    await host.until("h.model.count('stop') === 1")
    assert await host.cameras() == ["ended"]


async def test_closing_the_widget_turns_the_camera_off(host: Host) -> None:
    await host.mount()
    await host.start()
    await host.revealed()
    await host.run("() => { for (const view of h.shown) view.remove(); h.destroy() }")
    assert await host.cameras() == ["ended"]


async def test_every_view_follows_a_reconnect_with_the_same_camera(host: Host) -> None:
    await host.mount(views=2, kernel={"colour": GREEN})
    await host.start()
    await host.revealed(1)
    await host.run("h.kernel.end('reconnecting', true)")
    await host.run("h.model.update({ connection_state: 'reconnecting' })")
    for index in (0, 1):
        await expect(host.view(index)).to_have_attribute("data-revealed", "false")
        still = host.view(index).locator(".dw-still")
        await expect(still).to_be_visible()
        red, green, blue = await still.evaluate("colour")
        assert green > max(red, blue), "the last picture stays while there is no new one"
    await host.run("() => { h.kernel.options.colour = %s; h.kernel.prepare() }", BLUE)
    for index in (0, 1):
        await host.revealed(index)
        await expect(host.view(index).locator(".dw-still")).to_be_hidden()
        red, green, blue = await host.colour(index)
        assert blue > max(red, green)
    assert await host.cameras() == ["live"]
