"""A page's camera through the kernel, in a real ipykernel; the page has no browser."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from decart_widget.inputs.sources import marker
from tests.kernel.fake_page import KernelPage
from tests.kernel.test_watching import QUIET, Watcher

WIDTH, HEIGHT = 320, 180
NUMBERS = 40
NOW_MS = 1_790_000_000_000


def jpeg(number: int) -> bytes:
    """A picture that carries a number."""
    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    marker.write(planes, number)
    rgb = av.VideoFrame.from_ndarray(planes, format="yuv420p").to_ndarray(format="rgb24")
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=95)
    return file.getvalue()


class CameraPage(Watcher):
    """A page that sends its camera to the kernel, a frame for each credit.

    Attributes:
        unused: Credits that it has not used.
    """

    def __init__(self, kernel: KernelPage, name: str = "page-1") -> None:
        super().__init__(kernel, name)
        self.unused = 0
        self._frames = [jpeg(number) for number in range(NUMBERS)]
        self._sending: asyncio.Task[None] | None = None

    def open_camera(self, attempt: int) -> None:
        """Says that the camera is open, and sends it until the page is closed."""
        self.say("media", attempt=attempt, state="camera", detail={"width": WIDTH})
        self._sending = asyncio.ensure_future(self._send(attempt))

    async def close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending
        await super().close()

    async def _send(self, attempt: int) -> None:
        number = taken = 0
        while True:
            granted = [m for m in self.received("camera-credit") if m["attempt"] == attempt]
            self.unused += sum(message["frames"] for message in granted[taken:])
            taken = len(granted)
            for _ in range(self.unused):
                content = {
                    "type": "camera-frame",
                    "page_id": self.name,
                    "attempt": attempt,
                    "number": number,
                    "codec": "jpeg",
                    "key": True,
                    "dropped": 0,
                    "width": WIDTH,
                    "height": HEIGHT,
                    "at_ms": NOW_MS + 33 * number,
                }
                part = self._frames[number % NUMBERS]
                data = {"method": "custom", "content": content}
                self.kernel.send(self.comm_id, data, part)
                number += 1
            self.unused = 0
            await asyncio.sleep(0.03)  # its frame rate


@pytest.fixture
async def kernel() -> AsyncIterator[KernelPage]:
    page = await KernelPage().open()
    try:
        yield page
    finally:
        await page.close()


@asynccontextmanager
async def displayed(kernel: KernelPage, arguments: str) -> AsyncIterator[CameraPage]:
    """The page that displays a widget of the page's camera."""
    model = f"RealtimeModel('small', width={WIDTH}, height={HEIGHT})"
    await kernel.run(
        f"{QUIET}from decart_widget import RealtimeModel\n"
        f"w = DecartWidget({model}, transport='webrtc'{arguments})"
    )
    page = CameraPage(kernel)
    try:
        await page.hello()
        yield page
    finally:
        await page.close()


async def test_the_camera_goes_through_the_kernel_and_its_result_comes_back(
    kernel: KernelPage,
) -> None:
    async with displayed(kernel, ", engine='kernel'") as page:
        assert (page.traits["engine"], page.traits["source"]) == ("kernel", "camera")
        page.say("start")
        attempt = await page.prepared()
        page.open_camera(attempt)
        page.watch(attempt, "output")
        await kernel.until(page.seen("output", 10))
        # Times are on the page's clock, so that it can tell how old a picture is.
        at = [picture["at"] for picture in page.pictures if picture["at"] is not None]
        assert at
        assert all(NOW_MS / 1000 <= one <= NOW_MS / 1000 + 3600 for one in at)
        page.say("stop", attempt=attempt)
        await page.until(connection_state="disconnected")
        assert page.received("end")[-1]["keep_camera"] is False


async def test_a_page_without_a_camera_ends_the_start_with_its_reason(kernel: KernelPage) -> None:
    async with displayed(kernel, ", engine='kernel'") as page:
        page.say("start")
        attempt = await page.prepared()
        page.say("refused", attempt=attempt, reason="permission-denied", message="no")
        await page.until(connection_state="error")
        assert page.traits["error"]["code"] == "permission-denied"


async def fail(page: CameraPage) -> dict[str, Any]:
    """Starts, and fails as a page that can't reach the service; returns its `prepare`."""
    page.say("start")
    prepare: dict[str, Any] = await page.kernel.until(
        lambda: next(iter(page.received("prepare")), None)
    )
    page.say("media", attempt=prepare["attempt"], state="camera", detail={"width": WIDTH})
    page.say("media", attempt=prepare["attempt"], state="failed")
    return prepare


async def test_the_kernel_takes_over_where_the_page_can_not_reach_the_service(
    kernel: KernelPage,
) -> None:
    async with displayed(kernel, "") as page:
        assert page.traits["engine"] == "browser"
        first = await fail(page)
        assert first["transport"] == "webrtc"
        second = await kernel.until(lambda: next((m for m in page.received("prepare")[1:]), None))
        assert second["transport"] == "kernel"
        assert second["attempt"] > first["attempt"]
        assert page.received("end")[0]["keep_camera"] is True
        page.open_camera(second["attempt"])
        page.watch(second["attempt"], "output")
        await kernel.until(page.seen("output", 5))
        assert page.traits["engine"] == "kernel"
        assert page.traits["error"]["code"] == "relayed"
        page.say("stop", attempt=second["attempt"])
        await page.until(connection_state="disconnected")
        # The next start of this page goes that way at once.
        page.say("start")
        third = await kernel.until(lambda: next((m for m in page.received("prepare")[2:]), None))
        assert third["transport"] == "kernel"


async def test_a_reloaded_page_goes_on_through_the_kernel(kernel: KernelPage) -> None:
    async with displayed(kernel, "") as page:
        first = await fail(page)
        attempt = (await kernel.until(lambda: page.received("prepare")[1:]))[0]["attempt"]
        page.open_camera(attempt)
        page.watch(attempt, "output")
        await kernel.until(page.seen("output", 3))
        page.say("pagehide")
        reloaded = CameraPage(kernel, "page-1b")
        try:
            await reloaded.hello()
            again = await reloaded.prepared()
            assert again > attempt > first["attempt"]
            reloaded.open_camera(again)
            reloaded.watch(again, "output")
            await kernel.until(reloaded.seen("output", 3))
            assert reloaded.traits["engine"] == "kernel"
        finally:
            await reloaded.close()


async def test_the_browser_s_engine_never_falls_back(kernel: KernelPage) -> None:
    async with displayed(kernel, ", engine='browser'") as page:
        await fail(page)
        await page.until(connection_state="error")
        assert len(page.received("prepare")) == 1
        assert page.traits["engine"] == "browser"
