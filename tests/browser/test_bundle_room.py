"""The bundle in a real room: the sandbox is the service, the test plays the kernel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from decart_widget import sandbox
from decart_widget.sandbox.faults import Faults
from tests.browser.bundle_host import Host, opened, served
from tests.conftest import ROOMS_ON_LIVEKIT
from tests.loopback.sandbox_client import KEY, Client, client

CHUNKS: Final = ["main", "room", "capture", "tools", "take"]
STATE: Final = {"_media": {"width": 1280, "height": 720, "fps": 30}}
VIDEO: Final = {
    "preferred_codec": "H264",
    "max_bitrate": 3_500_000,
    "max_framerate": 30,
    "start_bitrate": 3_000_000,
}
WHOLE: Final = {"transport": "livekit", "width": 1280, "height": 720}

REMEMBER_CLONES: Final = """
const clone = MediaStreamTrack.prototype.clone;
MediaStreamTrack.prototype.clone = function () {
  const copy = clone.call(this);
  window.dwTracks.push(copy);
  return copy;
};
"""
"""Records every camera track, clones included: each keeps the camera on."""

GATE: Final = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const gate = new Promise((done) => { window.openGate = done; });
navigator.mediaDevices.getUserMedia = async (constraints) => {
  await gate;
  return open(constraints);
};
"""
"""Delays `getUserMedia` until the test calls `openGate()`."""

MOVES: Final = """async ([index, times]) => {
  const video = document.querySelectorAll('video.dw-remote')[index];
  const canvas = new OffscreenCanvas(64, 36);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const look = () => {
    context.drawImage(video, 0, 0, 64, 36);
    return context.getImageData(0, 0, 64, 36).data;
  };
  let before = look();
  while (times) {
    await new Promise(requestAnimationFrame);
    const now = look();
    if (now.some((value, i) => Math.abs(value - before[i]) > 24)) {
      before = now;
      times--;
    }
  }
}"""
"""Resolves when the picture of a view has changed `times` times."""


class Room:
    """A page with a session over a room of the sandbox."""

    def __init__(self, host: Host, server: sandbox.Sandbox, control: Client) -> None:
        self.host = host
        self.server = server
        self.control = control
        self.info: dict[str, Any] = {}

    async def begin(self, prompt: str = "invert", views: int = 1) -> None:
        """Clicks Start and sends the page the room's credentials; doesn't wait for a picture."""
        await self.host.mount(
            STATE,
            chunks=CHUNKS,
            views=views,
            kernel={"transport": "livekit", "video": VIDEO, "timeout": 15},
        )
        await self.host.start()
        await self.join(prompt)

    async def join(self, prompt: str = "invert") -> None:
        """Gets a room from the service and sends it to the page's current attempt."""
        await self.control.send("livekit_join", passthrough=False)
        await self.control.send("prompt", prompt=prompt, enhance_prompt=False)
        self.info = await self.control.wait_for("livekit_room_info")
        await self.host.run("h.kernel.room(%s)", self.info)

    async def moving(self, *views: int, times: int = 5) -> None:
        """Waits until each view shows a moving, transformed picture."""
        for view in views or (0,):
            await self.host.revealed(view)
            await self.host.page.evaluate(MOVES, [view, times])
            # The fake camera's picture is green without red or blue; inverted it has much of both.
            assert min(await self.host.colour(view)) > 60, "not transformed"

    async def stats(self) -> dict[str, Any]:
        seen = await self.host.view().evaluate("(root) => root.decart.stats()")
        return dict(seen)

    async def states(self) -> list[str]:
        return [message["state"] for message in await self.host.sent("media")]

    async def streams(self) -> list[str]:
        """The id of each view's stream."""
        ids = await self.host.run(
            "[...document.querySelectorAll('video.dw-remote')].map((video) => video.srcObject?.id)"
        )
        return list(ids)


@pytest.fixture(scope="module")
def shared() -> Iterator[sandbox.Sandbox]:
    with sandbox.serve(api_key=KEY) as server:
        yield server


@pytest.fixture
def server(shared: sandbox.Sandbox) -> Iterator[sandbox.Sandbox]:
    """The sandbox, without faults at first."""
    yield shared
    shared.faults = Faults()


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with served() as origin:
        yield origin


@pytest_asyncio.fixture(loop_scope="session")
async def room(page: Page, origin: str, server: sandbox.Sandbox) -> AsyncIterator[Room]:
    await page.add_init_script(REMEMBER_CLONES)
    async with opened(page, origin) as host, client(server.realtime_base_url) as control:
        yield Room(host, server, control)


async def test_the_full_picture_is_transformed(room: Room) -> None:
    await room.begin()
    await room.moving()
    await room.host.until("document.querySelector('video.dw-remote').videoWidth === 1280")
    stats = await room.stats()
    assert {name: stats[name] for name in WHOLE} == WHOLE
    # On a LiveKit server the picture is always VP8, unless another codec is requested.
    assert stats["codec"] == ("VP8" if ROOMS_ON_LIVEKIT else "H264")
    camera = next(m for m in await room.host.sent("media") if m["state"] == "camera")["detail"]
    assert (camera["width"], camera["height"]) == (1280, 720)


@pytest.mark.parametrize("codec", ["VP8"])
async def test_the_preferred_codec_is_used(room: Room, codec: str) -> None:
    options = {"transport": "livekit", "video": {**VIDEO, "preferred_codec": codec}}
    await room.host.mount(STATE, chunks=CHUNKS, kernel=options)
    await room.host.start()
    await room.join()
    await room.moving()
    await room.host.until("document.querySelector('video.dw-remote').videoWidth === 1280")
    assert (await room.stats())["codec"] == codec


async def test_two_views_share_one_room_and_one_camera(room: Room) -> None:
    await room.begin(views=2)
    await room.moving(0, 1)
    assert len(set(await room.streams())) == 1
    # The camera's track, and its clone in the room.
    assert await room.host.cameras() == ["live", "live"]


async def test_the_room_is_joined_while_the_camera_opens(
    page: Page, origin: str, server: sandbox.Sandbox
) -> None:
    await page.add_init_script(GATE)
    async with opened(page, origin) as host, client(server.realtime_base_url) as control:
        room = Room(host, server, control)
        await room.begin()
        await host.until("h.model.sent.some((m) => m.state === 'connected')")
        await expect(host.view()).to_have_attribute("data-camera", "off")
        assert "first-frame" not in await room.states(), "there was nothing to transform"
        assert not any(m["type"].startswith("generation") for m in control.messages)
        await host.run("openGate()")
        await room.moving()
        assert (await room.states())[:2] == ["connected", "camera"]


async def test_stop_ends_every_clone_of_the_camera_track(room: Room) -> None:
    await room.begin()
    await room.moving()
    await room.host.view().locator(".dw-stop").click()
    assert set(await room.host.cameras()) == {"ended"}
    await expect(room.host.view()).to_have_attribute("data-state", "disconnected")
    await room.control.wait_for("generation_ended")


@pytest.mark.local_rooms
async def test_a_dropped_signal_socket_does_not_interrupt_the_picture(room: Room) -> None:
    await room.host.page.evaluate("""() => {
      const Socket = window.WebSocket;
      window.rooms = [];
      window.WebSocket = class extends Socket {
        constructor(...args) { super(...args); rooms.push(this); }
      };
    }""")
    await room.begin()
    await room.moving()
    before = await room.streams()
    room.server.faults = Faults(drop_signal_after_s=0, sessions=1)
    # On a busy machine an attempt to resume may take too long, and another one follows.
    await room.host.until("rooms.length > 1 && rooms.at(-1).readyState === WebSocket.OPEN")
    await room.moving(times=20)
    assert await room.streams() == before
    assert (await room.states()).count("failed") == 0


@pytest.mark.local_rooms
async def test_every_view_shows_the_new_track_after_a_reconnect(room: Room) -> None:
    await room.begin(views=2)
    await room.moving(0, 1)
    before = await room.streams()
    room.server.faults = Faults(drop_signal_after_s=0, refuse_resume=True, sessions=1)
    await room.host.until("h.model.sent.some((m) => m.state === 'reconnecting')")
    await room.host.until(
        "[...document.querySelectorAll('video.dw-remote')]"
        f".every((v) => v.srcObject && v.srcObject.id !== '{before[0]}')"
    )
    await room.moving(0, 1, times=20)
    await room.host.until("h.model.sent.filter((m) => m.state === 'connected').length === 2")
    tracks = await room.host.run(
        "[...document.querySelectorAll('video.dw-remote')]"
        ".map((v) => v.srcObject.getTracks()[0].readyState)"
    )
    assert tracks == ["live", "live"]
    assert await room.host.cameras() == ["live", "live"], "the camera was not opened again"


async def test_the_source_changes_in_the_same_room(room: Room) -> None:
    """Another source, then the camera, then the camera is unplugged: its clones end as well."""
    await room.begin()
    await room.moving()
    await room.host.run("h.model.update({source: 'test-pattern'})")
    # The pattern is red on the left; inverted, on the right.
    await room.host.until(
        "(() => { const c = new OffscreenCanvas(64, 36).getContext('2d');"
        " c.drawImage(document.querySelector('video.dw-remote'), 0, 0, 64, 36);"
        " const [r, g, b] = c.getImageData(1, 18, 1, 1).data;"
        " return r < 110 && g > 150 && b > 150; })()"
    )
    await room.host.run("h.model.update({source: 'camera', mirror: 'on'})")
    await room.host.until("h.model.last('cameras').camera?.mirrored === true")
    await room.moving()
    # The second camera is the same one under another name.
    await room.host.page.evaluate("""() => {
      const devices = navigator.mediaDevices, list = devices.enumerateDevices.bind(devices);
      devices.enumerateDevices = async () => {
        const [one] = (await list()).filter(({kind}) => kind === 'videoinput');
        return [one, {kind: 'videoinput', deviceId: 'other', label: 'other'}];
      };
      for (const track of window.dwTracks.filter((t) => t.readyState === 'live')) {
        track.stop();
        track.dispatchEvent(new Event('ended'));
      }
    }""")
    await room.host.until("window.dwTracks.some((track) => track.readyState === 'live')")
    await room.moving()
    assert await room.host.run("h.model.count('media') > 0 && h.kernel.attempts") == 1


async def test_a_room_that_disconnects_its_participants_has_failed(room: Room) -> None:
    room.server.faults = Faults(leave_after_s=0.5, leave_action="disconnect", sessions=1)
    await room.begin()
    await room.host.until("h.model.sent.some((m) => m.state === 'failed')")
    failed = (await room.host.sent("media"))[-1]
    assert failed["detail"]["reason"]
    assert (await room.host.cameras())[0] == "live", "the kernel decides what follows"


async def test_a_new_attempt_joins_another_room_with_the_same_camera(
    room: Room, server: sandbox.Sandbox
) -> None:
    await room.begin(views=2)
    await room.moving(0, 1)
    before = await room.streams()
    await room.control.close()
    async with client(server.realtime_base_url) as control:
        room.control = control
        await room.host.run("""() => {
          h.kernel.end('reconnecting', true);
          h.model.update({ connection_state: 'reconnecting' });
          h.kernel.prepare();
        }""")
        await room.join()
        await room.moving(0, 1)
        assert set(await room.streams()).isdisjoint(before)
        # The camera's track, and one clone per room.
        assert await room.host.cameras() == ["live", "ended", "live"]


async def test_a_refused_token_is_reported_and_not_printed_in_the_console(room: Room) -> None:
    printed: list[str] = []
    room.host.page.on("console", lambda m: printed.append(f"{m.text} {m.location}"))
    await room.host.mount(STATE, chunks=CHUNKS, kernel={"transport": "livekit", "video": VIDEO})
    await room.host.start()
    url = room.server.realtime_base_url
    await room.host.run(
        "h.kernel.room(%s)",
        {"livekit_url": url, "token": f"eyJ.{'MARKER' * 60}.x", "room_name": "none"},
    )
    await room.host.until("h.model.sent.some((m) => m.state === 'failed')")
    failed = next(m for m in await room.host.sent("media") if m["state"] == "failed")
    assert "token" in failed["detail"]["reason"]
    assert any("WebSocket connection to" in line for line in printed), "the browser prints it"
    assert not any("MARKER" in line for line in printed)
    room.host.errors.clear()  # the browser's error about the refused socket


async def test_a_viewer_shows_the_picture_without_a_camera(room: Room) -> None:
    await room.begin()
    await room.moving()
    async with httpx.AsyncClient(base_url=room.server.base_url) as http:
        answer = await http.post(
            f"/watch-stream/{room.info['room_name']}", headers={"x-api-key": KEY}
        )
    assert answer.status_code == 200
    cameras = await room.host.cameras()
    await room.host.run(
        "(async () => { window.v = await mount(%s, { chunks: %s, "
        "kernel: { transport: 'livekit' } }) })()",
        {**STATE, "_kind": "viewer", "endpoint": "sandbox"},
        CHUNKS,
    )
    await room.host.until("v.model.count('start') === 1 && v.kernel.attempts === 1")
    await room.host.run("v.kernel.room(%s)", answer.json())
    await room.moving(1)
    viewer = room.host.view(1)
    for control in (".dw-start", ".dw-stop", "input.dw-prompt"):
        await expect(viewer.locator(control).locator("visible=true")).to_have_count(0)
    assert await room.host.cameras() == cameras
    assert await room.host.run("v.model.count('heartbeat') + v.model.count('stats')") == 0
    # A viewer that leaves does not affect the session.
    await room.host.run("() => { for (const view of v.shown) view.remove(); v.destroy() }")
    await room.moving(0)
