"""Interfaces to the session whose pictures are captured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class CaptureSource(Protocol):
    """The session whose pictures are captured; implemented by ``SessionRunner``."""

    @property
    def is_active(self) -> bool:
        """Whether a session exists."""


class TapLink(Protocol):
    """Sends tap requests to the owner's page; implemented by ``Pages``.

    The page's messages are passed to ``Taps.receive``.
    """

    def tap(self, request: Mapping[str, Any]) -> None:
        """Requests a still, frames or a clip.

        Args:
            request: ``id``, ``what``, ``which`` and the options of ``Taps.open``.
        """

    def credit(self, number: int, frames: int) -> None:
        """Grants the page so many more frames of a tap."""

    def untap(self, number: int) -> None:
        """Ends a tap; the page still sends the data that it has."""

    def recording(self, state: str, name: str, text: str = "") -> None:
        """Shows the state of a clip.

        Args:
            state: As ``Recording.state``.
            name: The file's name, without its folder.
            text: Why the recording failed.
        """
