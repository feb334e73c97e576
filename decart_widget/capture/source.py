"""What captures need of the session that they are taken from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class CaptureSource(Protocol):
    """The session whose pictures are taken; a widget's controller is one."""

    @property
    def is_active(self) -> bool:
        """Whether a session exists."""


class TapLink(Protocol):
    """Carries taps to whatever has the pictures; a widget's ``Pages`` is one.

    What comes back is given to ``Taps.receive``.
    """

    def tap(self, request: Mapping[str, Any]) -> None:
        """Asks for a still, frames or a clip.

        Args:
            request: ``id``, ``what``, ``which`` and the options of ``Taps.open``.
        """

    def credit(self, number: int, frames: int) -> None:
        """Lets so many more frames of a tap be sent."""

    def untap(self, number: int) -> None:
        """Ends a tap; what is there already is still sent."""

    def recording(self, state: str, name: str, text: str = "") -> None:
        """Shows the state of a clip.

        Args:
            state: As ``Recording.state``.
            name: The file's name, without its folder.
            text: Why it failed.
        """
