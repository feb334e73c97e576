"""Decodes the frames of a video file."""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import SourceError
from decart_widget.inputs.sources.checks import empty_source
from decart_widget.inputs.sources.containers import (
    HEAD_BYTES,
    SMALLEST_PX,
    format_of,
    stretch_of,
    turn_of,
    unknown_format,
    video_stream,
)
from decart_widget.inputs.sources.fit import Fitter
from decart_widget.inputs.sources.rate import RateLimit
from decart_widget.inputs.sources.reader import ReadFrame, Target

if TYPE_CHECKING:
    import av.container

logger = logging.getLogger(__name__)

DEFAULT_FPS: Final = 30.0
"""Frames/s of a file that doesn't say its rate; used for the length of its last frame."""

MAX_KNOWN_FPS: Final = 480.0
"""Frames/s above which a file's own statement is a time base, not a rate."""

MAX_DAMAGED: Final = 50
"""Damaged packets in a row after which a file can't be read further."""

MAX_BEFORE_KEYFRAME: Final = 300
"""Packets that are left out while no keyframe came: what decoders make of them is broken. A stream
that refreshes its picture bit by bit has no keyframes at all."""

_ROUNDING_S: Final = 0.0005
"""Seconds by which times are rounded: 1.0 is 0.9999 in some time bases."""

_BUFFER_BYTES: Final = 1 << 20
"""Bytes of a file that are read at once."""


def label_of(path: Path) -> str:
    """Returns the name of a file, for people."""
    return shorten(path.name, 200)


class VideoFileReader:
    """Decodes the frames of a ``VideoFile``.

    Args:
        description: What ``VideoFile.describe`` returned.
        target: The picture that is made of each frame.

    Attributes:
        label: The file's name.
        is_live: False.
        fps: Frames/s that are read, as far as the file says its rate.
        duration_s: Length of the part that is read, in seconds; None without an end.
        frame_count: How many frames are read, as far as is known; None without an end.
        skipped: How many frames were skipped so far, because the model takes fewer.
        damaged: How many packets were damaged so far; their frames are left out.

    Raises:
        SourceError: The file can't be opened.
    """

    is_live = False

    def __init__(self, description: Mapping[str, Any], target: Target) -> None:
        self._path = Path(description["path"])
        self._loop: bool = description["loop"]
        self._start_s: float = description["start"]
        self._end_s: float | None = description["end"]
        self.label = label_of(self._path)
        self._fitter = Fitter(target)
        limit = min(target.fps, description["fps"] or target.fps)
        self._rate = RateLimit(limit)
        self.damaged = 0
        self._lock = threading.Lock()
        self._closed = False
        self._index = -1
        self._ended = False
        self._container: av.container.InputContainer | None = None
        self._file: BinaryIO | None = None
        try:
            self._begin(limit)
        except BaseException:
            self.close()
            raise

    def _begin(self, limit: float) -> None:
        """Opens the file, and reads what it says about itself."""
        with _ffmpeg_errors(self.label):
            stream = self._open()
            own = _rate_of(stream)
            self.fps = None if own is None else min(own, limit)
            self._interval_s = 1 / (own or DEFAULT_FPS)
            length = _length_of(self._container, stream)
            if length is not None and self._start_s >= length > 0:
                raise SourceError(
                    f"{self.label} has {length:.2f} s, and start is {self._start_s:g} s.",
                    remedy="Give a smaller start.",
                )
            end = min((at for at in (length, self._end_s) if at is not None), default=None)
            self.duration_s = None if end is None or self._loop else max(0.0, end - self._start_s)
            self.frame_count = self._count(stream, own, limit)
            self._frames = self._played(stream)

    @property
    def skipped(self) -> int:
        """How many frames were skipped so far."""
        return self._rate.skipped

    def read(self) -> ReadFrame | None:
        """Returns the next frame; None at the end.

        Raises:
            SourceError: The file is damaged, or ends before its first frame.
        """
        with self._lock:
            try:
                if self._closed or self._ended:
                    return None
                with _ffmpeg_errors(self.label):
                    frame = next(self._frames, None)
                if frame is None:
                    self._ended = True
                    self._free()
                    if self._index < 0:
                        raise empty_source(self.label)
                return frame
            finally:
                if self._closed:
                    self._free()

    def close(self) -> None:
        """Closes the file. May be called twice, and while another thread reads."""
        self._closed = True
        # A thread that reads closes it when it has read its frame.
        if self._lock.acquire(blocking=False):
            try:
                self._free()
            finally:
                self._lock.release()

    def _free(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.close()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> Any:
        """Opens the file; returns its stream of video."""
        import av

        self._free()
        self._file = file = _opened(self._path)
        head = file.read(HEAD_BYTES)
        file.seek(0)
        name = format_of(head)
        if name is None:
            raise unknown_format(self.label, head)
        self._container = av.open(file, "r", format=name, buffer_size=_BUFFER_BYTES)
        return video_stream(self._container, self.label)

    def _played(self, stream: Any) -> Iterator[ReadFrame]:
        """Yields the frames, again and again if they are looped."""
        begun_s = 0.0
        while True:
            last_s = -self._interval_s
            for time_s, frame in self._pass(stream):
                self._index += 1
                last_s = time_s
                if self._rate.takes(begun_s + time_s):
                    yield ReadFrame(self._fitted(frame, stream), self._index, begun_s + time_s)
            if not self._loop or self._index < 0:
                break
            begun_s += last_s + self._interval_s
            stream = self._open()
        if self.skipped:
            logger.info(
                "%s: %d of %d frames were skipped, as the model takes fewer frames/s",
                *(self.label, self.skipped, self._index + 1),
            )

    def _pass(self, stream: Any) -> Iterator[tuple[float, Any]]:
        """Yields the frames from start to end once, each with its time from start in seconds."""
        begin_s = self._first_s(stream)
        if self._start_s:
            self._seek(stream, begin_s + self._start_s)
            is_found = False
            for time_s, frame in self._timed(stream, begin_s):
                if not is_found and time_s > self._start_s + self._interval_s:
                    break
                is_found = True
                if self._is_after_end(time_s):
                    return
                if time_s >= self._start_s - _ROUNDING_S:
                    yield max(0.0, time_s - self._start_s), frame
            if is_found:
                return
            # The container's index is coarse, or leads to a place without a keyframe.
            stream = self._open()
        for time_s, frame in self._timed(stream, begin_s):
            if self._is_after_end(time_s):
                return
            if time_s >= self._start_s - _ROUNDING_S:
                yield max(0.0, time_s - self._start_s), frame

    @staticmethod
    def _first_s(stream: Any) -> float:
        """Returns the time at which the stream's own clock begins, in seconds."""
        return float(stream.start_time * stream.time_base) if stream.start_time else 0.0

    def _is_after_end(self, time_s: float) -> bool:
        return self._end_s is not None and time_s >= self._end_s - _ROUNDING_S

    def _timed(self, stream: Any, begin_s: float) -> Iterator[tuple[float, Any]]:
        """Yields the decoded frames, each with its time in the file; times rise."""
        last_s: float | None = None
        for frame in self._decoded(stream):
            time_s = None if frame.pts is None else float(frame.pts * frame.time_base) - begin_s
            if time_s is None or (last_s is not None and time_s <= last_s):
                # Without times, or with damaged ones: one interval later.
                time_s = 0.0 if last_s is None else last_s + self._interval_s
            last_s = time_s
            yield time_s, frame

    def _seek(self, stream: Any, time_s: float) -> None:
        import av

        assert self._container is not None
        try:
            self._container.seek(int(time_s / stream.time_base), stream=stream)
        except (av.FFmpegError, OverflowError):
            logger.debug("%s can't be searched: it is read from its beginning", self.label)

    def _decoded(self, stream: Any) -> Iterator[Any]:
        """Yields the decoded frames; packets that are damaged are counted and left out.

        Raises:
            SourceError: Too many of them follow each other.
        """
        import av

        assert self._container is not None
        in_a_row = passed_over = 0
        has_keyframe = False
        for packet in self._container.demux(stream):
            # The last packet, without data, makes the decoder give what it holds.
            has_keyframe = has_keyframe or packet.is_keyframe or not packet.size
            if not has_keyframe and passed_over < MAX_BEFORE_KEYFRAME:
                passed_over += 1
                continue
            try:
                frames = packet.decode()
            except (av.InvalidDataError, av.ExternalError):
                self.damaged += 1
                in_a_row += 1
                if in_a_row >= MAX_DAMAGED:
                    raise SourceError(
                        f"{self.label} is damaged: {in_a_row} packets in a row can't be decoded.",
                        remedy="Play it to see where, and give end= before that.",
                    ) from None
                continue
            if frames:
                in_a_row = 0
            yield from frames

    def _fitted(self, frame: Any, stream: Any) -> Any:
        if min(frame.width, frame.height) < SMALLEST_PX:
            raise SourceError(
                f"{self.label} has pictures of {frame.width}x{frame.height} pixels.",
                remedy=f"Give at least {SMALLEST_PX} pixels on each side.",
            )
        return self._fitter.frame(frame, turn_of(frame), stretch=stretch_of(stream))

    def _count(self, stream: Any, own: float | None, limit: float) -> int | None:
        """Returns how many frames are read, as far as the file says."""
        if self._loop:
            return None
        is_whole = not self._start_s and self._end_s is None
        if is_whole and stream.frames and (own is None or own <= limit * 1.01):
            return int(stream.frames)
        if self.duration_s is None or own is None:
            return None
        return max(1, round(self.duration_s * min(own, limit)))


class _ffmpeg_errors:  # noqa: N801  (used like a function)
    """Makes a `SourceError` of what FFmpeg raises, whose texts may be long and quote paths."""

    def __init__(self, label: str) -> None:
        self._label = label

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        import av

        if isinstance(error, MemoryError):
            what = "needs too much memory"
        elif isinstance(error, av.FFmpegError | OSError | ValueError | EOFError) and not isinstance(
            error, SourceError
        ):
            what = f"can't be read ({type(error).__name__})"
        else:
            return
        raise SourceError(
            f"{self._label} {what}.",
            remedy="It may be incomplete or damaged: check that a player plays it.",
        ) from None


def _opened(path: Path) -> BinaryIO:
    """Opens a regular file for reading.

    Raises:
        SourceError: There is none, or it can't be opened.
    """
    where = f'"{shorten(str(path), 200)}"'
    try:
        # Opened without blocking: opening a pipe would wait for its other end.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else "not a path"
        remedy = "Check the path."
        if number == errno.ENOENT:
            remedy = f"Check the path; this process runs in {_folder()}."
        raise SourceError(f"{where} can't be opened ({reason}).", remedy=remedy) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise SourceError(f"{where} is {what}.", remedy="Give the path of a video file.")
    return os.fdopen(descriptor, "rb")


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was deleted
        return "a folder that does not exist any more"


def _rate_of(stream: Any) -> float | None:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < float(rate) <= MAX_KNOWN_FPS:
            return float(rate)
    return None


def _length_of(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None
