"""Interfaces of the handlers of page messages: one for each concern.

``Pages`` checks the messages and calls the handlers; a widget's controller provides them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class PromptHandler(Protocol):
    """Handles prompts that are applied in a page."""

    def apply_from_page(self, prompt: str, enrich: bool) -> None:
        """Enter or Apply was pressed."""


class ImageHandler(Protocol):
    """Handles reference images that pages upload."""

    def receive(self, message: Mapping[str, Any]) -> None:
        """An ``image`` message: a part of a file, or the removal of the image."""


class CameraHandler(Protocol):
    """Handles the owner's reports about its cameras."""

    def changed(self, message: Mapping[str, Any]) -> None:
        """A ``cameras`` message: the cameras of the page, and what it sends."""

    def failed(self, code: str) -> None:
        """A ``trouble`` message: a change of what is sent failed; the session continues."""


class TapHandler(Protocol):
    """Handles what the owner sends for a tap."""

    def receive(self, message: Mapping[str, Any]) -> None:
        """A ``piece`` or ``tapped`` message; ``offset`` is that of the page's clock, in seconds."""


class ClipHandler(Protocol):
    """Handles presses of the Record button."""

    def asked_by_page(self, *, on: bool) -> None:
        """Record was pressed, or pressed again to end the clip."""


class DeckHandler(Protocol):
    """Handles what pages report about looks, and ask of them."""

    def thumbnails_wanted(self) -> None:
        """A view is there that has no thumbnails yet."""

    def seen(self, message: Mapping[str, Any]) -> None:
        """An ``effect`` message of the owner's page."""

    def marked(self, message: Mapping[str, Any]) -> None:
        """A ``mark`` message: a look was starred or pinned."""

    def switched(self, number: int) -> None:
        """A look is to be applied again."""

    def sweep_wanted(self) -> None:
        """The plan of a sweep is asked for."""


class WatcherHandler(Protocol):
    """Handles what pages want to see of a session in the kernel."""

    def came(self, page_id: str) -> None:
        """A page has said hello, and was welcomed."""

    def left(self, page_id: str) -> None:
        """A page is being left."""

    def receive(self, page_id: str, message: Mapping[str, Any]) -> None:
        """A ``watch`` or ``shown`` message."""


class SessionHandler(Protocol):
    """Handles what concerns the session only."""

    @property
    def attempt(self) -> int | None:
        """The current attempt's number; None without a session."""

    def stopped(self) -> None:
        """Stop was clicked; the page has closed its camera already."""

    def woke(self) -> None:
        """The owner's network is back, or its page is visible again."""

    def media_message(self, message: dict[str, Any]) -> None:
        """An offer, candidate, media or refused message of the current attempt."""

    def owner_left(self) -> None:
        """The owner's page is being left or reloaded during an attempt."""

    def unattended(self) -> None:
        """No page has owned the session for too long."""


class PageEvents(Protocol):
    """All handlers of page messages; every method is called on the background loop."""

    @property
    def sessions(self) -> SessionHandler:
        """Handles what concerns the session only."""

    @property
    def prompts(self) -> PromptHandler:
        """Handles ``apply``."""

    @property
    def image(self) -> ImageHandler:
        """Handles ``image``."""

    @property
    def cameras(self) -> CameraHandler:
        """Handles ``cameras`` and ``trouble``."""

    @property
    def taps(self) -> TapHandler:
        """Handles ``piece`` and ``tapped``."""

    @property
    def clips(self) -> ClipHandler:
        """Handles ``record``."""

    @property
    def watchers(self) -> WatcherHandler:
        """Handles ``watch`` and ``shown``."""

    @property
    def deck(self) -> DeckHandler:
        """Handles ``effect``, ``mark``, ``switch`` and ``sweep``."""

    def started(self) -> None:
        """Start was clicked in a page, which is the owner now."""

    def start_likely(self) -> None:
        """A start is likely to follow: the pointer is over Start, for instance."""

    def owner_came(self, *, replaced: bool) -> None:
        """A page is the owner now; ``replaced`` if the current attempt was another page's."""

    def stats_received(self, message: dict[str, Any]) -> None:
        """A ``stats`` message of the current attempt."""
