"""A page that answers taps as a test scripts it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from decart_widget.capture.taps import Taps
from decart_widget.diagnostics.log import Log


class Page:
    """The source and the link of its ``taps``.

    Attributes:
        calls: What ``taps`` called, with an argument.
        taps: The taps under test.
        on_tap: What the page does for a new tap; likewise ``on_untap`` and ``on_credit``.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.is_active = True
        self.taps = Taps(self, self, Log())
        self.on_tap: Any = lambda _request: None
        self.on_untap: Any = lambda _number: None
        self.on_credit: Any = lambda _number, _frames: None

    def tap(self, request: Mapping[str, Any]) -> None:
        self.calls.append(("tap", request))
        asyncio.get_running_loop().call_soon(self.on_tap, request)

    def recording(self, state: str, name: str, text: str = "") -> None:
        self.calls.append(("recording", (state, name, text)))

    def credit(self, number: int, frames: int) -> None:
        self.calls.append(("credit", frames))
        asyncio.get_running_loop().call_soon(self.on_credit, number, frames)

    def untap(self, number: int) -> None:
        self.calls.append(("untap", number))
        asyncio.get_running_loop().call_soon(self.on_untap, number)

    def piece(self, data: bytes, number: int = 1, *, last: bool = True, **detail: Any) -> None:
        message = {"type": "piece", "id": number, "last": last, "detail": detail, "data": data}
        self.taps.receive(message)

    def say(self, state: str, number: int = 1, **detail: Any) -> None:
        self.taps.receive({"type": "tapped", "id": number, "state": state, "detail": detail})


def png(value: int = 200) -> bytes:
    picture = np.full((4, 6, 3), (0, 0, value), np.uint8)  # red, as OpenCV's BGR
    return bytes(cv2.imencode(".png", picture)[1])
