"""The page's camera through the kernel, for a browser that can't reach the service's media."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from decart_widget.engine.commands import PART_BYTES
from decart_widget.engine.webcam_media import WebcamMedia
from decart_widget.errors import DecartError, MediaUnreachableError
from decart_widget.page.media import BrowserMedia
from decart_widget.runtime.kept_media import IDLE_S, KeptMedia
from decart_widget.session.media import EndReason, Media, Preparation

if TYPE_CHECKING:
    from decart_widget.page.pages import Pages
    from decart_widget.page.watchers import Watchers
    from decart_widget.session.session import Session

NOT_OF_THE_PAGE: Final = ("connected", "first-frame", "reconnecting", "disconnected", "failed")
"""States that a page reports of the pictures that it gets; the worker reports the connection's."""


def relayed_notice() -> MediaUnreachableError:
    """What is said when the kernel takes over."""
    return MediaUnreachableError(
        "This browser can't reach the service's video, so your camera goes through the kernel, and "
        "the picture comes later. The first attempt cost nothing.",
        remedy='Give engine="kernel" to skip that attempt.',
        code="relayed",
    )


class RelayMedia(WebcamMedia):
    """Implements ``Media``: the owner's page has the camera, the worker the connection.

    Args:
        pages: The pages of the widget.
        watchers: Shows the owner's page the picture.
        shape: Returns the orientation of the next attempt; the page mirrors by itself.
    """

    def __init__(
        self, pages: Pages, watchers: Watchers, shape: Callable[[], tuple[str, bool]]
    ) -> None:
        super().__init__()
        self._pages = pages
        self._page = BrowserMedia(pages)
        self._watchers = watchers
        self._shape = shape
        self._number = 0
        self.views.on_picture = self._picture
        self.webcam.on_credit = self._credit

    @property
    def waiting_for_person(self) -> bool:
        """Whether the browser may be asking for permission to use the camera."""
        return self._page.waiting_for_person

    async def ready(self, timeout: float) -> None:
        """Waits for a page and for the worker.

        Raises:
            NoFrontEndError: No page has shown the widget within that time.
            MediaError: The worker can't be started.
        """
        await self._page.ready(timeout)
        await super().ready(timeout)

    async def attended(self) -> None:
        """Waits while the owner's page is being reloaded, or the worker replaced."""
        await self._page.attended()
        await super().attended()

    def owner_came(self) -> None:
        """A page owns the session now."""
        self._page.owner_came()

    def page_changed(self) -> None:
        """Another page owns the session, whose camera is not open yet."""
        self._page.page_changed()

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        """Makes the page open its camera, and the worker the connection."""
        self.orientation, _ = self._shape()
        self._number = attempt
        self._page.begin()
        self._watchers.prepare(attempt, preparation)
        super().prepare(attempt, preparation)

    def end(self, attempt: int, reason: EndReason, *, keep_source: bool) -> None:
        """Ends the connection; the page's camera goes off unless ``keep_source``."""
        super().end(attempt, reason, keep_source=keep_source)
        self._page.over(keep_camera=keep_source)
        self._watchers.end(attempt, reason, keep_source=keep_source)

    def receive(self, message: dict[str, Any]) -> None:
        """Handles a message of the owner's page about the current attempt."""
        if message["type"] == "camera-frame":
            data, shown = message.get("data"), message.get("shown")
            if shown is not None:
                about = {"type": "shown", "attempt": message["attempt"], "number": shown}
                self._watchers.receive(message["page_id"], {**about, "stream": "output"})
            if isinstance(data, bytes) and 0 < len(data) <= PART_BYTES:
                self.webcam.frame(message, data)
            return
        if message["type"] == "media" and message["state"] in NOT_OF_THE_PAGE:
            return
        self._page.listener = self.listener
        if message["type"] == "media" and message["state"] == "camera":
            # The source is open when its first frame has arrived, which the worker reports.
            self._page.camera_opened(message)
        elif message["type"] in ("media", "refused"):
            self._page.receive(message)

    def _picture(self, page_id: str, attempt: int, about: dict[str, Any], data: bytes) -> None:
        at, began_at_s = about["at"], self.webcam.began_at_s
        if at is not None:
            # On the page's clock, so that it can tell how old the picture is.
            at = None if began_at_s is None else at + began_at_s
        self._watchers.picture(page_id, attempt, {**about, "at": at}, data)

    def _credit(self, frames: int, key: bool) -> None:
        self._pages.camera_credit(self._number, frames, key=key)


class Relay(KeptMedia[RelayMedia]):
    """Whether the page's camera goes through the kernel, and the media for that.

    Use it on the background loop.

    Args:
        pages: The pages of the widget.
        watchers: Shows the owner's page the picture.
        shape: As in ``RelayMedia``.
        publish: Sets traits at once.
        is_active: Whether a session exists, or is being started.
    """

    def __init__(
        self,
        pages: Pages,
        watchers: Watchers,
        shape: Callable[[], tuple[str, bool]],
        publish: Callable[[dict[str, Any]], None],
        is_active: Callable[[], bool],
    ) -> None:
        super().__init__(is_active)
        self._pages = pages
        self._watchers = watchers
        self._shape = shape
        self._publish = publish
        self._wanted: str | None = None
        self._for_agent: str | None = None  # the browser that can't reach the service

    def choose(self, engine: str | None) -> None:
        """Sets what the user wants: ``"browser"``, ``"kernel"``, or None: what works."""
        self._wanted = engine

    @property
    def is_chosen(self) -> bool:
        """Whether the next session of the page's camera runs in the kernel."""
        if self._wanted is not None:
            return self._wanted == "kernel"
        return self._for_agent is not None and self._for_agent == self._agent

    def takes_over(self, session: Session, media: Media) -> bool:
        """Whether the kernel is to try what a session in the page could not; see ``Fallback``."""
        return (
            self._wanted is None
            and isinstance(media, BrowserMedia)
            and isinstance(session.error, MediaUnreachableError)
            and session.end_reason == "error"
            and not self.is_chosen
            and self._pages.present
        )

    def take_over(self) -> DecartError:
        """Lets sessions of the owner's browser run in the kernel from now on."""
        self._for_agent = self._agent
        self._publish({"engine": "kernel"})
        return relayed_notice()

    def owner_came(self) -> None:
        """Forgets that a browser could not reach the service when another one is the owner's."""
        if self._for_agent is not None and self._for_agent != self._agent:
            self._for_agent = None
            self._publish({"engine": "browser"})

    @property
    def _agent(self) -> str | None:
        page = self._pages.owner_page
        return None if page is None else page.agent

    def warm(self, transport: str) -> None:
        """Starts the worker, because a start is likely; it ends if none follows."""
        if self.is_chosen:
            self.make().warm(transport)
            self.rest(IDLE_S)

    def make(self) -> RelayMedia:
        """Returns the media for a session; the same one each time."""
        if self._media is None:
            self._media = RelayMedia(self._pages, self._watchers, self._shape)
        return self._media
