"""One view of a widget in a page, used as a person would: by clicks, keys and visible pixels.

Every wait is for a condition and has a timeout; the error's message names the condition.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Locator, Page

from tools import pixels
from tools.pixels import CLEARLY, Picture, Stage, difference

TIMEOUT: Final = 60.0
POLL_S: Final = 0.1
STATS: Final = "async (root) => ({...await root.decart.stats(), at: performance.now()})"


class NotSeenError(AssertionError):
    """Something that a person would see was not seen in time."""


@dataclass(frozen=True)
class Rate:
    """Decoded frames over an interval: frames per second, and their size."""

    fps: float
    width: int
    height: int
    transport: str
    codec: str | None


class WidgetView:
    """View number `index` of the widgets in a page, in document order."""

    def __init__(self, page: Page, index: int = 0) -> None:
        self.page = page
        self.index = index
        self.root: Locator = page.locator(".decart-widget").nth(index)
        self.prompt: Locator = self.root.locator("input.dw-prompt")

    async def mounted(self, timeout: float = TIMEOUT) -> None:
        await self.root.locator(".dw-stage").wait_for(timeout=timeout * 1000)

    async def state(self) -> str:
        return await self.root.get_attribute("data-state") or ""

    async def start(self) -> None:
        """Clicks Start, as soon as it can be clicked."""
        await self.root.locator(".dw-start").click(timeout=TIMEOUT * 1000)

    async def stop(self) -> None:
        await self.root.locator(".dw-stop").click(timeout=TIMEOUT * 1000)

    async def type_prompt(self, text: str) -> None:
        """Replaces the prompt by typing, key by key, and presses Enter."""
        await self.prompt.click()
        await self.prompt.press("ControlOrMeta+a")
        await self.prompt.press_sequentially(text, delay=15)
        await self.prompt.press("Enter")

    async def wait_attribute(self, name: str, value: str, timeout: float = TIMEOUT) -> None:
        """Waits until the root's attribute has the value.

        Raises:
            NotSeenError: It doesn't within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while (seen := await self.root.get_attribute(name)) != value:
            if time.monotonic() > deadline:
                raise NotSeenError(
                    f"{name} is {seen!r}, not {value!r}, after {timeout} s{await self.notice()}"
                )
            await asyncio.sleep(POLL_S)

    async def notice(self) -> str:
        """The notice that the view shows, as text for an error's message."""
        shown = self.root.locator(".dw-notice:visible")
        if await shown.count() == 0:
            return ""
        code = await shown.first.get_attribute("data-code")
        return f" (notice {code}: {(await shown.first.inner_text()).strip()!r})"

    async def picture(self, timeout: float = TIMEOUT) -> Stage:
        """The picture on the stage; waits until there is one.

        Raises:
            NotSeenError: There is none within `timeout` seconds, or the session failed.
        """
        deadline = time.monotonic() + timeout
        while (stage := await pixels.stage(self.page, self.index)) is None:
            state = await self.state()
            if state == "error" or time.monotonic() > deadline:
                raise NotSeenError(
                    f"no picture on the stage (waited up to {timeout} s), "
                    f"state {state!r}{await self.notice()}"
                )
            await asyncio.sleep(POLL_S)
        return stage

    async def changed(self, before: Picture, timeout: float = TIMEOUT) -> Stage:
        """Waits until the stage clearly differs from `before` in two successive samples.

        Raises:
            NotSeenError: It doesn't within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        seen = 0
        while True:
            stage = await self.picture(timeout)
            far = difference(stage.pixels, before)
            seen = seen + 1 if far >= CLEARLY else 0
            if seen == 2:
                return stage
            if time.monotonic() > deadline:
                raise NotSeenError(
                    f"the picture didn't change within {timeout} s: it differs by {far:.1f} of "
                    f"255, and {CLEARLY} counts as seen{await self.notice()}"
                )
            await asyncio.sleep(POLL_S)

    async def rate(self, seconds: float = 3.0) -> Rate:
        """Counts decoded frames over an interval."""
        first = await self.root.evaluate(STATS)
        await asyncio.sleep(seconds)
        last = await self.root.evaluate(STATS)
        decoded = last["framesDecoded"] - first["framesDecoded"]
        return Rate(
            fps=1000 * decoded / (last["at"] - first["at"]),
            width=last["width"],
            height=last["height"],
            transport=last["transport"],
            codec=last.get("codec"),
        )
