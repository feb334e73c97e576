"""The browser as a session's media: the page has the camera and the peer connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from decart_widget.errors import ConnectionLostError, MediaError, NoFrontEndError
from decart_widget.page.pages import Pages
from decart_widget.page.refusals import NO_NEW_PICTURE, REFUSALS, STALLS
from decart_widget.protocol.messages import Candidate, RoomInfo, parse_candidate
from decart_widget.session.media import EndReason, MediaListener, Preparation


class BrowserMedia:
    """Implements ``Media`` with messages to the page that owns the session.

    Args:
        pages: The pages of the widget.
        keeps_camera: Whether another session follows at once where this one ends.

    Attributes:
        in_browser: As in ``Media``.
    """

    in_browser = True

    def __init__(self, pages: Pages, keeps_camera: Callable[[], bool] = lambda: False) -> None:
        self.listener: MediaListener | None = None
        self.detail: dict[str, Any] = {}
        """Settings of the camera's track, as the browser reports them."""
        self._pages = pages
        self._keeps_camera = keeps_camera
        self._owner_came = asyncio.Event()
        self._camera_open = False
        self._preparing = False

    @property
    def waiting_for_person(self) -> bool:
        """Whether the browser may be asking for permission to use the camera."""
        return self._preparing and not self._camera_open

    async def ready(self, timeout: float) -> None:
        """Waits for a page that shows the widget.

        Args:
            timeout: Seconds.

        Raises:
            NoFrontEndError: No page has shown it within that time.
        """
        try:
            async with asyncio.timeout(timeout):
                while self._pages.owner is None:
                    self._owner_came.clear()
                    await self._owner_came.wait()
        except TimeoutError:
            raise NoFrontEndError(
                f"No browser has shown this widget within {timeout:g} s."
            ) from None

    async def attended(self) -> None:
        """Waits while the owner's page is being reloaded or sends no messages."""
        while not self._pages.present:
            self._owner_came.clear()
            await self._owner_came.wait()

    def owner_came(self) -> None:
        """Ends ``ready`` and ``attended``: a page owns the session now."""
        self._owner_came.set()

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        """Makes the owner's page open its camera and prepare the connection."""
        self.begin()
        self._pages.prepare(attempt, preparation)

    def begin(self) -> None:
        """Notes that the page opens its camera."""
        self._preparing = True
        self._pages.refresh()

    def over(self, *, keep_camera: bool) -> None:
        """Notes that the page's media end; its camera goes off unless ``keep_camera``."""
        self._preparing = False
        if not keep_camera:
            self._camera_open = False

    def camera_opened(self, message: Mapping[str, Any]) -> None:
        """Notes that the page has opened its camera."""
        self._camera_open = True
        self.detail = dict(message.get("detail") or {})

    @property
    def server_codec(self) -> str | None:
        """VP8 for desktop Safari, which shows the service's H.264 as black; None for any codec."""
        return "vp8" if self._pages.owner_is_safari else None

    @property
    def frame_timing(self) -> bool:
        """False: nothing in the page removes packet trailers."""
        return False

    def join(self, attempt: int, room: RoomInfo) -> None:
        """Sends the room and its token to the owner's page."""
        self._pages.room(attempt, room)

    def answer(self, attempt: int, sdp: str) -> None:
        """Sends the service's session description to the page."""
        self._pages.answer(attempt, sdp)

    def add_candidate(self, attempt: int, candidate: Candidate | None) -> None:
        """Sends a candidate of the service to the page."""
        self._pages.candidate(attempt, candidate)

    def end(self, attempt: int, reason: EndReason, *, keep_source: bool) -> None:
        """Ends the page's media; the camera goes off unless ``keep_source``."""
        keep_source = keep_source or self._keeps_camera()
        self.over(keep_camera=keep_source)
        self._pages.end(attempt, reason, keep_camera=keep_source)

    def page_changed(self) -> None:
        """Notes that another page owns the session, whose camera is not open yet."""
        self._camera_open = False

    def receive(self, message: dict[str, Any]) -> None:
        """Passes a page's message of the current attempt to the session."""
        listener, attempt = self.listener, message["attempt"]
        if listener is None:
            return
        match message["type"]:
            case "offer":
                listener.offer_made(attempt, message["sdp"])
            case "candidate":
                listener.candidate_found(attempt, parse_candidate(message["candidate"]))
            case "media" if message["state"] == "stalled":
                why = (message.get("detail") or {}).get("reason")
                text = STALLS.get(str(why), NO_NEW_PICTURE)
                listener.media_lost(ConnectionLostError(text))
            case "media":
                if message["state"] == "camera":
                    self.camera_opened(message)
                listener.media_changed(attempt, message["state"])
            case "refused":
                text, remedy = REFUSALS[message["reason"]]
                error = MediaError(text, remedy=remedy, code=message["reason"])
                listener.media_refused(attempt, error)
