"""The pictures of a track that the package ``livekit`` receives.

Now and then (one of twenty tracks on a busy machine, livekit 1.2.1) a stream of pictures yields
none, or only the first one, although pictures are decoded. The statistics show two receiving
streams then, of which one has decoded a single picture; it is likely that packets came before
libwebrtc knew the track, and that the wrong stream is read. Subscribing to the track again ends
that; opening the stream again does not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Final

from livekit import rtc

logger = logging.getLogger(__name__)

SILENCE_CHECK_S: Final = 1.0
"""Seconds without a picture until the track's statistics are read; doubled each time, as the camera
may be muted."""

LONGEST_CHECK_S: Final = 12.0
"""Longest of these times."""

STATISTICS_LIMIT_S: Final = 2.0
"""Seconds that statistics may take. The package's native code sometimes fails to read those of a
track that has just begun (``invalid number``, livekit 1.2.1), and then never answers."""

RESUBSCRIBE_DELAY_S: Final = 0.3
"""Seconds between unsubscribing and subscribing again: the server applies both in the background,
and changes nothing when the second arrives before the first is applied."""


async def pictures(
    track: rtc.Track, publication: rtc.RemoteTrackPublication, *, waiting: int = 1
) -> AsyncGenerator[rtc.VideoFrameEvent]:
    """The pictures of a track.

    When they are decoded but not delivered, the track is subscribed to again. The room announces
    that as a new track (``track_subscribed``), which the caller then reads instead of this one.

    Args:
        track: The track.
        publication: Its publication.
        waiting: How many pictures may wait to be read; when there are more, the oldest are dropped.

    Yields:
        The frames, each with its time.
    """
    stream = rtc.VideoStream(track, capacity=waiting, format=rtc.VideoBufferType.I420)
    timeout_s = SILENCE_CHECK_S
    decoded: int | None = None
    try:
        while True:
            try:
                async with asyncio.timeout(timeout_s):
                    event = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError:
                before, decoded = decoded, await decoded_pictures(track)
                if before is not None and decoded is not None and decoded > before:
                    await _subscribe_again(publication)
                    decoded = None
                timeout_s = min(2 * timeout_s, LONGEST_CHECK_S)
                continue
            timeout_s, decoded = SILENCE_CHECK_S, None
            yield event
    finally:
        await stream.aclose()


async def _subscribe_again(publication: rtc.RemoteTrackPublication) -> None:
    logger.info("pictures are decoded but do not arrive: the track is subscribed to again")
    publication.set_subscribed(False)
    await asyncio.sleep(RESUBSCRIBE_DELAY_S)
    publication.set_subscribed(True)


async def decoded_pictures(track: rtc.Track) -> int | None:
    """How many pictures of a track were decoded; None if its statistics can't be read in time."""
    try:
        async with asyncio.timeout(STATISTICS_LIMIT_S):
            figures = await track.get_stats()
    except Exception:  # the LiveKit package documents no types
        return None
    return sum(
        figure.inbound_rtp.inbound.frames_decoded
        for figure in figures
        if figure.HasField("inbound_rtp")
    )
