"""A room's sound: given to everybody who listens, late ones hear what is said now."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from decart_widget.sandbox.rooms.sound import WAITING_LIMIT, Listener, Sound

SAMPLES = 960


def frame(level: int, pts: int = 0) -> AudioFrame:
    """20 ms of it."""
    made = AudioFrame.from_ndarray(
        np.full((1, SAMPLES * 2), level, np.int16), format="s16", layout="stereo"
    )
    made.sample_rate, made.pts, made.time_base = 48_000, pts, Fraction(1, 48_000)
    return made


def level_of(heard: AudioFrame) -> int:
    return int(heard.to_ndarray()[0, 0])


class Voice(MediaStreamTrack):
    """Says what it is told to."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.said: asyncio.Queue[AudioFrame] = asyncio.Queue()

    async def recv(self) -> AudioFrame:
        return await self.said.get()


async def all_read(voice: Voice) -> None:
    async with asyncio.timeout(5):
        while not voice.said.empty():
            await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_everybody_hears_it_with_a_clock_that_never_jumps() -> None:
    sound, voice = Sound(), Voice()
    early, late = sound.listen(), sound.listen()
    sound.play(voice)
    for number, pts in enumerate((70_000, 3, 500_000)):
        voice.said.put_nowait(frame(number + 1, pts))
    for listener in (early, late):
        heard = [await listener.recv() for _ in range(3)]
        assert [level_of(one) for one in heard] == [1, 2, 3]
        assert [one.pts for one in heard] == [0, SAMPLES, 2 * SAMPLES]
        assert heard[0].sample_rate == 48_000
        assert heard[0].layout.name == "stereo"
    assert sound.frames == 3
    sound.silence()


async def test_who_is_late_hears_what_is_said_now() -> None:
    sound, voice = Sound(), Voice()
    slow = sound.listen()
    sound.play(voice)
    for number in range(WAITING_LIMIT + 7):
        voice.said.put_nowait(frame(number))
    await all_read(voice)
    assert level_of(await slow.recv()) == 7
    assert (slow.frames, slow.dropped) == (WAITING_LIMIT + 7, 7)
    sound.silence()


async def test_another_track_takes_its_place_and_the_one_before_does_not_pile_up() -> None:
    sound, before, after = Sound(), Voice(), Voice()
    listener = sound.listen()
    sound.play(before)
    before.said.put_nowait(frame(1))
    assert level_of(await listener.recv()) == 1
    sound.play(after)
    before.said.put_nowait(frame(2))
    after.said.put_nowait(frame(3))
    assert level_of(await listener.recv()) == 3
    await all_read(before)
    sound.silence()


async def test_who_leaves_hears_no_more() -> None:
    sound, voice = Sound(), Voice()
    listener = sound.listen()
    waiting = asyncio.ensure_future(listener.recv())
    await asyncio.sleep(0)
    sound.leave(listener)
    sound.leave(listener)
    with pytest.raises(MediaStreamError):
        await waiting
    sound.play(voice)
    voice.said.put_nowait(frame(1))
    await all_read(voice)
    assert listener.frames == 0
    assert isinstance(listener, Listener)
    sound.silence()
