"""Writes a file of the frames that are sent, of those that come back, or of both side by side.

Runs in the worker, so that it goes on while the user's process computes. An MP4 file is written in
fragments, so that all but its last second can be played whatever ends the process.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from decart_widget.engine.soundtrack import Soundtrack
from decart_widget.files import FULL_DISK

if TYPE_CHECKING:
    import numpy as np
    from av.container import OutputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from decart_widget.engine.connection import OutgoingFrame
    from decart_widget.engine.ring import FrameInfo

Which = Literal["output", "input", "both"]
"""What is recorded: received frames, sent frames, or both side by side."""

BT601: Final = 6
"""The matrix of the recorded planes, as ITU-T H.273 numbers it."""

LIMITED_RANGE: Final = 1
"""FFmpeg's ``AVCOL_RANGE_MPEG``: luma from 16 to 235."""

CLOCK: Final = Fraction(1, 90_000)
"""Time base of the recorded frames, in seconds."""

QUEUED: Final = 8
"""Frames that may wait for the encoder; a further one is dropped, or waits if all are wanted."""

PAIRED: Final = 64
"""Sent frames that are kept until their results come, to be shown beside them: 2 s at 30 frames/s,
88 MB of 1280x720."""

CLOSE_TIMEOUT_S: Final = 10.0
"""Seconds that the encoder may take for the frames that wait when the recording is stopped."""


@dataclass(frozen=True)
class Format:
    """How a suffix is written.

    Attributes:
        container: Name of FFmpeg's muxer.
        codec: Name of FFmpeg's video encoder.
        options: Of the encoder.
        muxer: Options of the muxer.
        sound: Names of sound codecs that the container takes as they are; the first is the one that
            others are converted to.
    """

    container: str
    codec: str
    options: dict[str, str]
    muxer: dict[str, str]
    sound: tuple[str, ...]


_X264: Final = {"preset": "veryfast", "crf": "18"}
"""Visually lossless at half the time of x264's default preset."""

_FRAGMENTS: Final = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
"""A fragment at each keyframe: playable without the end of the file."""

FORMATS: Final = {
    ".mp4": Format("mp4", "libx264", _X264, _FRAGMENTS, ("aac", "mp3", "ac3", "alac")),
    ".mov": Format("mov", "libx264", _X264, _FRAGMENTS, ("aac", "mp3", "alac", "pcm_s16le")),
    ".mkv": Format("matroska", "libx264", _X264, {}, ("aac", "mp3", "opus", "vorbis", "flac")),
    ".webm": Format(
        "webm",
        "libvpx",
        {"deadline": "realtime", "cpu-used": "6", "crf": "10", "b": "6M"},
        {},
        ("opus", "vorbis"),
    ),
}
"""The formats by suffix, in lower case."""


@dataclass(frozen=True)
class _Picture:
    """A picture to write (I420), its time in its source in seconds, and which source that is."""

    i420: NDArray[np.uint8]
    time_s: float
    generation: int


class Recorder:
    """Writes one file; ``sent`` and ``received`` are called on the worker's loop.

    Args:
        path: The file; it must not exist. Its suffix selects the format.
        which: What is recorded.
        every: Whether no frame is dropped, because who sends frames heeds ``is_full``.
        fps: Frames/s of the source, for players that ask; the frames carry their own times.
        sound: The video file whose sound is kept, with the part in seconds; None for no sound.
        room_came: Called when a frame was written; on a thread.
        done: Called with an error's text, or None, once the file is closed; on a thread.

    Raises:
        OSError: The file can't be made.

    Attributes:
        every: See above.
        frames: How many frames were written.
        dropped: How many were not, because encoder or disk were too slow.
    """

    def __init__(
        self,
        path: Path,
        which: Which,
        *,
        every: bool,
        fps: float,
        sound: tuple[str, float, float | None] | None,
        room_came: Callable[[], None],
        done: Callable[[str | None], None],
    ) -> None:
        self.frames = 0
        self.dropped = 0
        self._format = FORMATS[path.suffix.lower()]
        self._which = which
        self.every = every
        self._fps = fps
        self._room_came = room_came
        self._done = done
        self._pictures: dict[tuple[int, int], NDArray[np.uint8]] = {}
        """Sent frames whose results are awaited, by source and index."""
        self._queue: queue.Queue[_Picture | None] = queue.Queue()
        self._first_s: float | None = None
        self._generation = 0
        self._last = -1
        self._size: tuple[int, int] | None = None
        self._file = path.open("xb")  # never follows a link, never replaces a file
        self._sound = sound
        self._thread = threading.Thread(target=self._run, name="decart-recorder", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether the source is to be held back: as many frames wait for the encoder as may."""
        return self.every and self._queue.qsize() >= QUEUED

    def sent(self, frame: OutgoingFrame) -> None:
        """Takes a frame that was sent."""
        if self._which == "input":
            self._put(frame.picture, frame.source_time, frame.generation)
        elif self._which == "both":
            self._pictures[frame.generation, frame.index] = frame.picture
            if len(self._pictures) > PAIRED:
                del self._pictures[next(iter(self._pictures))]

    def received(self, planes: Sequence[NDArray[np.uint8]], info: FrameInfo) -> None:
        """Takes a frame that came back.

        Args:
            planes: As in ``FrameExchange.frame_received``; copied.
            info: The identity of the frame that it was made from.
        """
        if self._which == "input":
            return
        picture = one_plane(planes)
        if self._which == "both":
            before = self._pictures.pop((info.generation, info.index), None)
            if before is None:
                self.dropped += 1
                return
            picture = side_by_side(before, picture)
        has_time = not math.isnan(info.source_time)
        time_s = info.source_time if has_time else info.received_ns / 1e9
        self._put(picture, time_s, info.generation if has_time else -1)

    def stop(self) -> None:
        """Closes the file after the frames that wait; returns at once."""
        self._queue.put(None)

    def join(self) -> None:
        """Waits for the end of the file, for ``CLOSE_TIMEOUT_S`` at most."""
        self._thread.join(CLOSE_TIMEOUT_S)

    def _put(self, i420: NDArray[np.uint8], time_s: float, generation: int) -> None:
        if self._queue.qsize() >= QUEUED and not self.every:
            self.dropped += 1
            return
        self._queue.put(_Picture(i420, time_s, generation))

    # --- on the recorder's thread -------------------------------------------------------------

    def _run(self) -> None:
        import av

        text: str | None = None
        try:
            container = av.open(
                self._file, "w", format=self._format.container, options=self._format.muxer
            )
            try:
                self._write_all(container)
            finally:
                container.close()
        except OSError as error:
            text = f"The recording can't be written ({error.strerror or type(error).__name__})."
            text += f" {FULL_DISK}"
        except Exception as error:  # FFmpeg's errors have no common base that is no OSError
            text = f"The recording failed ({type(error).__name__}: {error})."
        finally:
            try:
                self._file.close()
            except OSError as error:
                text = text or f"The recording can't be written ({error.strerror}). {FULL_DISK}"
            self._done(text)

    def _write_all(self, container: OutputContainer) -> None:
        stream: VideoStream | None = None
        soundtrack: Soundtrack | None = None
        while (picture := self._queue.get()) is not None:
            rows, width = picture.i420.shape
            if stream is None:
                self._size = (width, rows * 2 // 3)
                stream = self._add_video(container, *self._size)
                if self._sound is not None:
                    soundtrack = Soundtrack.open(container, self._format.sound, *self._sound)
            self._write(container, stream, picture)
            self._room_came()
            if soundtrack is not None:
                soundtrack.write_until(float(self._last * CLOCK))
        if stream is not None:
            for packet in stream.encode(None):
                container.mux(packet)
        if soundtrack is not None:
            soundtrack.close(self._last * float(CLOCK))

    def _add_video(self, container: OutputContainer, width: int, height: int) -> VideoStream:
        rate = Fraction(self._fps).limit_denominator(1001)
        stream: Any = container.add_stream(self._format.codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = self._format.options
        context = stream.codec_context
        context.time_base = CLOCK
        context.gop_size = max(1, round(self._fps))  # a keyframe, and a fragment, each second
        context.thread_count = 1
        # Without these players take a picture of 1280x720 for BT.709.
        context.colorspace, context.color_range = BT601, LIMITED_RANGE
        result: VideoStream = stream
        return result

    def _write(self, container: OutputContainer, stream: VideoStream, picture: _Picture) -> None:
        import av

        frame = av.VideoFrame.from_ndarray(picture.i420, format="yuv420p")
        if self._size != (frame.width, frame.height) and self._size is not None:
            frame = frame.reformat(*self._size)
        if self._first_s is None or picture.generation != self._generation:
            # Another source: its times go on where those of the last one ended.
            ended_s = 0.0 if self._first_s is None else float(self._last * CLOCK) + 1 / self._fps
            self._first_s = picture.time_s - ended_s
            self._generation = picture.generation
        # Times rise even where the source's do not, because a muxer refuses others.
        self._last = max(self._last + 1, round((picture.time_s - self._first_s) / CLOCK))
        frame.pts, frame.time_base = self._last, CLOCK
        for packet in stream.encode(frame):
            container.mux(packet)
        self.frames += 1


def views(picture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Returns views of Y, U and V of a ``(height * 3 / 2, width)`` I420 array."""
    rows, width = picture.shape
    height, flat = rows * 2 // 3, picture.reshape(-1)
    luma, chroma = height * width, height * width // 4
    half = (height // 2, width // 2)
    return [
        flat[:luma].reshape(height, width),
        flat[luma : luma + chroma].reshape(half),
        flat[luma + chroma :].reshape(half),
    ]


def one_plane(planes: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Returns a copy of Y, U and V planes as one ``(height * 3 / 2, width)`` I420 array.

    Args:
        planes: Three ``(h, w)`` arrays, or one that is I420 already.
    """
    import numpy as np

    if len(planes) == 1:
        return planes[0].copy()
    height, width = planes[0].shape
    picture = np.empty((height * 3 // 2, width), np.uint8)
    for view, plane in zip(views(picture), planes, strict=True):
        view[:] = plane
    return picture


def side_by_side(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns two I420 pictures as one; the left one is scaled to the right one's size.

    Args:
        left: ``(height * 3 / 2, width)`` uint8.
        right: Likewise.
    """
    import av
    import numpy as np

    if left.shape != right.shape:
        rows, width = right.shape
        frame = av.VideoFrame.from_ndarray(left, format="yuv420p")
        left = np.asarray(frame.reformat(width, rows * 2 // 3).to_ndarray(), np.uint8)
    return one_plane(
        [np.concatenate(pair, 1) for pair in zip(views(left), views(right), strict=True)]
    )
