"""The cameras of the owner's page, and the source that it sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from decart_widget.errors import DecartError, MediaError, NoFrontEndError
from decart_widget.page.refusals import TROUBLES

PATIENCE_S: Final = 15.0
"""Seconds for a page to open another camera; some cameras take several."""

SWITCH_TROUBLES: Final = frozenset({"camera-missing", "camera-failed"})
"""Codes of ``trouble`` that may tell why the page could not switch to another camera."""

SOURCE_TROUBLES: Final[dict[str, frozenset[str]]] = {
    "camera": frozenset({"camera-failed"}),
    "test-pattern": frozenset({"camera-failed"}),
    "screen": frozenset({"screen-refused"}),
    "file": frozenset({"bad-video", "no-video"}),
}
"""Codes of ``trouble`` that tell why the page could not open a source. A camera that is missing is
no failure of the source ``camera``, because the page opens another one."""


@dataclass
class _Switch:
    """A request for the next camera.

    Attributes:
        before: Id of the camera that was sent then; None if none was.
        outcome: The label of the camera that the page sends after it.
        trouble: The newest failure that may be the request's.
    """

    before: str | None
    outcome: asyncio.Future[str]
    trouble: MediaError | None = None


class CameraLink(Protocol):
    """Sends camera requests to the owner's page; implemented by ``Pages``."""

    def switch_camera(self, request: int) -> None:
        """Requests the next camera; the ``cameras`` message in answer has this number."""


def trouble(code: str) -> MediaError:
    """Returns the error for the code of a page's ``trouble`` message."""
    text, remedy = TROUBLES[code]
    return MediaError(text, remedy=remedy, code=code)


async def _answer(waiting: asyncio.Future[str], silence: str) -> str:
    """Waits for the page's answer.

    Raises:
        NoFrontEndError: No answer arrived within 15 s; its message is ``silence``.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await waiting
    except TimeoutError:
        raise NoFrontEndError(silence) from None


class Cameras:
    """Keeps what the owner's page reports about its cameras, and makes requests to it.

    Args:
        link: Sends requests to the owner's page.
        update: Sets traits with the next coalesced update.
        publish: Sets traits at once.
        complain: Shows the error of a change that failed while the session continues.
    """

    def __init__(
        self,
        link: CameraLink,
        update: Callable[[dict[str, Any]], None],
        publish: Callable[[dict[str, Any]], None],
        complain: Callable[[DecartError], None],
    ) -> None:
        self.obtained: dict[str, Any] = {}
        """What is sent now: source, label, width and height (px), fps, mirrored; else empty."""
        self._link = link
        self._update = update
        self._publish = publish
        self._complain = complain
        self._request = 0
        self._switches: dict[int, _Switch] = {}
        self._camera_id: str | None = None
        self._replacing: tuple[str, asyncio.Future[str]] | None = None

    def changed(self, message: Mapping[str, Any]) -> None:
        """Handles a ``cameras`` message: the cameras of the page, and what it sends."""
        camera = message["camera"] or {}
        names = ("source", "label", "width", "height", "fps", "mirrored")
        self.obtained = {name: camera[name] for name in names if name in camera}
        listed = [{k: c[k] for k in ("id", "label", "position")} for c in message["cameras"]]
        self._update({"cameras": listed, "position": camera.get("position", "unknown")})
        if self._replacing is not None and camera.get("source") == self._replacing[0]:
            self._replaced(str(camera.get("label", "")))
        self._camera_id = camera.get("id") if camera.get("source") == "camera" else None
        switch = self._switches.pop(message["request"], None)
        if switch is None or switch.outcome.done():
            return
        # What the page sends tells the outcome: another camera means that the switch succeeded,
        # whatever else has failed meanwhile.
        is_another = self._camera_id is not None and self._camera_id != switch.before
        if switch.trouble is not None and not is_another:
            switch.outcome.set_exception(switch.trouble)
        else:
            switch.outcome.set_result(str(camera.get("label", "")))

    def failed(self, code: str) -> None:
        """Handles the code of a ``trouble`` message: a change of what is sent has failed."""
        error = trouble(code)
        if code in SWITCH_TROUBLES:
            for switch in self._switches.values():
                switch.trouble = error
        if self._replacing is not None and code in SOURCE_TROUBLES[self._replacing[0]]:
            self._replaced(error)
        self._complain(error)

    def _replaced(self, outcome: str | MediaError) -> None:
        replacing, self._replacing = self._replacing, None
        if replacing is None or replacing[1].done():
            return
        if isinstance(outcome, MediaError):
            replacing[1].set_exception(outcome)
        else:
            replacing[1].set_result(outcome)

    async def replace(self, source: str) -> str:
        """Sets the ``source`` trait, which pages follow, and waits until that source is sent.

        Args:
            source: One of the trait's values.

        Returns:
            The source's label.

        Raises:
            NoFrontEndError: No page answered within 15 s.
            MediaError: The source can't be opened, or another one was requested meanwhile.
        """
        self._replaced(MediaError("Another source was requested.", remedy="Await that request."))
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._replacing = source, waiting
        self._publish({"source": source})
        if self.obtained.get("source") == source:
            self._replaced(str(self.obtained.get("label", "")))
        try:
            return await _answer(waiting, "No page has taken another source.")
        finally:
            if self._replacing is not None and self._replacing[1] is waiting:
                self._replacing = None

    async def switch(self) -> str:
        """Makes the owner's page switch to its next camera.

        Returns:
            The camera's label.

        Raises:
            NoFrontEndError: No page answered within 15 s.
            MediaError: There is no other camera, or it can't be opened.
        """
        self._request += 1
        number = self._request
        switch = _Switch(self._camera_id, asyncio.get_running_loop().create_future())
        self._switches[number] = switch
        self._link.switch_camera(number)
        try:
            return await _answer(switch.outcome, "No page has switched its camera.")
        finally:
            self._switches.pop(number, None)
