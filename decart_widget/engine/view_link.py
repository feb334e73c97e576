"""The engine's side of watchers: what they want to see goes to the worker, pictures come back."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from decart_widget.engine.commands import CODE
from decart_widget.engine.received import FrameSink, ReceivedFrame

PAGE: Final = "page:"
"""Before the name of each watcher that is a page, which chooses its name."""


class ViewLink:
    """Passes watchers' wishes to the worker; use it on the engine's loop.

    Args:
        send: Sends a command to the worker.

    Attributes:
        on_picture: Called with a page, a picture's attempt, what ``page.messages.picture`` says
            about it, and its bytes.
    """

    def __init__(self, send: Callable[..., None]) -> None:
        self.on_picture: Callable[[str, int, dict[str, Any], bytes], None] | None = None
        self._send = send
        self._attempt: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inputs: tuple[FrameSink, ...] = ()

    # --- pages --------------------------------------------------------------------------------

    def watch(
        self,
        watcher: str,
        attempt: int,
        *,
        streams: Sequence[str],
        codec: str,
        width: int = 0,
        height: int = 0,
    ) -> None:
        """Sends a page pictures from now on; each that it has shown has to be noted by `shown`.

        Args:
            watcher: The page's name.
            attempt: The attempt; nothing is sent of another one.
            streams: ``"output"`` (received frames), ``"input"`` (sent ones); empty for none.
            codec: ``"h264"`` or ``"jpeg"``.
            width: That pictures are scaled down to, in pixels; 0: their own.
            height: Likewise.
        """
        wanted = [stream for stream in ("output", "input") if stream in streams]
        self._watch(PAGE + watcher, attempt, wanted, codec, width, height)

    def shown(self, watcher: str, attempt: int, stream: str, number: int) -> None:
        """Notes that a page has shown a picture: the credit for another one."""
        self._send("shown", watcher=PAGE + watcher, attempt=attempt, stream=stream, number=number)

    # --- code that reads what is sent ---------------------------------------------------------

    def add_input(self, sink: FrameSink) -> None:
        """Passes the frames that are sent to a sink, the newest ones; from any thread.

        The sink is called on the engine's loop.
        """
        self._change((*self._inputs, sink))

    def remove_input(self, sink: FrameSink) -> None:
        """Passes no frame to a sink any more; from any thread."""
        self._change(tuple(one for one in self._inputs if one is not sink))

    def _change(self, sinks: tuple[FrameSink, ...]) -> None:
        changed, self._inputs = bool(sinks) is not bool(self._inputs), sinks
        if changed and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._read_inputs)

    def _read_inputs(self) -> None:
        if self._attempt is not None:
            streams = ["input"] if self._inputs else []
            self._watch(CODE, self._attempt, streams, "i420", 0, 0)

    # --- the engine ---------------------------------------------------------------------------

    def began(self, attempt: int) -> None:
        """The worker has been told of an attempt, which nobody watches yet."""
        self._loop = asyncio.get_running_loop()
        self._attempt = attempt
        if self._inputs:
            self._read_inputs()

    def came(self, watcher: str, attempt: int, about: dict[str, Any], data: bytes) -> None:
        """Passes a picture on."""
        index, captured_ns = about.pop("index"), about.pop("captured_ns")
        if watcher == CODE:
            frame = _frame(attempt, about, index, captured_ns, data)
            for sink in self._inputs:
                sink.frame(frame)
            stream, number = about["stream"], about["number"]
            self._send("shown", watcher=CODE, attempt=attempt, stream=stream, number=number)
        elif self.on_picture is not None:
            self.on_picture(watcher.removeprefix(PAGE), attempt, about, data)

    def _watch(
        self, watcher: str, attempt: int, streams: list[str], codec: str, width: int, height: int
    ) -> None:
        self._send(
            "watch",
            watcher=watcher,
            attempt=attempt,
            streams=streams,
            codec=codec,
            width=width,
            height=height,
        )


def _frame(
    attempt: int, about: dict[str, Any], index: int, captured_ns: int, data: bytes
) -> ReceivedFrame:
    """A frame that was sent, in the form of those that came back."""
    import numpy as np

    picture = np.frombuffer(data, np.uint8).reshape(-1, about["width"])
    now_ns = time.monotonic_ns()
    at = math.nan if about["at"] is None else float(about["at"])
    return ReceivedFrame(picture, index, at, captured_ns, captured_ns or now_ns, True, 0, attempt)
