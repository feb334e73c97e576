"""One session of one side of the benchmark `media`, in a process of its own.

``python -m benchmarks.media_side '{"side": "engine", ...}'`` sends a clip through a session with a
sandbox that runs elsewhere, and prints its figures as one line of JSON. The sides are ``engine``
and ``stock``: aiortc as it comes, in a thread of the process.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np

from benchmarks import media_clip
from benchmarks.media_clip import Picture
from decart_widget.engine.media import EngineMedia
from decart_widget.engine.received import ReceivedFrame
from decart_widget.inputs.secrets import Secret
from decart_widget.inputs.sources.reader import ReadFrame, Target
from decart_widget.models import RealtimeModel
from decart_widget.options import VideoOptions
from decart_widget.protocol.requests import PromptState
from decart_widget.session.config import SessionConfig
from decart_widget.session.endpoints import parse_endpoint
from decart_widget.session.session import Session

FIRST_LIMIT_S: Final = 20.0
"""Seconds until the first frame, after which a side counts as failed."""

KEPT: Final = 15
"""Frames whose quality is measured."""


@dataclass(frozen=True)
class Plan:
    """What one side does.

    Attributes:
        side: ``"engine"`` or ``"stock"``.
        codec: ``"H264"`` or ``"VP8"``.
        fps: Frames/s that are sent.
        url: The sandbox's HTTP API.
        key: Its key.
        transport: ``"webrtc"`` or ``"livekit"``.
        busy: Whether the main thread runs pure Python meanwhile.
        warm: Whether the engine's process is started before the clock starts.
        warm_s: Seconds from the first frame until the measurement.
        seconds: Seconds of the measurement.
    """

    side: str
    codec: str
    fps: float
    url: str
    key: str
    transport: str = "webrtc"
    busy: bool = False
    warm: bool = True
    warm_s: float = 2.5
    seconds: float = 5.0


class Meter:
    """Makes the frames, and measures those that come back."""

    def __init__(self, plan: Plan) -> None:
        self.fps = plan.fps
        self.clip = media_clip.make_clip()
        self.sent: dict[int, float] = {}
        self.latencies_ms: list[float] = []
        self.kept: dict[int, Picture] = {}
        self.first_at = 0.0
        self.measuring = False
        self.unreadable = 0
        self.mistaken = 0

    def give(self, number: int) -> Picture:
        """RGB frame of this number, noted as sent now."""
        frame = self.clip[number % len(self.clip)]
        media_clip.stamp(frame, number)
        self.sent[number] = time.perf_counter()
        return frame

    def take(self, luma: Picture, index: int | None = None) -> None:
        """Notes a frame that came back, already converted to RGB by the caller."""
        now = time.perf_counter()
        self.first_at = self.first_at or now
        if luma.shape != (media_clip.HEIGHT, media_clip.WIDTH):
            return
        number = media_clip.read(luma)
        if number not in self.sent:
            self.unreadable += 1
            return
        assert number is not None
        self.mistaken += index is not None and index != number
        if self.measuring:
            self.latencies_ms.append((now - self.sent[number]) * 1000)
            if len(self.kept) < KEPT and len(self.latencies_ms) % 7 == 0:
                self.kept[number] = luma.copy()

    def quality(self) -> float:
        """Mean PSNR-Y of the kept frames in dB."""
        values = []
        for number, luma in self.kept.items():
            frame = self.clip[number % len(self.clip)]
            media_clip.stamp(frame, number)
            values.append(media_clip.psnr(media_clip.to_i420(frame)[: media_clip.HEIGHT], luma))
        return float(np.mean(values)) if values else 0.0

    def frame(self, frame: ReceivedFrame) -> None:
        """Takes a frame of the engine."""
        media_clip.to_rgb(frame.picture)
        height = frame.picture.shape[0] * 2 // 3
        self.take(frame.picture[:height], frame.index if frame.exact else None)

    def lost(self, indices: Sequence[int]) -> None:
        """Not measured here."""

    def source_ended(self) -> None:
        """It has no end."""


class LiveClip:
    """The source of the engine's side: a live one, of RGB arrays that this process makes."""

    label = "clip"

    def __init__(self, meter: Meter) -> None:
        self.meter = meter

    def check(self) -> None:
        """Nothing to check."""

    def describe(self) -> Mapping[str, Any]:
        """Frames of this process."""
        return {"kind": "frames"}

    def reader(self, target: Target) -> LiveClipReader:
        """Opens it."""
        return LiveClipReader(self.meter)


class LiveClipReader:
    """Gives a frame each time when it is due."""

    label = "clip"
    is_live = True
    fps: float | None = None
    duration_s: float | None = None
    frame_count: int | None = None

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._number = 0
        self._began = time.perf_counter()
        self._closed = threading.Event()

    def read(self) -> ReadFrame | None:
        """The next frame, when it is due."""
        wait_s = self._began + self._number / self._meter.fps - time.perf_counter()
        if wait_s < -0.5:
            self._began -= wait_s
        if self._closed.wait(max(0.0, wait_s)):
            return None
        number = self._number
        self._number += 1
        picture = media_clip.to_i420(self._meter.give(number))
        return ReadFrame(picture, number, number / self._meter.fps)

    def close(self) -> None:
        """Ends it."""
        self._closed.set()


class StockMedia:
    """Implements ``Media`` with aiortc as it comes, on the loop of the session."""

    server_codec = None
    frame_timing = False
    waiting_for_person = False

    def __init__(self, meter: Meter, codec: str) -> None:
        self.listener: Any = None
        self._meter = meter
        self._codec = codec
        self._pc: Any = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def ready(self, timeout: float) -> None:
        """It is."""

    async def attended(self) -> None:
        """It is."""

    def prepare(self, attempt: int, preparation: Any) -> None:
        """Makes the offer."""
        self._run(self._prepare(attempt))

    def join(self, attempt: int, room: Any) -> None:
        """It joins no rooms."""
        raise NotImplementedError

    def answer(self, attempt: int, sdp: str) -> None:
        """Applies the answer."""
        from aiortc import RTCSessionDescription

        self._run(self._pc.setRemoteDescription(RTCSessionDescription(sdp, "answer")))

    def add_candidate(self, attempt: int, candidate: Any) -> None:
        """The sandbox's answer has all candidates."""

    def end(self, attempt: int, reason: Any, *, keep_source: bool) -> None:
        """Closes the connection."""
        if self._pc is not None:
            self._run(self._pc.close())

    def _run(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _prepare(self, attempt: int) -> None:
        from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender
        from av import VideoFrame

        from decart_widget.rtc import tuning

        meter, listener = self._meter, self.listener

        class Clip(MediaStreamTrack):
            kind = "video"
            began = 0.0
            number = 0

            async def recv(self) -> Any:
                now = time.perf_counter()
                self.began = self.began or now
                wait_s = self.began + self.number / meter.fps - now
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                elif wait_s < -0.5:
                    self.began -= wait_s
                frame = VideoFrame.from_ndarray(meter.give(self.number), format="rgb24")
                frame.pts = int(self.number * 90_000 / meter.fps)
                frame.time_base = Fraction(1, 90_000)
                self.number += 1
                return frame

        self._pc = pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        transceiver = pc.addTransceiver(Clip(), direction="sendrecv")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences(
            sorted(codecs, key=lambda codec: codec.name.upper() != self._codec)
        )
        # The sandbox answers on 127.0.0.1 only, which aiortc doesn't offer by itself.
        gatherer = transceiver.receiver.transport.transport.iceGatherer
        tuning.limit_gathering(gatherer, loopback=True)

        def changed() -> None:
            if pc.connectionState in ("connected", "failed"):
                listener.media_changed(attempt, pc.connectionState)

        pc.on("track", lambda track: self._run(self._read(track)))
        pc.on("connectionstatechange", changed)
        await pc.setLocalDescription(await pc.createOffer())
        listener.offer_made(attempt, pc.localDescription.sdp)
        listener.candidate_found(attempt, None)

    async def _read(self, track: Any) -> None:
        from aiortc.mediastreams import MediaStreamError

        try:
            while True:
                frame = await track.recv()
                frame.to_ndarray(format="rgb24")
                plane = frame.planes[0]
                luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
                self._meter.take(luma[: frame.height, : frame.width])
        except MediaStreamError:
            pass


async def _measure(plan: Plan, meter: Meter) -> dict[str, Any]:
    engine: EngineMedia | None = None
    media: Any
    if plan.side == "stock":
        media = StockMedia(meter, plan.codec)
    else:
        media = engine = EngineMedia(LiveClip(meter))
        engine.add_sink(meter)
        if plan.warm:
            engine.warm(plan.transport)
            await engine.ready(FIRST_LIMIT_S)
            await asyncio.sleep(1.5)
    config = SessionConfig(
        RealtimeModel("lucy-2.1", fps=plan.fps),
        parse_endpoint(plan.url),
        Secret(plan.key),
        plan.transport,  # type: ignore[arg-type]
        # What aiortc reaches at most, so that both sides have the same.
        video=VideoOptions(
            plan.codec,
            max_bitrate=1_500_000 if plan.codec == "VP8" else 3_000_000,
            max_framerate=max(30.0, plan.fps),
        ),
    )
    began = time.perf_counter()
    session = Session(config, media, lambda session: None)
    running = asyncio.ensure_future(session.run(PromptState(None, False, None)))
    while not meter.first_at:
        if running.done() or time.perf_counter() - began > FIRST_LIMIT_S:
            raise RuntimeError(f"{plan}: no frame came back: {session.error}")
        await asyncio.sleep(0.005)
    await asyncio.sleep(plan.warm_s)
    at, cpu, sent = time.perf_counter(), await _cpu(engine), len(meter.sent)
    meter.measuring = True
    await asyncio.sleep(plan.seconds)
    meter.measuring = False
    took_s = time.perf_counter() - at
    cpu_s = await _cpu(engine) - cpu
    came = len(meter.latencies_ms)
    figures = await engine.figures() if engine is not None else {}
    session.stop()
    await running
    if engine is not None:
        await engine.close()
    latencies = np.array(meter.latencies_ms or [float("nan")])
    return {
        "sent_fps": (len(meter.sent) - sent) / took_s,
        "fps": came / took_s,
        "median_ms": float(np.median(latencies)),
        "p95_ms": float(np.percentile(latencies, 95)),
        "cpu_ms": cpu_s * 1000 / max(1, came),
        "first_frame_s": meter.first_at - began,
        "psnr_db": meter.quality(),
        "unreadable": meter.unreadable,
        "mistaken": meter.mistaken,
        "codec": figures.get("codec", plan.codec),
    }


async def _cpu(engine: EngineMedia | None) -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    own = used.ru_utime + used.ru_stime
    return own if engine is None else own + (await engine.figures())["cpu_s"]


def run(plan: Plan) -> dict[str, Any]:
    """Measures on a thread, as in a notebook, whose main thread computes or waits."""
    import cv2

    cv2.setNumThreads(1)
    meter, result = Meter(plan), {}
    failures: list[BaseException] = []

    def measure() -> None:
        try:
            result.update(asyncio.run(_measure(plan, meter)))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=measure)
    thread.start()
    total = 0
    while thread.is_alive():
        if plan.busy:
            for number in range(20_000):
                total += number * number
        else:
            thread.join(0.5)
    if failures:
        raise failures[0]
    return result


def main(argument: str) -> None:
    print(json.dumps(run(Plan(**json.loads(argument)))), flush=True)
    os._exit(0)


Measure = Callable[[Plan], dict[str, Any]]

if __name__ == "__main__":
    main(sys.argv[1])
