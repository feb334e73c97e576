"""Media for a session without a browser: a synthetic camera and aiortc's peer connection."""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import Mapping
from typing import Any

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from decart_widget.errors import DecartError, MediaError
from decart_widget.protocol.messages import Candidate, RoomInfo
from decart_widget.rtc import sdp as descriptions
from decart_widget.rtc import tuning
from decart_widget.rtc.bitrates import Bitrates
from decart_widget.session.media import EndReason, MediaListener, Preparation

WIDTH, HEIGHT, FPS = 320, 180, 20


class ColourBars(MediaStreamTrack):
    """Red on the left, blue on the right, and a white square that moves."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._began = 0.0

    async def recv(self) -> VideoFrame:
        loop = asyncio.get_running_loop()
        if not self._count:
            self._began = loop.time()
        await asyncio.sleep(max(0.0, self._began + self._count / FPS - loop.time()))
        picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        picture[:, : WIDTH // 2] = (200, 40, 40)
        picture[:, WIDTH // 2 :] = (40, 40, 200)
        x = self._count * 4 % (WIDTH - 20)
        picture[80:100, x : x + 20] = 255
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._count, fractions.Fraction(1, FPS)
        self._count += 1
        return frame


class CameraPeer:
    """Implements ``Media``; ``picture`` is the newest received picture, (h, w, 3) uint8 RGB."""

    def __init__(self, *, refuse: str | None = None, present: bool = True) -> None:
        self.listener: MediaListener | None = None
        self.waiting_for_person = False
        self.picture: np.ndarray | None = None
        self.pictures = 0
        self.ended: list[tuple[int, EndReason, bool]] = []
        self.prepared: list[Preparation] = []
        self._refuse = refuse
        self._present = asyncio.Event()
        if present:
            self._present.set()
        self._pc: RTCPeerConnection | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing: list[asyncio.Future[None]] = []
        self._early: list[Candidate | None] = []
        self._arrived = asyncio.Event()

    # --- Media --------------------------------------------------------------------------------

    async def ready(self, timeout: float) -> None:
        async with asyncio.timeout(timeout):
            await self._present.wait()

    async def attended(self) -> None:
        await self._present.wait()

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        self.prepared.append(preparation)
        self._spawn(self._offer(attempt, preparation.rtc))

    @property
    def server_codec(self) -> str | None:
        return None

    @property
    def in_browser(self) -> bool:
        return True

    @property
    def frame_timing(self) -> bool:
        return False

    def join(self, attempt: int, room: RoomInfo) -> None:
        raise AssertionError("this camera joins no rooms")

    def answer(self, attempt: int, sdp: str) -> None:
        self._spawn(self._answer(sdp))

    def add_candidate(self, attempt: int, candidate: Candidate | None) -> None:
        if self._pc is None or self._pc.remoteDescription is None:
            self._early.append(candidate)
        else:
            self._spawn(self._add(self._pc, candidate))

    def end(self, attempt: int, reason: EndReason, *, keep_source: bool) -> None:
        self.ended.append((attempt, reason, keep_source))
        pc, self._pc = self._pc, None
        if pc is not None:
            self._closing.append(asyncio.ensure_future(pc.close()))

    # --- for tests ----------------------------------------------------------------------------

    async def next_picture(self, count: int = 1) -> np.ndarray:
        """Wait for ``count`` more pictures; returns the last one."""
        wanted = self.pictures + count
        while self.pictures < wanted:
            self._arrived.clear()
            await self._arrived.wait()
        assert self.picture is not None
        return self.picture

    async def picture_that(self, seen: Any) -> np.ndarray:
        """Wait for a picture of which ``seen(picture)`` is true; returns it."""
        while True:
            picture = await self.next_picture()
            if seen(picture):
                return picture

    async def close(self) -> None:
        if self._pc is not None:
            await self._pc.close()
        await asyncio.gather(*self._closing)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- inside -------------------------------------------------------------------------------

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _offer(self, attempt: int, rtc: Mapping[str, Any]) -> None:
        assert self.listener is not None
        if self._refuse is not None:
            error: DecartError = MediaError("No camera.", code=self._refuse)
            self.listener.media_refused(attempt, error)
            return
        assert rtc["iceServers"] == [], "a loopback session needs no STUN server"
        self._pc = pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        listener = self.listener
        pc.addTransceiver(ColourBars(), direction="sendrecv")
        tuning.tune(pc, bitrates=Bitrates())

        @pc.on("connectionstatechange")
        def changed() -> None:
            states = {"connected": "connected", "failed": "failed"}
            if pc is self._pc and pc.connectionState in states:
                listener.media_changed(attempt, states[pc.connectionState])  # type: ignore[arg-type]

        @pc.on("track")
        def track_received(track: MediaStreamTrack) -> None:
            self._spawn(self._receive(track))

        listener.media_changed(attempt, "camera")
        await pc.setLocalDescription(await pc.createOffer())
        listener.offer_made(attempt, pc.localDescription.sdp)
        listener.candidate_found(attempt, None)

    async def _answer(self, sdp: str) -> None:
        pc = self._pc
        if pc is None:
            return  # the answer of an attempt that has ended
        await pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        early, self._early = self._early, []
        for candidate in early:
            await self._add(pc, candidate)

    async def _add(self, pc: RTCPeerConnection, candidate: Candidate | None) -> None:
        if candidate is None:
            await pc.addIceCandidate(None)
            return
        init = {
            "candidate": candidate.candidate,
            "sdpMid": candidate.sdp_mid,
            "sdpMLineIndex": candidate.sdp_m_line_index,
        }
        await pc.addIceCandidate(descriptions.parse_candidate(init, loopback=True))

    async def _receive(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, VideoFrame)
            self.picture = frame.to_ndarray(format="rgb24")
            self.pictures += 1
            self._arrived.set()


def colourfulness(picture: np.ndarray) -> float:
    """Mean difference between the largest and the smallest channel; 0 for grey."""
    return float(np.mean(picture.max(axis=2).astype(int) - picture.min(axis=2)))
