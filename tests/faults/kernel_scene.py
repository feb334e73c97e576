"""A real ipykernel with a widget and a scripted page, whose camera and media are real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from decart_widget.sandbox import Sandbox
from tests.faults.scene import SECOND, eventually
from tests.kernel.fake_page import KernelPage, WidgetPage
from tests.loopback.camera_peer import CameraPeer
from tests.loopback.room_camera import RoomCamera

IMPORT: Final = """
import warnings; warnings.simplefilter('ignore')
from decart_widget import ConnectionOptions, DecartError, DecartWidget
"""


@asynccontextmanager
async def shown(
    kernel: KernelPage,
    sandbox: Sandbox,
    transport: str,
    connection: dict[str, float] | None = None,
    **arguments: Any,
) -> AsyncIterator[WidgetPage]:
    """A widget that a page shows, not started.

    Args:
        kernel: Runs the widget.
        sandbox: Its service.
        transport: `webrtc` or `livekit`.
        connection: Its `ConnectionOptions`.
        arguments: Further arguments of `DecartWidget`.

    Yields:
        The page.
    """
    arguments = {
        "prompt": SECOND,
        "transport": transport,
        "endpoint": (sandbox.base_url, sandbox.realtime_base_url),
        "api_key": sandbox.api_key,
        **arguments,
    }
    made = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    options = f"connection=ConnectionOptions(**{connection or {}!r})"
    await kernel.run(f"{IMPORT}w = DecartWidget({made}, {options})")
    page = WidgetPage(kernel, camera=CameraPeer() if transport == "webrtc" else RoomCamera())
    try:
        await page.hello()
        yield page
    finally:
        await page.close()


@asynccontextmanager
async def generating(
    kernel: KernelPage, sandbox: Sandbox, transport: str, **arguments: Any
) -> AsyncIterator[WidgetPage]:
    """Like `shown`, with a session whose prompt is applied and whose picture has arrived."""
    async with shown(kernel, sandbox, transport, **arguments) as page:
        page.say("start")
        await page.until(connection_state="generating", applied_prompt=SECOND)
        yield page


async def failed(page: WidgetPage, sandbox: Sandbox, code: str) -> dict[str, Any]:
    """Waits for this error and until nothing is billed; returns the `error` trait."""
    await page.until(connection_state="error")
    error: dict[str, Any] = page.traits["error"]
    assert error["code"] == code, error
    assert error["message"]
    assert error["remedy"], "an error says what to do next"
    await eventually(lambda: not sandbox.stats()["sessions"], "the service has no session")
    assert page.camera.ended, "the page was told to release the camera"
    assert page.camera.ended[-1][2] is False
    return error
