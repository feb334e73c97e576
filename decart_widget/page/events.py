"""Who acts on what pages report: one handler for each concern.

``Pages`` reads and checks the messages and calls these; a widget's controller has them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class PromptHandler(Protocol):
    """Takes prompts that are applied in a page."""

    def apply_from_page(self, prompt: str, enrich: bool) -> None:
        """Somebody pressed Enter or Apply."""


class ImageHandler(Protocol):
    """Takes reference images that pages upload."""

    def receive(self, message: Mapping[str, Any]) -> None:
        """An ``image`` message: a part of a file, or the removal of the image."""


class CameraHandler(Protocol):
    """Takes what the owner reports of its cameras."""

    def changed(self, message: Mapping[str, Any]) -> None:
        """A ``cameras`` message: which there are, and what is sent."""

    def failed(self, code: str) -> None:
        """A ``trouble`` message: a change of what is sent failed; the session goes on."""


class TapHandler(Protocol):
    """Takes what the owner sends for a tap."""

    def receive(self, message: Mapping[str, Any]) -> None:
        """A ``piece`` or ``tapped`` message; ``offset`` is the page's clock's, in seconds."""


class ClipHandler(Protocol):
    """Takes presses of the Record button."""

    def asked_by_page(self, *, on: bool) -> None:
        """Record was pressed, or pressed again to end the clip."""


class SessionHandler(Protocol):
    """Takes what concerns the session only."""

    @property
    def attempt(self) -> int | None:
        """The current attempt's number; None without a session."""

    def stopped(self) -> None:
        """Somebody clicked Stop; the page has closed its camera already."""

    def woke(self) -> None:
        """The owner's network is back, or the page is looked at again."""

    def media_message(self, message: dict[str, Any]) -> None:
        """An offer, candidate, media or refused message of the current attempt."""

    def owner_left(self) -> None:
        """The current attempt's page is being left; it may be a reload."""

    def unattended(self) -> None:
        """No page has owned the session for too long."""


class PageEvents(Protocol):
    """Acts on what pages report; everything is called on the background loop."""

    @property
    def sessions(self) -> SessionHandler:
        """Takes what concerns the session only."""

    @property
    def prompts(self) -> PromptHandler:
        """Takes ``apply``."""

    @property
    def image(self) -> ImageHandler:
        """Takes ``image``."""

    @property
    def cameras(self) -> CameraHandler:
        """Takes ``cameras`` and ``trouble``."""

    @property
    def taps(self) -> TapHandler:
        """Takes ``piece`` and ``tapped``."""

    @property
    def clips(self) -> ClipHandler:
        """Takes ``record``."""

    def started(self) -> None:
        """Somebody clicked Start in the page that is the owner now."""

    def start_likely(self) -> None:
        """Somebody points at Start."""

    def owner_came(self, *, replaced: bool) -> None:
        """A page is the owner; ``replaced`` when the current attempt was another page's."""

    def stats_received(self, message: dict[str, Any]) -> None:
        """A ``stats`` message of the current attempt."""
