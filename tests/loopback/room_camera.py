"""Media for a session with a room, without a browser: a client of the package ``livekit``."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from decart_widget.protocol.messages import Candidate, RoomInfo
from decart_widget.session.media import EndReason, MediaListener, Preparation
from tests.loopback.room_client import RoomUser


class RoomCamera:
    """Implements ``Media``; ``user`` is the participant in the present attempt's room.

    Args:
        has_camera: A viewer has none.
    """

    server_codec = None
    frame_timing = False
    in_browser = True
    waiting_for_person = False

    def __init__(self, *, has_camera: bool = True) -> None:
        self.listener: MediaListener | None = None
        self.user: RoomUser | None = None
        self.prepared: list[Preparation] = []
        self.rooms: list[RoomInfo] = []
        self.ended: list[tuple[int, EndReason, bool]] = []
        self.failures: list[str] = []
        """Why rooms could not be joined, or sent no picture."""
        self._has_camera = has_camera
        self._work: list[asyncio.Future[Any]] = []

    async def ready(self, timeout: float) -> None:
        """Return at once."""

    async def attended(self) -> None:
        """Return at once."""

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        assert self.listener is not None
        assert preparation.transport == "livekit"
        self.prepared.append(preparation)
        if self._has_camera:
            self.listener.media_changed(attempt, "camera")

    def join(self, attempt: int, room: RoomInfo) -> None:
        self.rooms.append(room)
        self.user = RoomUser()
        self._work.append(asyncio.ensure_future(self._join(attempt, room, self.user)))

    def answer(self, attempt: int, sdp: str) -> None:
        raise AssertionError("this camera has no peer connection")

    def add_candidate(self, attempt: int, candidate: Candidate | None) -> None:
        raise AssertionError("this camera has no peer connection")

    def end(self, attempt: int, reason: EndReason, *, keep_source: bool) -> None:
        self.ended.append((attempt, reason, keep_source))
        user, self.user = self.user, None
        if user is not None:
            self._work.append(asyncio.ensure_future(user.close()))

    async def picture_that(self, seen: Any) -> np.ndarray:
        """Wait until there is a picture of which ``seen`` is true; returns it."""
        try:
            async with asyncio.timeout(30):
                while self.user is None or self.user.picture is None:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            events = self.user.events if self.user is not None else "no room to join"
            raise AssertionError(f"no picture came: {events}, {self.failures}") from None
        return await self.user.picture_that(seen)

    async def close(self) -> None:
        if self.user is not None:
            await self.user.close()
        for work in self._work:
            if not work.done():
                work.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    async def _join(self, attempt: int, room: RoomInfo, user: RoomUser) -> None:
        listener = self.listener
        assert listener is not None
        user.room.on("disconnected", lambda _reason: self._lost(attempt, user))
        try:
            await user.join({"livekit_url": room.url, "token": room.token})
            listener.media_changed(attempt, "connected")
            if self._has_camera:
                await user.publish()
            await user.picture_that(lambda _picture: True)
        except Exception as error:
            self.failures.append(f"attempt {attempt}: {error!r}")
            self._lost(attempt, user)  # a page reports it in the same way
            raise
        listener.media_changed(attempt, "first-frame")

    def _lost(self, attempt: int, user: RoomUser) -> None:
        if user is self.user and self.listener is not None:
            self.listener.media_changed(attempt, "failed")
