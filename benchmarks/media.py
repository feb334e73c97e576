"""Frames through the engine in Python, by turns with stock aiortc in a thread, at 1280x720.

A clip of arrays goes through a session with the local server and comes back as arrays. Round trip,
rate, processor time and quality are measured side by side, each side in a new process; then what
the engine promises besides: the first frame, 60 frames/s, a busy main thread, no growth, nothing
left, each frame's identity, and a clip of which every frame comes back.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from typing import Any, Final

import psutil

from benchmarks import Figures
from benchmarks.media_side import Plan
from decart_widget.engine.media import EngineMedia
from decart_widget.engine.received import ReceivedFrame
from decart_widget.inputs.secrets import Secret
from decart_widget.inputs.sources import marker
from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.models import RealtimeModel
from decart_widget.options import VideoOptions
from decart_widget.protocol.requests import PromptState
from decart_widget.sandbox import Faults, serve, start_child
from decart_widget.session.config import SessionConfig
from decart_widget.session.endpoints import parse_endpoint
from decart_widget.session.session import Session

LIMITS: Final = {
    "median_ratio_vp8": 0.40,
    "median_ratio_h264": 0.25,
    "cpu_ratio_vp8": 0.80,
    "cpu_ratio_h264": 0.45,
    "busy_p95_ms": 120.0,
    "first_frame_s": 0.7,
    "first_frame_warm_s": 0.45,
    "rss_growth_mb": 10.0,
    "newest_ms": 100.0,
    "left": 0.0,
    "worker_growth_mb": 15.0,
    "every_wall_ratio": 1.5,
}
LEAST: Final = {
    "fps_60": 57.0,
    "room_fps_30": 29.0,
    "busy_fps": 24.0,
    "exact_share": 1.0,
    "every_frames": 300.0,
    "psnr_gain_h264_db": 0.0,
    "psnr_gain_vp8_db": 0.0,
}

TURNS: Final = 3
SIDE_LIMIT_S: Final = 90.0
CYCLES: Final = 50
GROWTH_S: Final = 120.0
GROWTH_WARM_S: Final = 20.0
EXACT_FRAMES: Final = 1000
"""Frames of each transport whose identity is compared with the marker in their picture."""
CLIP_S: Final = 10.0
KEY: Final = "dct_" + "b3nch" * 5
LIMIT_S: Final = 120.0


def side(url: str, key: str, **plan: Any) -> dict[str, Any]:
    """Runs one side in a process of its own; returns its figures."""
    wanted = json.dumps(asdict(Plan(url=url, key=key, **plan)))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.media_side", wanted],
        capture_output=True,
        text=True,
        timeout=SIDE_LIMIT_S,
        check=False,
    )
    if done.returncode or not done.stdout.strip():
        raise RuntimeError(f"{plan} failed: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    shown = {name: v for name, v in plan.items() if name != "key"}
    print(f"  {shown}: {figures}", file=sys.stderr, flush=True)
    return figures


def median(runs: Sequence[dict[str, Any]], name: str) -> float:
    return float(statistics.median(run[name] for run in runs))


def by_turns() -> Figures:
    """Both sides with both codecs, by turns; then the engine alone under other conditions."""
    figures: Figures = {}
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with start_child() as sandbox:
        where = sandbox.base_url, sandbox.api_key
        for _ in range(TURNS):
            for codec in ("VP8", "H264"):
                for name in ("engine", "stock"):
                    figure = side(*where, side=name, codec=codec, fps=25)
                    runs.setdefault((name, codec), []).append(figure)
        for codec in ("VP8", "H264"):
            ours, stock = runs["engine", codec], runs["stock", codec]
            low = codec.lower()
            figures[f"median_ms_{low}"] = round(median(ours, "median_ms"), 1)
            figures[f"stock_median_ms_{low}"] = round(median(stock, "median_ms"), 1)
            for measured, short in (("median_ms", "median"), ("cpu_ms", "cpu")):
                ratio = median(ours, measured) / median(stock, measured)
                figures[f"{short}_ratio_{low}"] = round(ratio, 3)
            gain_db = median(ours, "psnr_db") - median(stock, "psnr_db")
            figures[f"psnr_gain_{low}_db"] = round(gain_db, 2)
            figures[f"mistaken_{low}"] = sum(run["mistaken"] for run in ours)
        warm = [run["first_frame_s"] for run in runs["engine", "H264"]]
        figures["first_frame_warm_s"] = round(statistics.median(warm), 3)
        cold = [
            side(*where, side="engine", codec="H264", fps=25, warm=False, warm_s=0, seconds=1)
            for _ in range(TURNS)
        ]
        figures["first_frame_s"] = round(median(cold, "first_frame_s"), 3)
        fast = [side(*where, side="engine", codec="H264", fps=60) for _ in range(TURNS)]
        figures["fps_60"] = round(median(fast, "fps"), 1)
        busy = [side(*where, side="engine", codec="H264", fps=25, busy=True) for _ in range(TURNS)]
        figures["busy_fps"] = round(median(busy, "fps"), 1)
        figures["busy_p95_ms"] = round(median(busy, "p95_ms"), 1)
        room = [
            side(*where, side="engine", codec="H264", fps=30, transport="livekit")
            for _ in range(TURNS)
        ]
        figures["room_fps_30"] = round(median(room, "fps"), 1)
        figures["room_median_ms"] = round(median(room, "median_ms"), 1)
        figures["room_cpu_ms"] = round(median(room, "cpu_ms"), 2)
    return figures


class LateSandbox:
    """A sandbox in a process of its own that answers late; see `parse_endpoint`."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self.base_url = addresses["base_url"]
        self.realtime_base_url = addresses["realtime_base_url"]
        self.api_key = addresses["api_key"]


@contextmanager
def late_sandbox(delay_s: float) -> Iterator[LateSandbox]:
    command = [sys.executable, "-m", "decart_widget.sandbox", "--picture-delay-s", str(delay_s)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield LateSandbox(json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.communicate()


class Sink:
    """Takes frames; counts them, reads markers on request, and rests after each if told to."""

    def __init__(self, *, marked: bool = False, rest_s: float = 0.0) -> None:
        self.marked, self.rest_s = marked, rest_s
        self.count = self.exact = self.wrong = 0
        self.lost_indices: list[int] = []
        self.indices: list[int] = []
        self.ages_ms: list[float] = []
        self.ended = threading.Event()

    def frame(self, frame: ReceivedFrame) -> None:
        self.count += 1
        self.indices.append(frame.index)
        self.ages_ms.append((time.monotonic_ns() - frame.captured_ns) / 1e6)
        if self.marked:
            number = marker.read(frame.picture[: frame.picture.shape[0] * 2 // 3])
            right = frame.exact and frame.index == number
            self.exact += right
            self.wrong += not right
        if self.rest_s:
            time.sleep(self.rest_s)

    def lost(self, indices: Sequence[int]) -> None:
        self.lost_indices += indices

    def source_ended(self) -> None:
        self.ended.set()


@asynccontextmanager
async def session(
    sandbox: Any, media: EngineMedia, transport: str = "webrtc", *, width: int = 1280
) -> AsyncIterator[Session]:
    """A running session at 30 frames/s."""
    config = SessionConfig(
        RealtimeModel("lucy-2.1", fps=30, width=width, height=width * 9 // 16),
        parse_endpoint(sandbox),
        Secret(sandbox.api_key),
        transport,  # type: ignore[arg-type]
        video=VideoOptions("auto", max_bitrate=3_000_000, max_framerate=30),
    )
    made = Session(config, media, lambda changed: None)
    running = asyncio.ensure_future(made.run(PromptState("greyscale", False, None)))
    try:
        yield made
    finally:
        made.stop()
        await running
    if made.error is not None:
        raise made.error


async def until(true: Any, limit_s: float = LIMIT_S) -> None:
    ends_at = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > ends_at:
            raise TimeoutError("The benchmark waits for something that does not come.")
        await asyncio.sleep(0.02)


async def identity(transport: str) -> Figures:
    """The share of frames whose index is the number in their picture: drops and a reconnect too."""

    def uneven(frame: Any, prompt: str | None, image: Any) -> Any:
        time.sleep(0.045 if (time.monotonic() % 2) < 0.5 else 0.0)  # drops for a quarter of it
        return frame

    sink = Sink(marked=True)
    with serve(uneven, api_key=KEY, marker=True) as sandbox:
        media = EngineMedia(TestPattern("marker"))
        media.add_sink(sink)
        async with session(sandbox, media, transport, width=640):
            await until(lambda: sink.count >= EXACT_FRAMES // 2)
            sandbox.faults = Faults(drop_control_after_s=0, sessions=1)
            await until(lambda: sink.count >= EXACT_FRAMES)
        await media.close()
    return {f"exact_share_{transport}": sink.exact / sink.count}


async def every() -> Figures:
    """A clip of which each frame comes back, with a service that answers after 0.6 s."""
    sink = Sink()
    with late_sandbox(0.6) as sandbox:
        media = EngineMedia(TestPattern("texture", fps=30, duration=CLIP_S))
        media.add_sink(sink, every=True)
        await media.ready(LIMIT_S)
        began = time.monotonic()
        async with session(sandbox, media):
            await until(sink.ended.is_set)
            took_s = time.monotonic() - began
        await media.close()
    return {
        "every_frames": len(sink.indices) if sink.indices == sorted(set(sink.indices)) else 0,
        "every_lost": len(sink.lost_indices),
        "every_wall_ratio": round(took_s / CLIP_S, 2),
    }


async def growth() -> Figures:
    """Memory of both processes over two minutes with a reader of 10 frames/s."""
    sink = Sink(rest_s=0.1)
    with start_child() as sandbox:
        media = EngineMedia(TestPattern("texture"))
        media.add_sink(sink)
        async with session(sandbox, media):
            await until(lambda: sink.count)
            own, worker = psutil.Process(), psutil.Process(media.pid)
            await asyncio.sleep(GROWTH_WARM_S)
            before, most = own.memory_info().rss + worker.memory_info().rss, 0
            ends_at = time.monotonic() + GROWTH_S
            sink.ages_ms.clear()
            while time.monotonic() < ends_at:
                await asyncio.sleep(1)
                most = max(most, own.memory_info().rss + worker.memory_info().rss)
        await media.close()
    return {
        "rss_growth_mb": round((most - before) / 1e6, 1),
        "newest_ms": round(statistics.median(sink.ages_ms), 1),
    }


def leftovers() -> dict[str, int]:
    """What this process has, besides threads of asyncio's executor, which stay for reuse."""
    own = psutil.Process()
    threads = [t for t in threading.enumerate() if not t.name.startswith("asyncio_")]
    return {
        "threads": len(threads),
        "children": len(own.children()),
        "descriptors": own.num_fds(),
    }


async def cycles() -> Figures:
    """What many sessions leave in this process, and in one worker that carries them all."""
    with start_child() as sandbox:

        async def once(media: EngineMedia) -> None:
            sink = Sink()
            media.add_sink(sink)
            async with session(sandbox, media, width=640):
                await until(lambda: sink.count)
            media.remove_sink(sink)

        first = EngineMedia(TestPattern("marker"))
        await once(first)
        await first.close()
        before = leftovers()
        for _ in range(CYCLES // 2):
            media = EngineMedia(TestPattern("marker"))
            await once(media)
            await media.close()
        after = leftovers()
        media = EngineMedia(TestPattern("marker"))
        await once(media)
        worker = psutil.Process(media.pid)
        rss = worker.memory_info().rss
        for _ in range(CYCLES // 2):
            await once(media)
        grown = worker.memory_info().rss - rss
        await media.close()
    return {
        "left": sum(max(0, after[name] - before[name]) for name in before),
        "worker_growth_mb": round(grown / 1e6, 1),
    }


async def measure() -> Figures:
    figures: Figures = {}
    for transport in ("webrtc", "livekit"):
        figures |= await identity(transport)
    shares = [value for name, value in figures.items() if name.startswith("exact_share_")]
    figures["exact_share"] = min(shares)
    figures |= await every()
    figures |= await cycles()
    figures |= await growth()
    return figures


def run() -> Figures:
    return by_turns() | asyncio.run(measure())
