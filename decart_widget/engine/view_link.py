"""The engine's side of viewers: what they want to see goes to the worker, pictures come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class ViewLink:
    """Passes viewers' wishes to the worker; use it on the engine's loop.

    Args:
        send: Sends a command to the worker.

    Attributes:
        on_picture: Called with a viewer, what ``page.messages.picture`` says about a picture, its
            attempt, and its bytes.
    """

    def __init__(self, send: Callable[..., None]) -> None:
        self.on_picture: Callable[[str, int, dict[str, Any], bytes], None] | None = None
        self._send = send

    def watch(
        self,
        viewer: str,
        attempt: int,
        *,
        streams: Sequence[str],
        codec: str,
        width: int = 0,
        height: int = 0,
    ) -> None:
        """Sends a viewer pictures from now on; each that it has shown has to be noted by `shown`.

        Args:
            viewer: Names it.
            attempt: The attempt; nothing is sent of another one.
            streams: ``"output"`` (received frames), ``"input"`` (sent ones); empty for none.
            codec: ``"h264"`` or ``"jpeg"``.
            width: That pictures are scaled down to, in pixels; 0: their own.
            height: Likewise.
        """
        wanted = [stream for stream in ("output", "input") if stream in streams]
        self._send(
            "watch",
            viewer=viewer,
            attempt=attempt,
            streams=wanted,
            codec=codec,
            width=width,
            height=height,
        )

    def shown(self, viewer: str, attempt: int, stream: str, number: int) -> None:
        """Notes that a viewer has shown a picture: the credit for another one."""
        self._send("shown", viewer=viewer, attempt=attempt, stream=stream, number=number)

    def came(self, viewer: str, attempt: int, about: dict[str, Any], data: bytes) -> None:
        """Passes a picture on."""
        if self.on_picture is not None:
            self.on_picture(viewer, attempt, about, data)
