"""Media in the browser: the page has camera and peer connection, the session has the say."""

from __future__ import annotations

import asyncio
from typing import Any

from decart_widget.errors import ConnectionLostError, MediaError, NoFrontEndError
from decart_widget.page.pages import Pages
from decart_widget.protocol.messages import Candidate, RoomInfo, parse_candidate
from decart_widget.session.media import EndReason, MediaListener, Preparation

# What each reason means to a person, and the one thing to do about it. The front end says the
# same with more room and the page's own address.
_REFUSALS: dict[str, tuple[str, str]] = {
    "insecure-origin": (
        "This page may not use a camera: browsers allow it on https and localhost only.",
        "Forward the port (ssh -L 8888:localhost:8888 you@host) and open http://localhost:8888.",
    ),
    "permission-denied": (
        "The browser was not allowed to use the camera.",
        "Allow the camera for this page (the icon beside the address), then Retry.",
    ),
    "no-camera": ("No camera was found.", "Plug one in, then Retry."),
    "camera-busy": (
        "The camera is in use by another program.",
        "Close that program, then Retry.",
    ),
    "over-constrained": (
        "The camera can't give the picture that the model needs.",
        "Choose another camera, then Retry.",
    ),
    "blocked-by-frame": (
        "The page around this notebook doesn't let it use the camera.",
        "Open the notebook in a tab of its own; in VS Code use JupyterLab in a browser.",
    ),
    "no-webrtc": (
        "This browser has no WebRTC.",
        "Use a current Chrome, Edge, Firefox or Safari.",
    ),
    "media-failed": ("The browser could not start the camera or the connection.", "Retry."),
}

# Why a page says that a picture which should move doesn't.
_STALLS = {
    "ended": "The picture's track ended.",
    "black": "The picture was black for 3 s while the camera's was not.",
}


class BrowserMedia:
    """Implements ``Media`` over the road to the browser."""

    def __init__(self, pages: Pages) -> None:
        self.listener: MediaListener | None = None
        self.detail: dict[str, Any] = {}
        """What the camera gives, as the browser reports it."""
        self._pages = pages
        self._owner_came = asyncio.Event()
        self._camera_open = False
        self._preparing = False

    @property
    def waiting_for_person(self) -> bool:
        """Whether the browser may be asking for the camera."""
        return self._preparing and not self._camera_open

    async def ready(self, timeout: float) -> None:
        """Waits for a page. Raises ``NoFrontEndError``."""
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
        """Waits while the page with the camera is being reloaded, or silent."""
        while not self._pages.present:
            self._owner_came.clear()
            await self._owner_came.wait()

    def owner_came(self) -> None:
        """There is a page now, or again."""
        self._owner_came.set()

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        """Asks the page for camera and offer."""
        self._preparing = True
        self._pages.refresh()
        self._pages.prepare(attempt, preparation)

    @property
    def server_codec(self) -> str | None:
        """VP8 for desktop Safari, which shows the service's H.264 black."""
        return "vp8" if self._pages.owner_is_safari else None

    def join(self, attempt: int, room: RoomInfo) -> None:
        """Hands the room on, to the page that has the camera, by message only."""
        self._pages.room(attempt, room)

    def answer(self, attempt: int, sdp: str) -> None:
        """Hands the answer on."""
        self._pages.answer(attempt, sdp)

    def add_candidate(self, attempt: int, candidate: Candidate | None) -> None:
        """Hands a candidate on."""
        self._pages.candidate(attempt, candidate)

    def end(self, attempt: int, reason: EndReason, *, keep_source: bool) -> None:
        """Ends the page's media; the camera goes off unless ``keep_source``."""
        self._preparing = False
        if not keep_source:
            self._camera_open = False
        self._pages.end(attempt, reason, keep_camera=keep_source)

    def page_changed(self) -> None:
        """Another page has the say now: it has to open its camera anew."""
        self._camera_open = False

    def receive(self, message: dict[str, Any]) -> None:
        """Passes a page's message of the live attempt to the session."""
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
                text = _STALLS.get(str(why), "No new picture came for 3 s.")
                listener.media_lost(ConnectionLostError(text))
            case "media":
                if message["state"] == "camera":
                    self._camera_open = True
                    self.detail = dict(message.get("detail") or {})
                listener.media_changed(attempt, message["state"])
            case "refused":
                text, remedy = _REFUSALS[message["reason"]]
                error = MediaError(text, remedy=remedy, code=message["reason"])
                listener.media_refused(attempt, error)
