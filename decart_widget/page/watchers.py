"""The pages that watch a session in the kernel, and whether anybody still does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from decart_widget.page.pages import HEARTBEAT_TIMEOUT_S, Pages
from decart_widget.session.media import EndReason, Preparation

STREAMS_OF_NOBODY: Final[tuple[str, ...]] = ()
"""What a page sees that has been left."""


class Views(Protocol):
    """Encodes pictures for pages; ``engine.view_link.ViewLink``."""

    def watch(
        self,
        watcher: str,
        attempt: int,
        *,
        streams: Any,
        codec: str,
        width: int = 0,
        height: int = 0,
    ) -> None:
        """Sends a page pictures of these streams from now on."""

    def shown(self, watcher: str, attempt: int, stream: str, number: int) -> None:
        """Notes that a page has shown a picture."""


class Watchers:
    """Every page that shows the widget is a watcher of its session in the kernel.

    A session that a page has watched ends once no page has shown it for ``HEARTBEAT_TIMEOUT_S``,
    unless code takes its frames. One that code started and that no page shows goes on.

    Args:
        pages: The pages of the widget.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, pages: Pages, clock: Callable[[], float] = time.monotonic) -> None:
        self._pages = pages
        self._clock = clock
        self._views: Views | None = None
        self._owner_only = False
        self._current: tuple[int, Preparation] | None = None
        self._was_watched = False
        self._seen_s = 0.0

    # --- the session --------------------------------------------------------------------------

    def begin(self, views: Views | None, *, owner_only: bool = False) -> None:
        """A session begins.

        Args:
            views: Encodes its pictures; None: it runs in a page.
            owner_only: Whether the owner's page alone shows it, because the camera is there.
        """
        self._views = views
        self._owner_only = owner_only
        self._pages.shared = views is not None and not owner_only
        self._current = None
        self._seen_s = self._clock()

    def over(self) -> None:
        """The session is over."""
        self._was_watched = self._pages.shared = False

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        """Tells all pages to watch an attempt, and those that come while it lasts."""
        self._current = (attempt, preparation)
        for page in self._pages.by_id.values():
            page.heard = self._clock()  # without an attempt pages send no heartbeats
        for page_id in list(self._pages.by_id):
            if self._shows(page_id):
                self._pages.prepare_watcher(page_id, attempt, preparation)

    def end(self, attempt: int, reason: EndReason, *, keep_source: bool) -> None:
        """Tells all pages that an attempt is over."""
        if self._current is not None and self._current[0] == attempt:
            self._current = None
        self._pages.end(attempt, reason, keep_camera=keep_source)

    def picture(self, page_id: str, attempt: int, about: Mapping[str, Any], data: bytes) -> None:
        """Sends a page a picture, if it is still there."""
        if page_id in self._pages.by_id:
            self._pages.picture(page_id, attempt, about, data)

    # --- from pages (page.events.WatcherHandler) ------------------------------------------------

    def came(self, page_id: str) -> None:
        """Lets a page watch that came during an attempt."""
        if self._current is not None and not self._owner_only:
            self._pages.prepare_watcher(page_id, *self._current)

    def left(self, page_id: str) -> None:
        """Sends nothing to a page that is being left."""
        if self._views is not None and self._current is not None:
            self._views.watch(page_id, self._current[0], streams=STREAMS_OF_NOBODY, codec="jpeg")

    def started(self) -> None:
        """A page has started the session, which then depends on pages."""
        self._was_watched = True

    def receive(self, page_id: str, message: Mapping[str, Any]) -> None:
        """Passes a ``watch`` or ``shown`` message of the current attempt on."""
        if self._views is None or self._current is None or message["attempt"] != self._current[0]:
            return
        if not self._shows(page_id):
            return
        attempt = self._current[0]
        if message["type"] == "shown":
            self._views.shown(page_id, attempt, message["stream"], message["number"])
            return
        self._was_watched = True
        self._views.watch(
            page_id,
            attempt,
            streams=message["streams"],
            codec=message["codecs"][0],
            width=message["width"],
            height=message["height"],
        )

    def _shows(self, page_id: str) -> bool:
        return not self._owner_only or page_id == self._pages.owner

    # --- liveness -----------------------------------------------------------------------------

    def is_deserted(self, *, excused: bool) -> bool:
        """Whether the session was watched and no page has shown it for too long.

        Pages that are gone for so long are forgotten. Call it once a second.

        Args:
            excused: Whether this time doesn't count: frames are taken by code, or the messages of
                pages can't arrive.
        """
        now = self._clock()
        if excused:
            self._seen_s = now
            for page in self._pages.by_id.values():
                page.heard = now
        for page_id, page in list(self._pages.by_id.items()):
            seen_s = page.heard if page.hidden_at is None else page.hidden_at
            self._seen_s = max(self._seen_s, seen_s)
            if now - seen_s > HEARTBEAT_TIMEOUT_S:
                self._pages.forget(page_id)
        return self._was_watched and now - self._seen_s > HEARTBEAT_TIMEOUT_S
