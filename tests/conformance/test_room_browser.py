"""Browser clients work with the sandbox's rooms as they do with the service's.

npm's ``@decartai/sdk`` 0.1.20, Decart's current client, and ``livekit-client`` 2.23.0 alone, each
in a page of its own in Chromium.
"""

from __future__ import annotations

import json

import pytest

from decart_widget.sandbox import Faults, Sandbox
from tests.conformance.clients import PAGE, OpenPage, set_faults, stats_until

both = pytest.mark.parametrize("client", ["sdk", "livekit"])

INVERTED = "p.colourfulness > 40 && p.mean[1] < p.mean[0] - 30 && p.mean[1] < p.mean[2] - 30"
SEPIA = "p.mean[0] > p.mean[1] && p.mean[1] > p.mean[2] + 10"


async def no_session_is_left(sandbox: Sandbox) -> None:
    await stats_until(sandbox, lambda stats: stats["sessions"] == [])


@both
async def test_whole_session(open_page: OpenPage, sandbox: Sandbox, client: str) -> None:
    tab = await open_page()
    await tab.open(client, 1280, 720, prompt="greyscale")
    await tab.until("page.first")
    assert await tab.run("page.first.colourfulness") < 6, "the first frame is already transformed"
    await tab.until("p.width === 1280 && p.height === 720")  # the best layer, not a lower one
    await tab.run("page.client.prompt('make a negative of it')")
    await tab.until(INVERTED)
    await tab.run("page.picture(220, 170, 30).then((image) => page.client.image(image, 'sepia'))")
    await tab.until(SEPIA)
    refused = await tab.run("""page.client.image(new Blob(['no image']), 'sepia')
      .then(() => 'accepted', (error) => error.message)""")
    assert "JPEG, PNG or WebP" in refused
    await tab.until("page.seen.ticks.length >= 3")
    first, second, third = (await tab.run("page.seen.ticks"))[:3]
    assert (second - first, third - second) == (1, 1)
    assert await tab.run("page.client.sessionId()")
    assert await tab.run("page.client.subscribeToken()")
    assert "generating" in await tab.run("page.seen.states")
    await tab.run("page.client.end()")
    await no_session_is_left(sandbox)
    assert await tab.run("page.client.state()") == "disconnected"


@both
async def test_passthrough(open_page: OpenPage, sandbox: Sandbox, client: str) -> None:
    tab = await open_page()
    await tab.open(client)
    await tab.until("p.colourfulness > 40 && p.mean[1] > p.mean[0]")  # Chromium's camera is green
    await tab.run("page.client.end()")
    await no_session_is_left(sandbox)


@both
@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_the_transformed_video_has_the_codec_of_the_camera(
    open_page: OpenPage, sandbox: Sandbox, client: str, codec: str
) -> None:
    tab = await open_page()
    await tab.open(client, prompt="greyscale", codec=codec)
    await tab.moves()
    (session,) = sandbox.stats()["sessions"]
    assert session["media"]["codecs"] == [codec]
    await tab.run("page.client.end()")
    await no_session_is_left(sandbox)


@both
async def test_a_client_falls_back_to_a_codec_that_the_room_has(
    open_page: OpenPage, sandbox: Sandbox, client: str
) -> None:
    tab = await open_page()
    await tab.open(client, prompt="greyscale", codec="vp9")
    await tab.moves()
    (session,) = sandbox.stats()["sessions"]
    assert session["media"]["codecs"] in (["h264"], ["vp8"])
    await tab.run("page.client.end()")
    await no_session_is_left(sandbox)


@both
async def test_a_dropped_signal_socket_is_resumed(
    open_page: OpenPage, sandbox: Sandbox, client: str
) -> None:
    tab = await open_page()
    await tab.open(client, prompt="greyscale")
    await tab.moves()
    stream = await tab.run("page.video.srcObject.id")
    set_faults(sandbox, Faults(drop_signal_after_s=0, sessions=1))
    await tab.until("page.sockets.filter((one) => one.kind === 'signal').length > 1")
    await tab.until("page.sockets.at(-1).open")
    await tab.moves()
    assert (await tab.run("page.look()"))["colourfulness"] < 6, "still the transformed picture"
    assert await tab.run("page.video.srcObject.id") == stream, "resumed, without another join"
    ticks = await tab.run("page.seen.ticks.length")
    await tab.run("page.client.prompt('make a negative of it')")
    await tab.until(INVERTED)
    await tab.until("page.seen.ticks.length > v", ticks)
    await tab.run("page.client.end()")
    await no_session_is_left(sandbox)


async def test_after_a_leave_with_reconnect_the_client_joins_again(
    open_page: OpenPage, sandbox: Sandbox
) -> None:
    tab = await open_page()
    await tab.open("livekit", prompt="greyscale")
    await tab.moves()
    stream = await tab.run("page.video.srcObject.id")
    set_faults(sandbox, Faults(leave_after_s=0, leave_action="reconnect", sessions=1))
    await tab.until("page.video.srcObject.id !== v", stream)
    await tab.moves()
    assert (await tab.run("page.look()"))["colourfulness"] < 6
    await tab.run("page.client.end()")
    await no_session_is_left(sandbox)


async def test_a_dropped_control_socket_brings_a_new_session(
    open_page: OpenPage, sandbox: Sandbox
) -> None:
    tab = await open_page()
    await tab.open("sdk", prompt="greyscale")
    await tab.moves()
    (before,) = sandbox.stats()["sessions"]
    set_faults(sandbox, Faults(drop_control_after_s=0, sessions=1))
    await tab.until("page.seen.states.includes('reconnecting')")
    # The sandbox has another session alone, with the prompt and with the client in its room.
    await stats_until(
        sandbox,
        lambda stats: (
            [session["id"] != before["id"] for session in stats["sessions"]] == [True]
            and stats["sessions"][0]["effect"] == "greyscale"
            and stats["sessions"][0]["media"]
            and stats["sessions"][0]["media"]["participants"]
        ),
    )
    await tab.until("page.seen.states.at(-1) === 'connected'")
    # This client stops the camera with the old room, and publishes the stopped track.
    assert await tab.run("page.camera.getVideoTracks()[0].readyState") == "ended"
    await tab.run("page.client.end()")
    await no_session_is_left(sandbox)


async def test_owner_and_viewers_hear_a_microphone(open_page: OpenPage, sandbox: Sandbox) -> None:
    tab, viewer = await open_page(), await open_page()
    await tab.open("sdk", prompt="greyscale", microphone=True)
    await tab.moves()
    await tab.until("page.loudest > 0.05")  # Chromium's microphone beeps
    await viewer.subscribe(await tab.run("page.client.subscribeToken()"))
    await viewer.moves()
    await viewer.until("page.loudest > 0.05")
    await tab.run("page.client.end()")
    await no_session_is_left(sandbox)


async def test_a_viewer_sees_the_running_session(open_page: OpenPage, sandbox: Sandbox) -> None:
    tab, viewer = await open_page(), await open_page()
    await tab.open("sdk", prompt="greyscale")
    await tab.moves()
    await viewer.subscribe(await tab.run("page.client.subscribeToken()"))
    await viewer.moves()
    assert (await viewer.run("page.look()"))["colourfulness"] < 6
    await viewer.run("page.client.end()")
    await tab.moves()
    await tab.run("page.client.end()")
    await no_session_is_left(sandbox)


def test_the_installed_clients_have_the_versions_named_here() -> None:
    for name, version in {"@decartai/sdk": "0.1.20", "livekit-client": "2.23.0"}.items():
        package = json.loads((PAGE / "node_modules" / name / "package.json").read_text())
        assert package["version"] == version
