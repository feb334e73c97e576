"""What is taken from a picture while it runs: stills, frames, clips.

A *tap* is asked of the page that has the session; what it gives comes in pieces of less than a
megabyte, beside the messages of the road. All of this runs on the background loop; whoever a piece
is for (a ``Sink``) takes it there and hands it on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from decart_widget.errors import DecartError, MediaError

if TYPE_CHECKING:
    from decart_widget.diagnostics.log import Log
    from decart_widget.page.pages import Pages

What = Literal["snapshot", "frames", "record"]
Which = Literal["output", "input"]

WHICH: Final = ("output", "input")

LAST_MOMENT: Final = 1.0
"""Seconds in which a page may send the end of a clip whose session is over."""

MAX_TAPS: Final = 8
"""Taps open at once, of one widget."""

# Why a page could not give what it was asked for; what to do about it.
_FAILURES: Final[dict[str, tuple[str, str]]] = {
    "no-picture": ("No picture came to take.", "Start, wait for the picture, then ask again."),
    "unsupported": (
        "This browser can't do that.",
        "Use a current Chrome, Edge, Firefox or Safari.",
    ),
    "failed": ("The page could not take the picture.", "Ask again; if it stays, reload the page."),
}


def no_picture() -> MediaError:
    """There is no session whose picture could be taken."""
    return MediaError(
        "There is no session, so there is no picture to take.",
        remedy="Start (or await connect()), then ask again.",
        code="no-picture",
    )


class Sink(Protocol):
    """Whom a tap's pieces are for. Each is called on the background loop and returns at once."""

    def began(self, detail: Mapping[str, Any]) -> None:
        """The page has begun, or begun anew after a reconnect or in another page."""

    def piece(self, data: bytes, detail: Mapping[str, Any], *, last: bool) -> None:
        """Some bytes; ``last`` when they complete what was asked for."""

    def over(self, error: DecartError | None) -> None:
        """Nothing more will come; None where it ended as it should."""


@dataclass
class Tap:
    """One of them: what the page was asked for, and who takes it."""

    request: dict[str, Any]
    sink: Sink


class Taps:
    """The open taps of one widget.

    Args:
        pages: The road to the pages.
        log: Where their story goes.
    """

    def __init__(self, pages: Pages, log: Log) -> None:
        self._pages = pages
        self._log = log
        self._open: dict[int, Tap] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._open)

    def open(self, sink: Sink, what: What, which: Which, **options: Any) -> int:
        """Asks the page; returns the tap's number. Raises ``MediaError`` when there are too many.

        Args:
            sink: Takes what comes.
            what: A still, frames, or a clip.
            which: The picture as it comes back, or as it is sent.
            options: ``fps``, ``width`` and ``height``, ``format``.
        """
        if len(self._open) >= MAX_TAPS:
            raise MediaError(
                f"{MAX_TAPS} recordings and frame streams are open already.",
                remedy="End one of them (stop(), aclose()) first.",
                code="too-many-taps",
            )
        self._last += 1
        number = self._last
        request = {"id": number, "what": what, "which": which, **options}
        self._open[number] = Tap(request, sink)
        self._log.add("debug", f"tap: {what}", id=number)
        self._pages.tap(request)
        return number

    def credit(self, number: int, frames: int = 1) -> None:
        """Lets the page send so many frames more."""
        if number in self._open:
            self._pages.credit(number, frames)

    def stop(self, number: int) -> None:
        """Asks the page to send what it still has, and to end."""
        if number in self._open:
            self._pages.untap(number)

    def close(self, number: int, error: DecartError | None = None) -> None:
        """Ends a tap at once; its sink is told."""
        tap = self._open.pop(number, None)
        if tap is not None:
            self._pages.untap(number)
            tap.sink.over(error)

    def end_all(self) -> None:
        """The session is over, and so is what was taken from it; a clip's end may still come."""
        loop = asyncio.get_running_loop()
        for number, tap in list(self._open.items()):
            if tap.request["what"] == "record":
                self.stop(number)
                loop.call_later(LAST_MOMENT, self.close, number)
            else:
                self.close(number)

    def ask_again(self) -> None:
        """Another page has the session, or the page was reloaded."""
        for tap in self._open.values():
            self._pages.tap(tap.request)

    def receive(self, message: Mapping[str, Any]) -> None:
        """Takes a ``piece`` or ``tapped`` of the page that has the session."""
        number = message["id"]
        tap = self._open.get(number)
        if tap is None:
            if number > self._last:
                self._log.refuse("page: piece of what nobody asked for")
            return  # it was closed meanwhile
        detail = dict(message.get("detail") or {})
        at = detail.get("at")
        if isinstance(at, int | float):
            # Milliseconds since 1970 on the page's clock: seconds on ours.
            detail["time"] = at / 1000 + message.get("offset", 0.0)
        if message["type"] == "piece":
            data = message.get("data")
            if isinstance(data, bytes):
                tap.sink.piece(data, detail, last=message["last"])
            else:
                self._log.refuse("page: piece without bytes")
        elif message["state"] == "began":
            tap.sink.began(detail)
        else:
            del self._open[number]
            tap.sink.over(None if message["state"] == "ended" else _failure(detail))


def _failure(detail: Mapping[str, Any]) -> MediaError:
    reason = str(detail.get("reason"))
    reason = reason if reason in _FAILURES else "failed"
    text, remedy = _FAILURES[reason]
    return MediaError(text, remedy=remedy, code="no-picture" if reason == "no-picture" else "tap")
