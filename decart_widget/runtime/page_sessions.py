"""Sessions whose media a page may carry: what pages report about them."""

from __future__ import annotations

from typing import Any

from decart_widget.errors import ConnectionLostError
from decart_widget.page.media import BrowserMedia
from decart_widget.protocol.states import ConnectionState
from decart_widget.runtime.relay import RelayMedia
from decart_widget.runtime.session_runner import SessionRunner


class PageSessions(SessionRunner):
    """Runs the sessions of one widget, and handles what its pages report about them.

    Implements ``page.events.SessionHandler``.
    """

    @property
    def _browser(self) -> BrowserMedia | RelayMedia | None:
        """The media of the current or last session if a page has its camera; else None."""
        return self.media if isinstance(self.media, BrowserMedia | RelayMedia) else None

    def stopped(self) -> None:
        """Ends the session: Stop was clicked."""
        self._log.add("debug", "stop requested by a page")
        self.stop()

    def media_message(self, message: dict[str, Any]) -> None:
        """Passes a report of the owner's page about its camera or connection to the session."""
        if self._browser is not None:
            self._browser.receive(message)

    def owner_came(self, *, replaced: bool) -> None:
        """A page is the owner now; ``replaced`` if the current attempt was another page's."""
        browser = self._browser
        if browser is None:
            return
        browser.owner_came()
        if replaced and self.session is not None:
            browser.page_changed()
            self.session.media_moved(ConnectionLostError("The picture moved to another page."))

    def owner_left(self) -> None:
        """Breaks the attempt off: the owner's page is being left, so the picture isn't shown."""
        session = self.session if self._browser is not None else None
        if session is not None and session.machine.state is not ConnectionState.CONNECTING:
            session.media_lost(ConnectionLostError("The page was left."))
