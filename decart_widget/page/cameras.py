"""What a page can film with, and what it films with now, as the kernel knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from decart_widget.errors import MediaError, NoFrontEndError
from decart_widget.page.pages import Pages

PATIENCE: Final = 15.0
"""Seconds for a page to open another camera; some take several."""

_TROUBLES: Final[dict[str, tuple[str, str]]] = {
    "camera-missing": (
        "There is no such camera.",
        "Choose one of w.cameras; what there was goes on.",
    ),
    "camera-failed": (
        "The other camera could not be opened.",
        "Close other programs that use it, then choose it again; what there was goes on.",
    ),
    "bad-video": (
        "The file is no video that this browser plays.",
        "Drop an MP4 or WebM file; what there was goes on.",
    ),
    "no-video": (
        "No video file was chosen in this page.",
        "Drop one on the widget, or choose Video file in its camera menu; what there was goes on.",
    ),
    "screen-refused": (
        "No screen was shared.",
        "Browsers share one after a click only: choose Screen in the widget's camera menu.",
    ),
    "microphone-failed": (
        "There is no microphone, or this page may not use it.",
        "Connect one, allow it in the browser's site settings, and set microphone to True again.",
    ),
    "microphone-later": (
        "This session began without a microphone, and offer and answer can't add one.",
        "Stop and start to be heard, or use transport='livekit'; the picture goes on.",
    ),
}


def trouble(code: str) -> MediaError:
    """What the page says it could not do."""
    text, remedy = _TROUBLES[code]
    return MediaError(text, remedy=remedy, code=code)


async def _answer(waiting: asyncio.Future[str], silence: str) -> str:
    """What the page answers. Raises ``NoFrontEndError`` with ``silence`` when it doesn't."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await waiting
    except TimeoutError:
        raise NoFrontEndError(silence) from None


class Cameras:
    """Follows what the page with the session says of its cameras.

    Args:
        pages: The road to the pages.
        publish: Shows values of traits.
    """

    def __init__(self, pages: Pages, publish: Callable[[dict[str, Any]], None]) -> None:
        self.obtained: dict[str, Any] = {}
        """What is sent now: source, label, pixels, frames/s; empty where nothing is."""
        self._pages = pages
        self._publish = publish
        self._request = 0
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._trouble: MediaError | None = None
        self._replacing: tuple[str, asyncio.Future[str]] | None = None

    def changed(self, message: Mapping[str, Any]) -> None:
        """The page has said what there is."""
        camera = message["camera"] or {}
        names = ("source", "label", "width", "height", "fps", "mirrored")
        self.obtained = {name: camera[name] for name in names if name in camera}
        listed = [{k: c[k] for k in ("id", "label", "position")} for c in message["cameras"]]
        self._publish({"cameras": listed, "position": camera.get("position", "unknown")})
        if self._replacing is not None and camera.get("source") == self._replacing[0]:
            self._replaced(str(camera.get("label", "")))
        waiting = self._waiting.pop(message["request"], None)
        if waiting is not None and not waiting.done():
            if self._trouble is not None:
                waiting.set_exception(self._trouble)
            else:
                waiting.set_result(str(camera.get("label", "")))

    def failed(self, code: str) -> MediaError:
        """The page could not do what was wished."""
        self._trouble = trouble(code)
        if not code.startswith("microphone"):
            self._replaced(self._trouble)
        return self._trouble

    def _replaced(self, outcome: str | MediaError) -> None:
        replacing, self._replacing = self._replacing, None
        if replacing is None or replacing[1].done():
            return
        if isinstance(outcome, MediaError):
            replacing[1].set_exception(outcome)
        else:
            replacing[1].set_result(outcome)

    async def replace(self, source: str, begin: Callable[[], None]) -> str:
        """Waits until this source is what is sent; returns its label.

        Args:
            source: What it is to be.
            begin: Tells the page so.

        Raises ``NoFrontEndError`` where no page answers, ``MediaError`` where it can't be had or
        another one was asked for meanwhile.
        """
        self._replaced(MediaError("Another source was asked for.", remedy="Await that one."))
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._replacing = source, waiting
        begin()
        if self.obtained.get("source") == source:
            self._replaced(str(self.obtained.get("label", "")))
        try:
            return await _answer(waiting, "No page has taken another source.")
        finally:
            if self._replacing is not None and self._replacing[1] is waiting:
                self._replacing = None

    async def switch(self) -> str:
        """Asks for the next camera; returns its label.

        Raises ``NoFrontEndError`` where no page answers, ``MediaError`` where there is no other.
        """
        self._request += 1
        number, self._trouble = self._request, None
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        self._pages.switch_camera(number)
        try:
            return await _answer(waiting, "No page has switched its camera.")
        finally:
            self._waiting.pop(number, None)
