"""The connection of one attempt through a LiveKit room, with the package `livekit`.

The package has rules of its own, which are kept here: a `Room` is made inside the running event
loop (elsewhere publishing hangs without an error); joining is never cancelled (its Rust code would
panic, which ends the process); a disconnect of ours is reported too, and late.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from typing import Any, Final

import numpy as np
from livekit import rtc

from decart_widget.diagnostics.redaction import remember, trace
from decart_widget.engine.connection import ConnectionSettings, FrameExchange, OutgoingFrame
from decart_widget.engine.frame_stamps import FrameStamps
from decart_widget.engine.keyframe_refresh import KeyframeRefresh
from decart_widget.engine.room_encoder import CameraTrack, camera_track
from decart_widget.engine.room_values import (
    figures_of,
    harmless,
    join_error,
    planes,
    rtc_configuration,
)
from decart_widget.rtc.room_pictures import pictures

logger = logging.getLogger(__name__)

SERVICE_PREFIX: Final = "inference-server-"
"""Beginning of the identity of the participant whose pictures are the transformed ones."""

USUAL_SERVICE: Final = "inference-server-1"
"""The usual identity of that participant: it may subscribe before it is seen to have joined."""

CONNECT_TIMEOUT_S: Final = 15.0
"""Seconds that opening the signal socket may take; the session's own limit is usually shorter."""

LEAVE_TIMEOUT_S: Final = 2.0
"""Seconds that leaving may take; with a server that doesn't respond it takes a minute."""

TRACK_GRACE_S: Final = 3.0
"""Seconds for which the room may be without transformed pictures: the service may publish its
track anew."""

FIGURES_TIMEOUT_S: Final = 1.0
"""Seconds that reading the statistics may take."""

WAITING_PICTURES: Final = 8
"""Pictures that may wait until this process gets to them; copying one takes less time than decoding
it, so that they wait only while it is busy. 1.4 MB each at 1280x720."""

SMALLEST_SIDE_PX: Final = 32
"""Pixels; a picture with a shorter side is none: LiveKit ends and mutes a track with blank pictures
of 2x2 (H.264) or 8x8 pixels (VP8)."""


class RoomConnection:
    """Implements `Connection` for the transport ``livekit``.

    Args:
        settings: What is sent.
        exchange: Gives the frames to send and takes those that are received.
    """

    def __init__(self, settings: ConnectionSettings, exchange: FrameExchange) -> None:
        self._settings = settings
        self._exchange = exchange
        self._room: rtc.Room | None = None
        self._camera: CameraTrack | None = None
        self._joining: asyncio.Task[None] | None = None
        self._first: asyncio.Task[OutgoingFrame] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._track_sid: str | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._closing = self._has_failed = self._in_room = self._connected = False
        self._stamps = FrameStamps()
        self._refresh = KeyframeRefresh()
        self._sent = self._received = self._skipped = 0

    # --- Connection ---------------------------------------------------------------------------

    def start(self) -> None:
        """Makes room and encoder, before the service has named the room."""
        self._room = room = rtc.Room()
        room.on("track_published", self._on_published)
        room.on("track_subscribed", self._on_track)
        room.on("track_unsubscribed", self._on_track_gone)
        room.on("participant_connected", lambda _: self._hide_camera())
        room.on("reconnecting", self._on_reconnecting)
        room.on("reconnected", self._on_reconnected)
        room.on("disconnected", self._on_disconnected)
        self._camera = camera_track(self._settings)

    async def join(self, url: str, token: str) -> None:
        """Begins to join the room."""
        remember(token, "room")
        if self._joining is None and not self._closing:
            self._joining = asyncio.create_task(self._join(url, token))

    async def answer(self, sdp: str) -> None:
        """Does nothing: there is no offer."""

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        """Does nothing: the room has its own signalling."""

    async def figures(self) -> dict[str, Any]:
        """Returns counts of the connection; see `Connection.figures`."""
        counts = {"sent": self._sent, "received": self._received, "skipped": self._skipped}
        codec = self._camera.codec if self._camera is not None else None
        figures: dict[str, Any] = {**counts, "codec": codec}
        if self._room is not None and self._room.isconnected() and not self._closing:
            with contextlib.suppress(Exception):  # the package documents no types
                async with asyncio.timeout(FIGURES_TIMEOUT_S):
                    stats = await self._room.get_rtc_stats()
                figures |= figures_of([*stats.publisher_stats, *stats.subscriber_stats])
        return figures

    async def close(self) -> None:
        """Leaves the room, and frees what was made; a server that doesn't respond is left alone."""
        if self._closing:
            return
        self._closing = True
        self._end_grace()
        # First the tasks: no picture of this attempt may come after its end.
        tasks: list[asyncio.Task[Any] | None] = [self._first, self._sending, self._reading]
        working = [task for task in tasks if task is not None]
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        leaving = asyncio.create_task(self._leave())
        _unfinished.add(leaving)
        leaving.add_done_callback(_unfinished.discard)
        await asyncio.wait([leaving], timeout=LEAVE_TIMEOUT_S)
        self._stamps = FrameStamps()
        # What the package's objects refer to each other with keeps 1.5 MB for each session.
        gc.collect()

    # --- joining and leaving ------------------------------------------------------------------

    async def _join(self, url: str, token: str) -> None:
        room, camera = self._room, self._camera
        if room is None or camera is None:
            return
        # The source is opened while the room is joined.
        self._first = first = asyncio.create_task(self._exchange.next_frame())
        try:
            options = rtc.RoomOptions(
                connect_timeout=CONNECT_TIMEOUT_S, rtc_config=rtc_configuration(self._settings.rtc)
            )
            await room.connect(url, token, options)
            if self._closing:
                return
            self._in_room = True
            self._hide_camera()
            camera.prepare(await first)
            await room.local_participant.publish_track(camera.track(), camera.publish_options())
        except Exception as error:  # the package documents no types
            logger.debug("the room could not be joined: %s", harmless(error))
            if not self._closing and not self._has_failed:
                self._has_failed = True
                self._exchange.refused(join_error(error))
            return
        finally:
            first.cancel()
        if not self._closing:
            self._sending = asyncio.create_task(self._send(camera))

    async def _leave(self) -> None:
        if self._joining is not None:
            await asyncio.wait([self._joining])
        if self._room is not None:
            with contextlib.suppress(Exception):  # the package documents no types
                await self._room.disconnect()
        if self._camera is not None:
            await self._camera.close()

    def _hide_camera(self) -> None:
        """Keeps the camera from viewers of the room: the service's participants alone get it."""
        room = self._room
        if self._closing or room is None or not room.isconnected():
            return
        present = {name for name in room.remote_participants if name.startswith(SERVICE_PREFIX)}
        room.local_participant.set_track_subscription_permissions(
            allow_all_participants=False,
            participant_permissions=[
                rtc.ParticipantTrackPermission(participant_identity=name, allow_all=True)
                for name in sorted(present | {USUAL_SERVICE})
            ],
        )

    # --- events of the room -------------------------------------------------------------------

    def _on_published(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if not _is_service(participant):
            publication.set_subscribed(False)

    def _on_track(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        if self._closing or not _is_service(participant):
            return
        if track.kind != rtc.TrackKind.KIND_VIDEO:
            return
        self._end_grace()
        if self._reading is not None:
            self._reading.cancel()
        self._track_sid = publication.sid
        self._reading = asyncio.create_task(self._read(track, publication))
        self._report_connected()

    def _on_track_gone(
        self,
        _track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        _participant: rtc.RemoteParticipant,
    ) -> None:
        if self._closing or publication.sid != self._track_sid:
            return
        self._track_sid = None
        loop = asyncio.get_running_loop()
        self._grace = self._grace or loop.call_later(TRACK_GRACE_S, self._on_no_track)

    def _on_no_track(self) -> None:
        if not self._closing:
            self._exchange.changed("ended")

    def _on_reconnecting(self) -> None:
        if not self._closing and self._connected:
            self._connected = False
            self._exchange.changed("reconnecting")

    def _on_reconnected(self) -> None:
        self._hide_camera()
        # A room that was joined anew announces its tracks again.
        if self._track_sid is not None:
            self._report_connected()

    def _on_disconnected(self, *_: object) -> None:
        self._end_grace()
        if self._in_room:  # the error of joining says more
            self._fail()

    def _fail(self) -> None:
        if not self._closing and not self._has_failed:
            self._has_failed = True
            self._exchange.changed("failed")

    def _report_connected(self) -> None:
        if not self._closing and not self._connected:
            self._connected = True
            self._exchange.changed("connected")

    def _end_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    # --- sending ------------------------------------------------------------------------------

    async def _send(self, camera: CameraTrack) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                frame = await self._exchange.next_frame()
                if self._refresh.is_due(loop.time()):
                    camera.request_keyframe()
                if await camera.send(frame, self._stamps.add(frame)):
                    self._sent += 1
                    self._exchange.frame_sent(frame)
                else:
                    self._skipped += 1
        except Exception as error:  # a bug of ours: the attempt must not go on without pictures
            logger.error("The frames of a room can't be sent.\n%s", trace(error))
            self._fail()

    # --- receiving ----------------------------------------------------------------------------

    async def _read(self, track: rtc.Track, publication: rtc.RemoteTrackPublication) -> None:
        try:
            frames = pictures(track, publication, waiting=WAITING_PICTURES)
            async with contextlib.aclosing(frames):
                async for event in frames:
                    self._receive(event)
        except Exception as error:
            logger.error("The pictures of a room can't be read.\n%s", trace(error))
            self._fail()

    def _receive(self, event: rtc.VideoFrameEvent) -> None:
        width, height = event.frame.width, event.frame.height
        if self._closing or min(width, height) < SMALLEST_SIDE_PX:
            return
        stamp_us = event.metadata.user_timestamp if event.metadata is not None else 0
        sent = self._stamps.find(stamp_us)
        self._received += 1
        self._refresh.received(asyncio.get_running_loop().time())
        data = np.frombuffer(event.frame.data, np.uint8)
        self._exchange.frame_received(
            planes(data, width, height), width, height, sent, exact=sent is not None
        )


_unfinished: Final[set[asyncio.Task[None]]] = set()
"""Rooms that are being left; a task that nobody refers to may be collected."""


def _is_service(participant: rtc.RemoteParticipant) -> bool:
    return participant.identity.startswith(SERVICE_PREFIX)
