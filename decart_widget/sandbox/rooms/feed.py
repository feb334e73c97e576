"""A published picture on its way to everybody who watches it, encoded once for each codec."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from aiortc.mediastreams import MediaStreamError, convert_timebase
from av.video.frame import PictureType

from decart_widget.rtc import tuning

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack

logger = logging.getLogger(__name__)

#: Pictures that may wait for one watcher's socket. More, and it starts anew with a whole picture.
WAITING_LIMIT = 8

#: Seconds between whole pictures at the request of watchers: each is ten times the size of others.
KEYFRAME_INTERVAL_S = 0.3

_RTP_CLOCK = Fraction(1, 90_000)

#: Time stamp of the first picture: an encoder that was warmed up has had 0.
FIRST_STAMP = 9_000


class Encoded(NamedTuple):
    """A picture's RTP payloads, its time stamp (90 kHz) and whether it needs no other."""

    payloads: list[bytes]
    timestamp: int
    whole: bool


class Watcher:
    """One receiver of a feed: what `room_tuning.send_encoded` sends from.

    Attributes:
        pictures: How many it was given.
        dropped: How many were dropped because its socket did not keep up.
    """

    def __init__(self, channel: _Channel) -> None:
        self._channel = channel
        self._waiting: deque[Encoded] = deque()
        self._filled = asyncio.Event()
        self._reads = False
        self._is_whole = False
        self._bitrate: int | None = None
        self.pictures = 0
        self.dropped = 0

    @property
    def target_bitrate(self) -> int:
        """Bit/s; setting it says what this receiver's road carries."""
        return self._channel.encoder.target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self._bitrate = bitrate
        self._channel.settle_bitrate()

    @property
    def codec(self) -> str:
        """What its pictures are encoded with, ``h264`` or ``vp8``."""
        return self._channel.codec

    @property
    def estimate(self) -> int | None:
        """What the receiver estimated last, in bit/s."""
        return self._bitrate

    def request_keyframe(self) -> None:
        """It can't go on without a whole picture."""
        self._channel.request_keyframe()

    def put(self, picture: Encoded) -> None:
        """Give it a picture. One that builds on pictures it never had is left out."""
        if not self._reads:
            return  # its connection isn't up: old pictures would only delay it
        self._is_whole = self._is_whole or picture.whole
        if len(self._waiting) >= WAITING_LIMIT:
            self.dropped += len(self._waiting)
            self._waiting.clear()
            self._is_whole = picture.whole
        if not self._is_whole:
            self.dropped += 1
            return
        self.pictures += 1
        self._waiting.append(picture)
        self._filled.set()

    async def next(self) -> tuple[list[bytes], int]:
        """The next picture's payloads and time stamp; the first one is whole."""
        if not self._reads:
            self._reads = True
            self._channel.welcome()
        while not self._waiting:
            if not self._is_whole:
                self.request_keyframe()  # here, so that who never reads never asks
            self._filled.clear()
            await self._filled.wait()
        payloads, timestamp, _ = self._waiting.popleft()
        return payloads, timestamp

    def close(self) -> None:
        """It watches no more. May be called twice."""
        self._channel.leave(self)


class _Channel:
    """Everybody who watches in one codec, and their encoder."""

    def __init__(self, codec: str, bitrates: tuning.Bitrates) -> None:
        self.codec = codec
        self.encoder = tuning.FAST_ENCODERS[f"video/{codec}"](bitrates)
        self._watchers: set[Watcher] = set()
        self._keyframe_wanted = False
        self._keyframe_at: float | None = None
        self._turn = asyncio.Lock()

    @property
    def is_watched(self) -> bool:
        return bool(self._watchers)

    def join(self) -> Watcher:
        watcher = Watcher(self)
        self._watchers.add(watcher)
        return watcher

    def welcome(self) -> None:
        """Somebody new reads from now on, who waits for no interval."""
        self._keyframe_at = None
        self._keyframe_wanted = True

    def leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        self.settle_bitrate()

    def request_keyframe(self) -> None:
        self._keyframe_wanted = True

    def settle_bitrate(self) -> None:
        """Everybody gets the same picture, so the narrowest road decides."""
        estimates = [w.estimate for w in self._watchers if w.estimate is not None]
        if estimates:
            self.encoder.target_bitrate = min(estimates)

    async def send(self, frame: Any, timestamp: int) -> None:
        loop = asyncio.get_running_loop()
        whole = self._keyframe_due(loop.time())
        async with self._turn:
            # An encoder writes its own clock and kind into the frame; the next one needs ours.
            frame.pts, frame.time_base = timestamp, _RTP_CLOCK
            frame.pict_type = PictureType.NONE
            encode = self.encoder.encode
            payloads, _ = await loop.run_in_executor(None, encode, frame, whole)
        if payloads:
            for watcher in list(self._watchers):
                watcher.put(Encoded(payloads, timestamp, whole))

    async def warm_up(self, width: int, height: int) -> None:
        """Encode a picture for nobody: an encoder's first one takes 30 ms, the next ones 3."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.encoder.warm_up, width, height)

    def _keyframe_due(self, now: float) -> bool:
        if not self._keyframe_wanted:
            return False
        if self._keyframe_at is not None and now - self._keyframe_at < KEYFRAME_INTERVAL_S:
            return False
        self._keyframe_wanted, self._keyframe_at = False, now
        return True


class Feed:
    """Takes pictures from a track, which may be replaced, and gives them to its watchers.

    Args:
        bitrates: For its encoders.

    Attributes:
        pictures: How many came.
    """

    def __init__(self, bitrates: tuning.Bitrates) -> None:
        self._bitrates = bitrates
        self._channels: dict[str, _Channel] = {}
        self._task: asyncio.Task[None] | None = None
        self._last: tuple[int, float] | None = None
        self.pictures = 0

    def show(self, track: MediaStreamTrack) -> None:
        """Take pictures from ``track`` from now on."""
        self.hide()
        self._task = asyncio.create_task(self._run(track))

    def hide(self) -> None:
        """No more pictures, until another track is shown. Watchers keep what they saw last."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def watch(self, codec: str) -> Watcher:
        """A new watcher in ``codec`` (``h264``, ``vp8``)."""
        return self._channel(codec).join()

    async def warm_up(self, codec: str, width: int, height: int) -> None:
        """Get ready for pictures of that size (pixels), which will be watched in ``codec``."""
        await self._channel(codec).warm_up(width, height)

    def _channel(self, codec: str) -> _Channel:
        if codec not in self._channels:
            self._channels[codec] = _Channel(codec, self._bitrates)
        return self._channels[codec]

    @property
    def codecs(self) -> list[str]:
        """In which it is encoded now."""
        return [codec for codec, channel in self._channels.items() if channel.is_watched]

    async def _run(self, track: MediaStreamTrack) -> None:
        # Clocks of two cameras begin anywhere; a receiver waits for ever on one that jumps.
        shift: int | None = None
        loop = asyncio.get_running_loop()
        try:
            with contextlib.suppress(MediaStreamError):
                while True:
                    frame: Any = await track.recv()
                    stamp = convert_timebase(frame.pts, frame.time_base, _RTP_CLOCK)
                    if shift is None:
                        shift = self._resume(loop.time()) - stamp
                    self._last = (stamp + shift, loop.time())
                    self.pictures += 1
                    for channel in list(self._channels.values()):
                        if channel.is_watched:
                            await channel.send(frame, stamp + shift)
        except Exception:
            logger.exception("a room's picture stopped")
        finally:
            track.stop()

    def _resume(self, now: float) -> int:
        """The time stamp of the first picture of a track."""
        if self._last is None:
            return FIRST_STAMP
        stamp, at = self._last
        return stamp + max(1, int((now - at) / _RTP_CLOCK))
