"""The messages to the pages that show one widget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from decart_widget.page import messages
from decart_widget.page.messages import Send
from decart_widget.protocol.messages import Candidate, RoomInfo
from decart_widget.session.media import EndReason, Preparation

BEAT_EVERY_S: Final = 5.0
"""Seconds between the kernel's ``beat`` messages; a page that gets none closes its camera."""


class PageSender:
    """Sends messages to pages.

    Args:
        send: Sends a message to all pages; called on the background loop.

    Attributes:
        owner: The owner's ``page_id``; None without pages.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.owner: str | None = None

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        """Tells the owner to open its camera and prepare the connection."""
        self._send(messages.prepare(self.owner, attempt, preparation))

    def room(self, attempt: int, room: RoomInfo) -> None:
        """Sends the owner the room and a short-lived token for it."""
        self._send(messages.room_to_join(self.owner, attempt, room))

    def beat(self) -> None:
        """Tells pages that this kernel is alive; call it every ``BEAT_EVERY_S`` seconds."""
        self._send(messages.beat())

    def switch_camera(self, request: int) -> None:
        """Requests the owner's next camera; the ``cameras`` message in answer has this number."""
        self._send(messages.switch_camera(self.owner, request))

    def tap(self, request: Mapping[str, Any]) -> None:
        """Requests a still, frames or a clip from the owner; see ``capture.taps``."""
        self._send(messages.tap(self.owner, request))

    def credit(self, number: int, frames: int) -> None:
        """Grants the page so many more frames of a tap."""
        self._send(messages.credit(number, frames))

    def untap(self, number: int) -> None:
        """Ends a tap; the page still sends the data that it has."""
        self._send(messages.untap(number))

    def recording(self, state: str, name: str, text: str = "") -> None:
        """Tells pages the state of a clip.

        Args:
            state: As ``Recording.state``.
            name: The file's name, without its folder.
            text: Why the recording failed.
        """
        self._send(messages.recording(state, name, text))

    def answer(self, attempt: int, sdp: str) -> None:
        """Sends the service's session description."""
        self._send(messages.answer(attempt, sdp))

    def candidate(self, attempt: int, candidate: Candidate | None) -> None:
        """Sends an ICE candidate of the service; None means end of candidates."""
        self._send(messages.candidate(attempt, candidate))

    def end(self, attempt: int, reason: EndReason, *, keep_camera: bool) -> None:
        """Ends an attempt in all pages."""
        self._send(messages.end(attempt, reason, keep_camera=keep_camera))

    def camera_credit(self, attempt: int, frames: int, *, key: bool) -> None:
        """Lets the owner send that many more frames of its camera."""
        self._send(messages.camera_credit(attempt, frames, key=key))

    def prepare_watcher(self, page_id: str, attempt: int, preparation: Preparation) -> None:
        """Tells a page to watch a session in the kernel."""
        self._send(messages.prepare(page_id, attempt, preparation, in_kernel=True))

    def picture(self, page_id: str, attempt: int, about: Mapping[str, Any], data: bytes) -> None:
        """Sends a page a picture of a session in the kernel."""
        self._send(messages.picture(page_id, attempt, about), [data])
