"""A room's audio: passed on to all subscribers, of whom slow ones skip to the present."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from decart_widget.sandbox.rooms.audio_feed import WAITING_LIMIT, AudioFeed

SAMPLES = 960


def frame(level: int, pts: int = 0) -> AudioFrame:
    """20 ms of audio, every sample of it ``level``."""
    made = AudioFrame.from_ndarray(
        np.full((1, SAMPLES * 2), level, np.int16), format="s16", layout="stereo"
    )
    made.sample_rate, made.pts, made.time_base = 48_000, pts, Fraction(1, 48_000)
    return made


def level_of(heard: AudioFrame) -> int:
    return int(heard.to_ndarray()[0, 0])


class Microphone(MediaStreamTrack):
    """Its frames are put into ``said``."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.said: asyncio.Queue[AudioFrame] = asyncio.Queue()

    async def recv(self) -> AudioFrame:
        return await self.said.get()


async def all_read(microphone: Microphone) -> None:
    async with asyncio.timeout(5):
        while not microphone.said.empty():
            await asyncio.sleep(0)
    await asyncio.sleep(0)  # the last frame is passed on


async def test_all_subscribers_hear_it_with_timestamps_that_never_jump() -> None:
    feed, microphone = AudioFeed(), Microphone()
    early, late = feed.subscribe(), feed.subscribe()
    feed.start(microphone)
    for number, pts in enumerate((70_000, 3, 500_000)):
        microphone.said.put_nowait(frame(number + 1, pts))
    for subscription in (early, late):
        heard = [await subscription.recv() for _ in range(3)]
        assert [level_of(one) for one in heard] == [1, 2, 3]
        assert [one.pts for one in heard] == [0, SAMPLES, 2 * SAMPLES]
        assert heard[0].sample_rate == 48_000
        assert heard[0].layout.name == "stereo"
    assert feed.frames == 3
    feed.stop()


async def test_a_slow_subscriber_skips_the_oldest_frames() -> None:
    feed, microphone = AudioFeed(), Microphone()
    slow = feed.subscribe()
    feed.start(microphone)
    for number in range(WAITING_LIMIT + 7):
        microphone.said.put_nowait(frame(number))
    await all_read(microphone)
    assert level_of(await slow.recv()) == 7
    assert (slow.frames, slow.dropped) == (WAITING_LIMIT + 7, 7)
    feed.stop()


async def test_another_track_replaces_the_first_one_which_is_still_read() -> None:
    feed, before, after = AudioFeed(), Microphone(), Microphone()
    subscription = feed.subscribe()
    feed.start(before)
    before.said.put_nowait(frame(1))
    assert level_of(await subscription.recv()) == 1
    feed.start(after)
    before.said.put_nowait(frame(2))
    after.said.put_nowait(frame(3))
    assert level_of(await subscription.recv()) == 3
    await all_read(before)
    feed.stop()


async def test_an_ended_subscription_gets_no_more_frames() -> None:
    feed, microphone = AudioFeed(), Microphone()
    subscription = feed.subscribe()
    waiting = asyncio.ensure_future(subscription.recv())
    await asyncio.sleep(0)
    feed.unsubscribe(subscription)
    feed.unsubscribe(subscription)
    with pytest.raises(MediaStreamError):
        await waiting
    feed.start(microphone)
    microphone.said.put_nowait(frame(1))
    await all_read(microphone)
    assert subscription.frames == 0
    feed.stop()
