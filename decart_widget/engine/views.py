"""What watchers see of a session in the worker: pictures of what is sent and of what comes back.

A watcher is a browser page, or code that reads what is sent. A picture is encoded when its watcher
has credit, from the newest frame: nothing piles up, and a decoder gets a stream without gaps. As
many pictures of a stream are on their way as the road to the page takes (``FlowWindow``), and
``IN_FLIGHT`` until the watcher has shown some. Encoding runs on one thread, so that it delays no
frame of the session.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.redaction import trace
from decart_widget.engine.commands import CODE
from decart_widget.engine.recorder import one_plane
from decart_widget.engine.ring import FrameInfo
from decart_widget.engine.view_encoders import ViewEncoder, scaled, view_encoder
from decart_widget.protocol.flow import FlowWindow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.engine.connection import OutgoingFrame

logger = logging.getLogger(__name__)

IN_FLIGHT: Final = 2
"""Pictures of a stream that are sent to a watcher that has shown none yet; to code always."""

MAX_WATCHERS: Final = 4
"""Pages that watch at once; a further one replaces the one that began first."""

Send = Callable[[dict[str, Any], bytes], None]
"""Sends the fields of a ``picture`` event and its bytes."""


@dataclass
class _Frame:
    """The newest frame of a stream; ``number`` counts frames."""

    number: int
    picture: NDArray[np.uint8]
    info: FrameInfo


@dataclass
class _View:
    """One stream for one watcher.

    Attributes:
        attempt: The attempt that is watched.
        codec: ``"h264"``, ``"jpeg"`` or ``"i420"``.
        limit: The size that pictures are scaled down to.
        encoder: Encodes them.
        next: The next picture's number.
        shown: The number of the last one that was shown.
        seen: The number of the frame that was encoded last; None before the first.
        window: How many pictures may be on their way.
        on_way: When each of these was sent, its size in bytes, and ``missed`` at that time.
        missed: Frames that came while the watcher had no credit.
        needs_key: Whether the next picture must be decodable without earlier ones.
    """

    attempt: int
    codec: str
    limit: tuple[int, int]
    encoder: ViewEncoder
    next: int = 0
    shown: int = -1
    seen: int | None = None
    needs_key: bool = True
    window: FlowWindow = field(default_factory=lambda: FlowWindow(IN_FLIGHT))
    on_way: dict[int, tuple[float, int, int]] = field(default_factory=dict)
    missed: int = 0

    @property
    def has_credit(self) -> bool:
        return self.window.has_room

    def note_sent(self, number: int, now: float, size_bytes: int) -> None:
        self.window.sent()
        self.on_way[number] = (now, size_bytes, self.missed)

    def note_shown(self, number: int, now: float) -> None:
        self.shown = number
        follows = self.codec != "i420"  # what reads that is on this machine
        for one in [sent for sent in self.on_way if sent <= number]:
            sent_at, size_bytes, missed = self.on_way.pop(one)
            self.window.arrived(
                now,
                sent_at=sent_at if follows else None,
                size_bytes=size_bytes if follows else 0,
                missed=missed if follows else None,
            )

    def forget_on_way(self) -> None:
        self.shown = self.next - 1
        self.on_way.clear()
        self.missed = 0
        self.window.restart()


@dataclass
class Views:
    """The pictures for all watchers; call its methods on the worker's loop.

    Args:
        send: Sends a picture; called on the loop.
        encoder: Returns an encoder by its codec.
        clock: A monotonic clock, in seconds.
    """

    send: Send
    encoder: Callable[[str], ViewEncoder] = view_encoder
    clock: Callable[[], float] = time.monotonic
    _views: dict[tuple[str, str], _View] = field(default_factory=dict)
    _newest: dict[str, _Frame] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    def watch(
        self,
        watcher: str,
        attempt: int,
        streams: Sequence[str],
        codec: str,
        limit: tuple[int, int],
    ) -> None:
        """Notes what a watcher wants to see from now on; the next pictures are keyframes.

        Args:
            watcher: Names it.
            attempt: The attempt, which its pictures name.
            streams: ``"output"`` (received frames), ``"input"`` (sent ones); empty for none.
            codec: ``"h264"``, ``"jpeg"`` or ``"i420"``.
            limit: Width and height in pixels that pictures are scaled down to; 0 for their own.
        """
        with self._changed:
            for stream in ("output", "input"):
                before = self._views.pop((watcher, stream), None)
                if stream not in streams:
                    continue
                view = before
                if view is None or (view.attempt, view.codec) != (attempt, codec):
                    view = _View(attempt, codec, limit, self.encoder(codec))
                view.limit, view.needs_key = limit, True
                view.seen = None
                view.forget_on_way()
                self._views[watcher, stream] = view
            self._forget_surplus()
            self._changed.notify()
        if self._views and self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="decart-views", daemon=True)
            self._thread.start()

    def shown(self, watcher: str, attempt: int, stream: str, number: int) -> None:
        """Notes that a watcher has shown a picture, which is the credit for another one."""
        with self._changed:
            view = self._views.get((watcher, stream))
            if view is not None and view.attempt == attempt and view.shown < number < view.next:
                view.note_shown(number, self.clock())
                self._changed.notify()

    def clear(self) -> None:
        """Ends all views: the attempt is over."""
        with self._changed:
            self._views.clear()
            self._newest.clear()

    def received(self, planes: Sequence[NDArray[np.uint8]], info: FrameInfo) -> None:
        """Takes a frame that came back; copies it.

        Args:
            planes: As in ``FrameExchange.frame_received``.
            info: The identity of the frame that it was made from.
        """
        if self._is_watched("output"):
            self._put("output", one_plane(planes), info)

    def sent(self, frame: OutgoingFrame) -> None:
        """Takes a frame that was sent."""
        if self._is_watched("input"):
            info = FrameInfo(frame.index, frame.source_time, frame.captured_ns)
            self._put("input", frame.picture, info)

    # --- inside -------------------------------------------------------------------------------

    def _is_watched(self, stream: str) -> bool:
        return bool(self._views) and any(own == stream for _, own in self._views)

    def _put(self, stream: str, picture: NDArray[np.uint8], info: FrameInfo) -> None:
        with self._changed:
            before = self._newest.get(stream)
            for (_, own), view in self._views.items():
                # The frame before was passed over, because there was no credit for it.
                if own == stream and not view.has_credit and before is not None:
                    view.missed += view.seen != before.number
            self._newest[stream] = _Frame(self._count_of(stream), picture, info)
            self._changed.notify()

    def _count_of(self, stream: str) -> int:
        before = self._newest.get(stream)
        return 0 if before is None else before.number + 1

    def _forget_surplus(self) -> None:
        watchers = list(dict.fromkeys(watcher for watcher, _ in self._views if watcher != CODE))
        for watcher in watchers[:-MAX_WATCHERS]:
            logger.warning("More than %s pages watch a session; one is left out.", MAX_WATCHERS)
            self._views = {key: view for key, view in self._views.items() if key[0] != watcher}
        for stream in list(self._newest):
            if not self._is_watched(stream):
                del self._newest[stream]

    def _due(self) -> tuple[tuple[str, str], _View, _Frame] | None:
        """The view to encode for, the one that has waited longest; call it with the lock."""
        for key, view in self._views.items():
            frame = self._newest.get(key[1])
            if frame is not None and view.has_credit and view.seen != frame.number:
                return key, view, frame
        return None

    def _run(self) -> None:
        while True:
            with self._changed:
                while (due := self._due()) is None:
                    self._changed.wait()
                key, view, frame = due
                del due
                needs_key, view.needs_key = view.needs_key, False
                dropped = 0 if view.seen is None else frame.number - view.seen - 1
                view.seen = frame.number
                # The others come first the next time.
                self._views[key] = self._views.pop(key)
            try:
                picture = scaled(frame.picture, view.limit)
                encoded = view.encoder.encode(picture, key=needs_key)
            except Exception as error:
                logger.error("A picture can't be encoded.\n%s", trace(error))
                with self._changed:
                    if self._views.get(key) is view:
                        del self._views[key]
                continue
            if encoded is None:
                view.needs_key = True
                continue
            with self._changed:
                if self._views.get(key) is not view:
                    continue
                number, view.next = view.next, view.next + 1
                view.note_sent(number, self.clock(), len(encoded.data))
            fields = {
                "watcher": key[0],
                "attempt": view.attempt,
                "stream": key[1],
                "number": number,
                "codec": view.codec,
                "key": encoded.key,
                "config": encoded.config,
                "width": picture.shape[1],
                "height": picture.shape[0] * 2 // 3,
                "at": None if math.isnan(frame.info.source_time) else frame.info.source_time,
                "dropped": dropped,
                "index": frame.info.index,
                "captured_ns": frame.info.captured_ns,
            }
            del frame, picture
            assert self._loop is not None
            with suppress(RuntimeError):  # the loop is closed: the worker ends
                self._loop.call_soon_threadsafe(self.send, fields, encoded.data)
