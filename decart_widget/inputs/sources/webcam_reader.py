"""Reads the camera of a page from the encoded frames that the page sends."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.fit import Fitter
from decart_widget.inputs.sources.reader import ReadFrame, Target

MAX_WAITING: Final = 8
"""Encoded frames that wait to be decoded; more are passed over up to the next keyframe."""

MAX_PIXELS: Final = 4096 * 2304
"""Largest picture that is decoded, because a page isn't trusted."""

DECODERS: Final[Mapping[str, str]] = {"h264": "h264", "jpeg": "mjpeg"}
"""FFmpeg's decoders, by what a page calls its codecs."""


@dataclass(frozen=True, slots=True)
class WebcamFrame(ReadFrame):
    """A frame of the page's camera.

    Attributes:
        captured_ns: When it arrived in this process, on ``time.monotonic_ns()``.
    """

    captured_ns: int = 0


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A frame as the page sends it.

    Attributes:
        number: Rises by one with each frame of an attempt, from 0.
        codec: ``"h264"`` (Annex B) or ``"jpeg"``.
        key: Whether it can be decoded without earlier ones.
        at_s: When it was taken, in seconds since 1970 on the page's clock.
        data: The picture.
        arrived_ns: When it arrived in this process, on ``time.monotonic_ns()``.
    """

    number: int
    codec: str
    key: bool
    at_s: float
    data: bytes
    arrived_ns: int


class WebcamReader:
    """Implements ``FrameReader`` with the frames of a page; ``put`` is called on another thread.

    Args:
        target: The picture that the service is sent. The page has mirrored it where it should be.
        taken: Called, on any thread, with the number of a frame that was decoded or passed over,
            and with whether the page has to send a keyframe.
        after: Index of the last frame before the first one.

    Attributes:
        holds_back: True: the page sends no more frames than are read.
        began_at_s: Time 0 of the source, in seconds since 1970 on the page's clock; None before
            the first frame.
    """

    is_live = True
    holds_back = True
    fps: float | None = None
    duration_s: float | None = None
    frame_count: int | None = None

    def __init__(
        self, target: Target, taken: Callable[[int, bool], None], *, after: int = -1
    ) -> None:
        self.label = "the page's camera"
        self._fitter = Fitter(replace(target, mirror=False))
        self._taken = taken
        self._index = after
        self.began_at_s: float | None = None
        self._time_s = 0.0
        self._frames: deque[EncodedFrame] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._needs_key = True
        self._last = -1  # the number of the last frame
        self._codec = ""
        self._decoder: Any = None

    def put(self, frame: EncodedFrame) -> None:
        """Takes a frame; frames that can't be decoded any more are passed over."""
        passed: list[int] = []
        with self._changed:
            if self._closed:
                return
            if frame.key:
                # It needs none of those that wait.
                passed = [one.number for one in self._frames]
                self._frames.clear()
                self._needs_key = False
            elif len(self._frames) >= MAX_WAITING or frame.number != self._last + 1:
                passed = [one.number for one in self._frames]
                self._frames.clear()
                self._needs_key = True
            if self._needs_key:
                passed.append(frame.number)
            else:
                self._frames.append(frame)
            self._last = frame.number
            wants_key = self._needs_key
            self._changed.notify()
        for number in passed:
            self._taken(number, wants_key)

    def open(self) -> WebcamReader:
        """Waits for the first frame, and returns the reader.

        Raises:
            SourceError: It was closed before.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._closed)
            if self._closed:
                raise SourceError("The page's camera was closed.")
        return self

    def read(self) -> ReadFrame | None:
        """Waits for a frame and returns it decoded; None when it was closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._frames or self._closed)
                if self._closed:
                    return None
                frame = self._frames.popleft()
            picture = self._decode(frame)
            self._taken(frame.number, self._needs_key)
            if picture is not None:
                self._index += 1
                return WebcamFrame(
                    picture, self._index, self._time_of(frame), captured_ns=frame.arrived_ns
                )

    def close(self) -> None:
        """Ends `open` and `read`."""
        with self._changed:
            self._closed = True
            self._frames.clear()
            self._changed.notify_all()

    def _time_of(self, frame: EncodedFrame) -> float:
        """Seconds since the first frame; a page's clock that is set back is not followed."""
        if self.began_at_s is None:
            self.began_at_s = frame.at_s
        time_s = frame.at_s - self.began_at_s
        if time_s <= self._time_s and self._index > 0:
            self.began_at_s -= self._time_s + 0.001 - time_s
            time_s = self._time_s + 0.001
        self._time_s = time_s
        return time_s

    def _decode(self, frame: EncodedFrame) -> Any:
        """Returns the picture; None where there is none, so that a keyframe is needed."""
        import av

        if frame.codec != self._codec:
            self._codec = frame.codec
            decoder = av.CodecContext.create(DECODERS[frame.codec], "r")
            decoder.thread_count = 1  # each further thread would delay the picture by a frame
            decoder.options = {"max_pixels": str(MAX_PIXELS)}
            self._decoder = decoder
        try:
            decoded = self._decoder.decode(av.Packet(frame.data))
            if decoded:
                return self._fitter.frame(decoded[-1])
        except (av.error.FFmpegError, ValueError):
            pass
        self._pass_over_rest()
        return None

    def _pass_over_rest(self) -> None:
        """Passes over the frames that wait, until there is a keyframe."""
        with self._changed:
            self._needs_key = True
            self._codec = ""  # a decoder that failed is made anew
            for frame in self._frames:
                self._taken(frame.number, True)
            self._frames.clear()


def encoded_frame(number: int, codec: str, key: bool, at_ms: float, data: bytes) -> EncodedFrame:
    """Returns a frame that has just arrived, from the fields of its message."""
    return EncodedFrame(number, codec, key, at_ms / 1000, data, time.monotonic_ns())
