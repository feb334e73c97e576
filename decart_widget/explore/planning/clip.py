"""What is known of a sweep's clip before it is sent: its length, its rate, and which clip it is."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.choice import as_source
from decart_widget.inputs.sources.opening import open_reader
from decart_widget.inputs.sources.reader import FrameReader, Source, Target
from decart_widget.runtime.settings import Settings

CHUNK: Final = 1 << 20
"""Bytes that are hashed at a time."""

MAX_FRAMES: Final = 3000
"""Frames of arrays that are read to hash them: 100 s at 30 frames/s."""

PLAYED_AGAIN: Final = (
    "A sweep plays its clip again for each cell: give a video file, a list of frames or an array. "
    "Session(source=...).record() makes a file of a camera."
)
"""Remedy for sources that give each frame once."""


@dataclass(frozen=True)
class Clip:
    """A clip that can be played again and again.

    Attributes:
        source: What is sent.
        label: What it is, for people: a file's name.
        sha256: Of a file's bytes and the part of it that is played, or of the frames of arrays.
        length_s: Length in seconds; None: not known, or endless.
        fps: Frames/s that are sent.
        description: How it can be opened again, as JSON values; None for frames of the user's code.
    """

    source: Source
    label: str
    sha256: str
    length_s: float | None
    fps: float
    description: Mapping[str, Any] | None


def look_at(given: Any, settings: Settings, *, orientation: str = "auto") -> Clip:
    """Opens a source, measures it and hashes it; nothing is sent.

    Args:
        given: A source as ``Session`` takes it.
        settings: Of the sessions that will send it.
        orientation: As in ``Session``.

    Returns:
        What is known of it.

    Raises:
        SourceError: It can't be read, or can't be played again.
    """
    source = once(as_source(given))
    source.check()
    description = source.describe()
    kind = description.get("kind")
    if kind not in ("file", "pattern", "frames") or (
        kind == "frames" and description.get("frame_count") is None
    ):
        raise SourceError(f"{source.label} can be played only once.", remedy=PLAYED_AGAIN)
    model = settings.model
    target = Target(model.width, model.height, settings.video.max_framerate, orientation)
    with _opened(source, target) as reader:
        fps = min(reader.fps or target.fps, target.fps)
        length_s = reader.duration_s
        if kind == "frames":
            digest, length_s = _frames_digest(reader, fps)
            return Clip(source, source.label, digest, length_s, fps, None)
    if kind == "pattern":
        digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
    else:
        digest = _file_digest(Path(description["path"]), description)
    return Clip(source, source.label, digest, length_s, fps, dict(description))


def once(source: Source) -> Source:
    """Returns a source that plays through once; of a file that begins again, one that ends."""
    from decart_widget.inputs.sources.video_file import VideoFile

    if isinstance(source, VideoFile) and source.loop:
        return VideoFile(source.path, False, source.start, source.end, source.fps)
    return source


def from_description(description: Any) -> Source:
    """Returns the source that a clip's description stands for.

    Args:
        description: As in `Clip`, perhaps read from a file.

    Returns:
        The source, not opened yet.

    Raises:
        SourceError: It stands for none.
    """
    from decart_widget.inputs.sources.pattern import TestPattern
    from decart_widget.inputs.sources.video_file import VideoFile

    values = description if isinstance(description, Mapping) else {}
    try:
        if values.get("kind") == "pattern":
            return TestPattern(
                values["pattern"], fps=values["fps"], duration=values.get("duration")
            )
        if values.get("kind") == "file":
            return VideoFile(
                values["path"], False, values["start"], values["end"], values.get("fps")
            )
    except (KeyError, TypeError):
        pass
    raise SourceError("The clip isn't known any more.", remedy="Give it as source=.")


def relative(path: Path, folder: Path) -> str:
    """Returns a path as a manifest has it: relative to the folder, so that both can move together.

    Args:
        path: Absolute path of the clip.
        folder: Absolute path of the sweep's folder.
    """
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return str(path)


@contextmanager
def _opened(source: Source, target: Target) -> Iterator[FrameReader]:
    own = getattr(source, "reader", None)  # of frames in this process
    reader = own(target) if callable(own) else open_reader(source.describe(), target)
    with closing(reader):
        yield reader


def _frames_digest(reader: FrameReader, fps: float) -> tuple[str, float]:
    """Hashes frames as they are sent; returns the digest and their length in seconds."""
    digest, count, end_s = hashlib.sha256(), 0, 0.0
    while (frame := reader.read()) is not None:
        count += 1
        if count > MAX_FRAMES:
            raise SourceError(
                f"The source has more than {MAX_FRAMES:,} frames.",
                remedy="Give a part of it, or write it into a video file.",
            )
        digest.update(f"{frame.index} {frame.source_time:.6f} {frame.picture.shape}".encode())
        digest.update(frame.picture.data)
        end_s = frame.source_time + 1 / fps
    return digest.hexdigest(), end_s


def _file_digest(path: Path, description: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    part = [description.get(name) for name in ("start", "end", "fps")]
    digest.update(json.dumps(part).encode())
    try:
        with path.open("rb") as file:
            while block := file.read(CHUNK):
                digest.update(block)
    except OSError as error:
        raise SourceError(f"{path.name} can't be read ({error.strerror}).") from None
    return digest.hexdigest()
