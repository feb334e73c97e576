"""Pictures sent through the sandbox over a real peer connection; the pixels are checked."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Iterator

import numpy as np
import psutil
import pytest

from decart_widget.sandbox import Faults, Sandbox, serve
from decart_widget.sandbox.effects import user_function
from tests.loopback.sandbox_client import (
    HEIGHT,
    KEY,
    WIDTH,
    Client,
    Picture,
    client,
    colourfulness,
    difference,
    test_card,
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as running:
        yield running


async def passthrough(user: Client) -> None:
    assert (await user.image(None, prompt=None))["success"]


async def test_a_prompt_before_the_offer_transforms_the_first_frame(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        assert (await user.prompt("greyscale"))["success"]
        await user.start_video()
        first = await user.picture()
        assert first.shape == (HEIGHT, WIDTH, 3)
        assert colourfulness(first) < 6


async def test_without_prompt_and_image_the_picture_is_unchanged(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await passthrough(user)
        await user.start_video()
        await user.picture_that(lambda p: difference(p, test_card()) < 8)


async def test_a_change_of_prompt_changes_the_picture(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await user.prompt("greyscale")
        await user.start_video()
        grey = await user.picture_that(lambda p: colourfulness(p) < 6)
        await user.prompt("invert")
        await user.picture_that(lambda p: difference(p, 255 - test_card()) < 25)
        await passthrough(user)
        picture = await user.picture_that(lambda p: difference(p, test_card()) < 8)
        assert difference(picture, grey) > 20


async def test_the_picture_gets_the_images_colours(sandbox: Sandbox) -> None:
    gold = np.full((64, 64, 3), (220, 170, 30), np.uint8)
    gold[::2] //= 2
    async with client(sandbox.realtime_base_url) as user:
        assert (await user.image(gold, prompt=None))["success"]
        await user.start_video()

        def is_golden(picture: Picture) -> bool:
            red, green, blue = picture.mean(axis=(0, 1))
            return bool(red > green + 15 and green > blue + 30)

        await user.picture_that(is_golden)


async def test_phrases_select_an_effect_when_enrich_is_on(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await user.prompt("in black and white, please", enrich=False)
        await user.start_video()
        await user.picture_that(lambda p: colourfulness(p) > 12)
        await user.prompt("in black and white please", enrich=True)
        await user.picture_that(lambda p: colourfulness(p) < 6)


async def test_sessions_have_separate_effects(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as one, client(sandbox.realtime_base_url) as two:
        await one.prompt("greyscale")
        await passthrough(two)
        await asyncio.gather(one.start_video(), two.start_video())
        await asyncio.gather(
            one.picture_that(lambda p: colourfulness(p) < 6),
            two.picture_that(lambda p: colourfulness(p) > 40),
        )


async def test_a_second_offer_replaces_the_media(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await user.prompt("greyscale")
        await user.start_video()
        await user.picture()
        first = user.pc
        assert first is not None
        await first.close()
        await user.start_video()
        assert colourfulness(await user.picture()) < 6


async def test_a_frozen_session_sends_no_frames_until_the_fault_ends(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await passthrough(user)
        await user.start_video()
        await user.picture()
        try:
            sandbox.faults = Faults(freeze_after_s=0)
            await _until_silent(user)
            # The rest of the session continues.
            assert (await user.prompt("sepia"))["success"]
            await user.wait_for("generation_tick")
        finally:
            sandbox.faults = Faults()
        await user.picture()


async def test_a_dead_peer_sends_nothing_while_the_socket_continues(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await passthrough(user)
        await user.start_video()
        await user.picture()
        try:
            sandbox.faults = Faults(dead_peer_after_s=0)
            await _until_silent(user)
        finally:
            sandbox.faults = Faults()
        assert user.pc is not None
        assert user.pc.connectionState == "connected", "the connection must not be closed"
        assert (await user.prompt("sepia"))["success"]
        await user.wait_for("generation_tick")
        assert not [m for m in user.messages if m["type"] == "generation_ended"], (
            "the socket must not report an end either"
        )


async def _until_silent(user: Client) -> None:
    """Read frames until none has come for a second, in which 20 would be due."""
    async with asyncio.timeout(15):
        while True:
            try:
                await user.picture(limit=1.0)
            except TimeoutError:
                return


# --- the user's function ----------------------------------------------------------------------


async def test_a_function_gets_frame_prompt_and_image_on_a_worker_thread() -> None:
    calls: list[tuple[tuple[int, ...], str | None, tuple[int, ...] | None, str]] = []

    def magenta(frame: Picture, prompt: str | None, image: Picture | None) -> Picture:
        shape = None if image is None else image.shape
        calls.append((frame.shape, prompt, shape, threading.current_thread().name))
        picture = frame.copy()
        picture[..., 1] = 0
        return picture

    with serve(magenta, api_key=KEY) as sandbox:
        async with client(sandbox.realtime_base_url) as user:
            await user.image(np.zeros((20, 30, 3), np.uint8), prompt="anything at all")
            await user.start_video()
            picture = await user.picture_that(lambda p: p[20, 160, 1] < 60)
            assert abs(int(picture[20, 20, 0]) - 200) < 40
        assert sandbox.last_error is None
    shape, prompt, image, thread = calls[-1]
    assert (shape, prompt, image) == ((HEIGHT, WIDTH, 3), "anything at all", (20, 30, 3))
    assert thread not in ("MainThread", "decart-sandbox")


async def test_when_a_function_raises_the_picture_is_unchanged_and_the_error_kept() -> None:
    def broken(frame: Picture, prompt: str | None, image: Picture | None) -> Picture:
        raise RuntimeError("out of paint")

    with serve(broken, api_key=KEY) as sandbox:
        async with client(sandbox.realtime_base_url) as user:
            await user.prompt("anything")
            await user.start_video()
            await user.picture_that(lambda p: difference(p, test_card()) < 8)
        assert str(sandbox.last_error) == "out of paint"
        assert sandbox.stats()["transform_errors"] > 0


async def test_when_a_function_calls_exit_the_picture_is_unchanged_and_sessions_continue() -> None:
    with serve(lambda *_: sys.exit(3), api_key=KEY) as sandbox:
        async with client(sandbox.realtime_base_url) as user:
            await user.prompt("anything")
            await user.start_video()
            await user.picture_that(lambda p: difference(p, test_card()) < 8)
            assert isinstance(sandbox.last_error, SystemExit)
            await user.picture()


async def test_while_a_function_does_not_return_the_picture_goes_on_unchanged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(user_function, "FIRST_CALL_LIMIT_S", 0.1)
    release = threading.Event()

    def magenta_later(frame: Picture, _prompt: str | None, _image: Picture | None) -> Picture:
        release.wait(30)
        return np.full_like(frame, (200, 0, 200))

    with serve(magenta_later, api_key=KEY) as sandbox:
        async with client(sandbox.realtime_base_url) as user:
            await user.prompt("anything")
            await user.start_video()
            for _ in range(3):
                await user.picture_that(lambda p: difference(p, test_card()) < 8)
            assert isinstance(sandbox.last_error, user_function.StalledError)
            release.set()
            await user.picture_that(lambda p: p[20, 160, 1] < 60)


async def test_the_error_for_a_wrong_result_states_the_expected_shape() -> None:
    with serve(lambda frame, prompt, image: frame[::2].astype(float), api_key=KEY) as sandbox:
        async with client(sandbox.realtime_base_url) as user:
            await passthrough(user)
            await user.start_video()
            await user.picture()
        assert f"({HEIGHT}, {WIDTH}, 3) uint8" in str(sandbox.last_error)


async def test_a_slow_function_delays_no_message_and_frames_are_dropped() -> None:
    entered, release = threading.Event(), threading.Event()

    def stuck(frame: Picture, prompt: str | None, image: Picture | None) -> Picture:
        entered.set()
        release.wait(10)
        return frame

    with serve(stuck, api_key=KEY) as sandbox:
        try:
            async with client(sandbox.realtime_base_url) as user:
                await passthrough(user)
                await user.start_video()
                await asyncio.to_thread(entered.wait, 10)
                assert (await user.prompt("sepia"))["success"]
                async with asyncio.timeout(10):
                    while sandbox.stats()["sessions"][0]["media"]["dropped"] <= 3:
                        await asyncio.sleep(0.05)  # frames come 20 a second
        finally:
            release.set()


async def test_mdns_addresses_are_not_resolved_over_the_network() -> None:
    name = "7b5b6b7a-8b1f-4d2c-9a55-1f2e3d4c5b6a.local"

    def hide(sdp: str) -> str:
        return re.sub(r"(a=candidate:\S+ 1 udp \d+) \S+", rf"\1 {name}", sdp)

    with serve(api_key=KEY) as sandbox:
        async with client(sandbox.realtime_base_url) as user:
            await passthrough(user)
            await user.start_video(edit=hide)
            assert name in user.offer
            await user.picture()
            # Multicast DNS uses port 5353.
            ports = [each.laddr.port for each in psutil.Process().net_connections("udp")]
            assert 5353 not in ports
