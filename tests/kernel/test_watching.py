"""A widget whose source the kernel sends, in a real ipykernel; pages without a browser watch it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from decart_widget.inputs.sources import marker
from tests.kernel.fake_page import KernelPage, WidgetPage

QUIET = "import warnings; warnings.simplefilter('ignore')\nfrom decart_widget import DecartWidget\n"
WIDTH, HEIGHT, FPS = 320, 176, 30


@pytest.fixture
async def kernel() -> AsyncIterator[KernelPage]:
    page = await KernelPage().open()
    try:
        yield page
    finally:
        await page.close()


def marked_clip(path: Path, frames: int) -> Path:
    """A clip whose frames carry their numbers."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=FPS, options={"crf": "18"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
            marker.write(picture, number)
            for packet in video.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")):
                container.mux(packet)
        for packet in video.encode(None):
            container.mux(packet)
    return path


class Watcher(WidgetPage):
    """A page that watches: it decodes its pictures, and gives credit for them unless told not to.

    Attributes:
        pictures: The messages.
        numbers: The frame numbers that the decoded pictures carry, by stream.
        gives_credit: Whether it says that a picture was shown.
    """

    def __init__(self, kernel: KernelPage, name: str = "page-1") -> None:
        super().__init__(kernel, name, camera=_NoCamera())
        self.pictures: list[dict[str, Any]] = []
        self.numbers: dict[str, list[int | None]] = {"output": [], "input": []}
        self.gives_credit = True
        self._decoders: dict[str, Any] = {}
        others = kernel.on_part

        def take(comm_id: str, message: dict[str, Any], data: bytes) -> None:
            if others is not None:
                others(comm_id, message, data)
            if message["type"] == "picture" and message["page_id"] == name:
                self._take(message, data)

        kernel.on_part = take

    async def hello(self) -> dict[str, Any]:
        self.say("hello", protocol=1, version="test", page={"secure": True})
        return await self.kernel.until(  # type: ignore[no-any-return]
            lambda: next((m for m in self.received("welcome") if m["page_id"] == self.name), None)
        )

    async def prepared(self, after: int = 0) -> int:
        """The number of the attempt to watch, later than another one."""

        def newest() -> int:
            mine = [m for m in self.received("prepare") if m["page_id"] == self.name]
            assert all(m["transport"] == "kernel" and not m["rtc"] for m in mine)
            return max((m["attempt"] for m in mine if m["attempt"] > after), default=0)

        attempt: int = await self.kernel.until(newest)
        return attempt

    def watch(self, attempt: int, *streams: str) -> None:
        self._decoders.clear()
        self.say(
            "watch",
            attempt=attempt,
            streams=list(streams),
            codecs=["h264", "jpeg"],
            width=1280,
            height=720,
        )

    def _take(self, message: dict[str, Any], data: bytes) -> None:
        self.pictures.append(message)
        stream, number = message["stream"], message["number"]
        decoder = self._decoders.get(stream)
        if decoder is None:
            assert message["key"]
            decoder = self._decoders[stream] = av.CodecContext.create("h264", "r")
            decoder.flags |= 0x80000  # AV_CODEC_FLAG_LOW_DELAY
            decoder.thread_count = 1
        for frame in decoder.decode(av.Packet(data)):
            self.numbers[stream].append(marker.read(frame.to_ndarray()[: frame.height]))
        if self.gives_credit:
            self.say("shown", attempt=message["attempt"], stream=stream, number=number)

    def seen(self, stream: str, count: int) -> Callable[[], bool]:
        return lambda: len([n for n in self.numbers[stream] if n is not None]) >= count


class _NoCamera:
    listener: Any = None

    def prepare(self, *_: Any) -> None:
        raise AssertionError("a page that watches opens no camera")

    async def close(self) -> None:
        pass


@asynccontextmanager
async def displayed(kernel: KernelPage, clip: Path, arguments: str = "") -> AsyncIterator[Watcher]:
    """The page that displays a widget with a clip as source."""
    await kernel.run(
        f"{QUIET}w = DecartWidget(source={str(clip)!r}, transport='webrtc'{arguments})"
    )
    page = Watcher(kernel)
    try:
        await page.hello()
        yield page
    finally:
        await page.close()


async def test_a_clip_is_sent_by_the_kernel_and_its_result_is_shown_in_the_page(
    kernel: KernelPage, tmp_path: Path
) -> None:
    clip = marked_clip(tmp_path / "clip.mp4", 90)
    async with displayed(kernel, clip) as page:
        assert page.traits["engine"] == "kernel"
        assert page.traits["source"] == "clip.mp4"
        page.say("start")
        page.watch(await page.prepared(), "output", "input")
        await kernel.until(page.seen("output", 5))
        await kernel.until(page.seen("input", 5))
        await page.until(connection_state="disconnected")
        numbers = [n for n in page.numbers["output"] if n is not None]
        assert numbers == sorted(numbers)
        assert numbers[-1] < 90
        # The end of the source ends the session, which is no error.
        assert page.received("end")[-1]["reason"] == "ended"
        assert page.traits["error"] == {}
        assert page.received("beat"), "without beats a page takes the kernel for dead"
        assert str(tmp_path) not in f"{page.traits} {kernel.custom}"


async def test_a_page_that_gives_no_credit_gets_two_pictures(
    kernel: KernelPage, tmp_path: Path
) -> None:
    clip = marked_clip(tmp_path / "clip.mp4", 60)
    async with displayed(kernel, clip) as page:
        page.gives_credit = False
        page.say("start")
        page.watch(await page.prepared(), "output")
        await page.until(connection_state="disconnected")
        assert [picture["number"] for picture in page.pictures] == [0, 1]


async def test_connect_needs_no_page_and_one_that_comes_later_watches(
    kernel: KernelPage, tmp_path: Path
) -> None:
    clip = marked_clip(tmp_path / "clip.mp4", 30)
    code = f"from decart_widget import VideoFile\nclip = VideoFile({str(clip)!r}, loop=True)"
    await kernel.run(f"{QUIET}{code}\nw = DecartWidget(source=clip, transport='webrtc')")
    printed = await kernel.run("print(await w.connect())")
    assert printed.strip() in ("connected", "generating")
    first, second = Watcher(kernel, "page-1"), Watcher(kernel, "page-2")
    for page in (first, second):
        await page.hello()
        page.watch(await page.prepared(), "output")
        await kernel.until(page.seen("output", 3))
    # A page that is reloaded goes on watching; the other one has noticed nothing.
    first.say("pagehide")
    reloaded = Watcher(kernel, "page-1b")
    await reloaded.hello()
    reloaded.watch(await reloaded.prepared(), "output")
    await kernel.until(reloaded.seen("output", 3))
    await kernel.until(second.seen("output", 10))
    assert second.traits["connection_state"] == "generating"
    second.say("stop", attempt=1)
    await second.until(connection_state="disconnected")


async def test_the_picture_goes_on_after_the_worker_was_killed(
    kernel: KernelPage, tmp_path: Path
) -> None:
    clip = marked_clip(tmp_path / "clip.mp4", 30)
    code = f"from decart_widget import VideoFile\nclip = VideoFile({str(clip)!r}, loop=True)"
    await kernel.run(f"{QUIET}{code}\nw = DecartWidget(source=clip, transport='webrtc')")
    page = Watcher(kernel)
    await page.hello()
    page.say("start")
    first = await page.prepared()
    page.watch(first, "output")
    await kernel.until(page.seen("output", 3))
    await kernel.run("import os, signal; os.kill(w._controller.engine.media.pid, signal.SIGKILL)")
    page.watch(await page.prepared(after=first), "output")
    count = len(page.pictures)
    await kernel.until(lambda: len(page.pictures) > count + 3)
    assert (first, "reconnecting") in [(m["attempt"], m["reason"]) for m in page.received("end")]
    assert page.traits["connection_state"] == "generating"


async def test_the_source_is_replaced_while_a_session_runs(
    kernel: KernelPage, tmp_path: Path
) -> None:
    long, short = (marked_clip(tmp_path / f"{n}.mp4", n) for n in (600, 20))
    async with displayed(kernel, long) as page:
        page.say("start")
        page.watch(await page.prepared(), "input")
        await kernel.until(page.seen("input", 3))
        assert (
            await kernel.run(f"print(await w.replace_source({str(short)!r}))")
        ).strip() == "20.mp4"
        assert page.traits["source"] == "20.mp4"
        await page.until(connection_state="disconnected")
        assert page.received("end")[-1]["reason"] == "ended"
        kernel.printed = ""
        code = "w.source = 'camera'; print(w.engine, w.source)"
        assert (await kernel.run(code)).strip() == "browser camera"


async def test_frames_of_the_notebook_that_fail_end_the_session_with_the_reason(
    kernel: KernelPage,
) -> None:
    code = (
        "import numpy as np\n"
        "def frames():\n"
        "    for n in range(30): yield np.full((180, 320, 3), n, np.uint8)\n"
        "    raise ValueError('no more film')\n"
        "w = DecartWidget(source=frames(), transport='webrtc')"
    )
    await kernel.run(f"{QUIET}{code}")
    page = Watcher(kernel)
    await page.hello()
    page.say("start")
    page.watch(await page.prepared(), "output")
    await page.until(connection_state="error")
    assert page.traits["error"]["code"] == "invalid-source"
    assert "ValueError" in str(page.traits["error"])
    await kernel.until(lambda: "no more film" in kernel.printed)


async def test_the_record_button_writes_a_file_in_the_kernel(
    kernel: KernelPage, tmp_path: Path
) -> None:
    clip = marked_clip(tmp_path / "clip.mp4", 30)
    code = f"from decart_widget import VideoFile\nclip = VideoFile({str(clip)!r}, loop=True)"
    await kernel.run(f"import os; os.chdir({str(tmp_path)!r})\n{QUIET}{code}")
    await kernel.run("w = DecartWidget(source=clip, transport='webrtc')")
    page = Watcher(kernel)
    await page.hello()
    page.say("start")
    page.watch(await page.prepared(), "output")
    await kernel.until(page.seen("output", 3))
    page.say("record", on=True)
    await kernel.until(lambda: page.received("recording"))
    seen = page.seen("output", len(page.numbers["output"]) + 5)
    await kernel.until(seen)
    page.say("record", on=False)
    await kernel.until(lambda: page.received("recording")[-1]["state"] == "saved")
    states = [m["state"] for m in page.received("recording")]
    assert states == ["recording", "saved"]
    name = page.received("recording")[-1]["name"]
    assert name.startswith("decart-")
    with av.open(str(tmp_path / name)) as made:
        assert sum(1 for _ in made.decode(video=0)) > 1


async def test_a_session_that_no_page_shows_ends_unless_code_takes_its_frames(
    kernel: KernelPage, tmp_path: Path
) -> None:
    clip = marked_clip(tmp_path / "clip.mp4", 30)
    await kernel.run(
        f"{QUIET}from decart_widget import VideoFile\n"
        "import asyncio, decart_widget.page.watchers as watchers\n"
        "watchers.HEARTBEAT_TIMEOUT_S = 2\n"
        f"w = DecartWidget(source=VideoFile({str(clip)!r}, loop=True), transport='webrtc')\n"
        "async def read():\n"
        "    async for _ in w.frames(): pass\n"
    )
    page = Watcher(kernel)
    await page.hello()
    page.say("start")
    page.watch(await page.prepared(), "output")
    await kernel.until(page.seen("output", 3))
    await kernel.run("reading = asyncio.create_task(read()); await asyncio.sleep(0)")
    page.say("pagehide")
    begin = page.traits["generation_tick"]
    await kernel.until(lambda: page.traits["generation_tick"] >= begin + 4)
    assert page.traits["connection_state"] == "generating"
    await kernel.run("reading.cancel()\ntry: await reading\nexcept asyncio.CancelledError: pass")
    await page.until(connection_state="disconnected")
    assert page.traits["error"]["code"] == "unattended"
