"""The part of a source that every cell sees, decoded once."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import InvalidOptionError, SourceError

if TYPE_CHECKING:
    from decart_widget.explore.planning.pictures import Pictures
    from decart_widget.inputs.sources.reader import FrameReader, ReadFrame, Source, Target
    from decart_widget.runtime.settings import Settings

MAX_FRAMES: Final = 9_000
"""Frames of a clip: five minutes of 30 frames/s."""

_HALF: Final = 0.5
"""Part of a frame's interval by which a time may be before its frame."""


@dataclass(frozen=True)
class Clip:
    """The frames that each cell sees.

    Attributes:
        pictures: In the size that is sent.
        indices: The number of each frame in its source.
        times: The time of each frame in its source, in seconds.
        fps: Frames/s.
        wanted: Positions of the frames that are kept of each cell, rising.
        label: What the source is, for people.
        target: What they were made for.
    """

    pictures: Pictures
    indices: tuple[int, ...]
    times: tuple[float, ...]
    fps: float
    wanted: tuple[int, ...]
    label: str
    target: Target

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self) / self.fps


def target_of(settings: Settings, session: Any) -> Target:
    """Returns which picture a session sends.

    Args:
        settings: The session's.
        session: Its other arguments: a mapping, perhaps with ``orientation`` and ``mirror``.
    """
    from decart_widget.inputs.sources.reader import Target

    return Target(
        settings.model.width,
        settings.model.height,
        settings.video.max_framerate,
        session.get("orientation", "landscape"),
        session.get("mirror", "off") == "on",
    )


def read_clip(
    source: Source | Clip,
    target: Target,
    *,
    first_s: float,
    seconds: float,
    moments: Sequence[float] | None,
) -> Clip:
    """Decodes the clip of a job.

    Args:
        source: The source; a clip is returned as it is.
        target: The picture that is made of each frame.
        first_s: Where it begins, in seconds.
        seconds: Its length.
        moments: Times in the source, in seconds, whose frames are wanted; None: every frame.

    Returns:
        The clip; with moments it ends with the last of them.

    Raises:
        SourceError: The source can't be read, or has no frame there.
        InvalidOptionError: The clip is too long, or ends before the last moment.
    """
    from decart_widget.explore.planning.pictures import Pictures

    if isinstance(source, Clip):
        return source
    with closing(_opened(source, target)) as reader:
        frames, fps = _read(reader, first_s, first_s + seconds)
    times = [frame.source_time for frame in frames]
    wanted = tuple(range(len(frames)))
    if moments is not None:
        wanted = positions(times, moments, fps)
        frames = frames[: wanted[-1] + 1]
    return Clip(
        Pictures([frame.picture for frame in frames]),
        tuple(frame.index for frame in frames),
        tuple(times[: len(frames)]),
        fps,
        wanted,
        source.label,
        target,
    )


def positions(times: Sequence[float], moments: Sequence[float], fps: float) -> tuple[int, ...]:
    """Returns the positions of the frames that are nearest to moments, each once, rising.

    Args:
        times: Times of the frames, in seconds, rising.
        moments: In seconds; at least one.
        fps: Frames/s.

    Raises:
        InvalidOptionError: The last moment is after the last frame.
    """
    last_s = max(moments)
    if last_s > times[-1] + 1 / fps:
        raise InvalidOptionError(
            f"The clip ends at {times[-1] + 1 / fps:.2f} s, before the moment {last_s:g} s.",
            remedy="Give moments within the clip, or a longer clip.",
        )
    nearest = {min(range(len(times)), key=lambda at: abs(times[at] - moment)) for moment in moments}
    return tuple(sorted(nearest))


def _opened(source: Source, target: Target) -> FrameReader:
    from decart_widget.inputs.sources.opening import open_reader

    description = source.describe()
    if description.get("kind") == "frames":
        made: Any = source
        reader: FrameReader = made.reader(target)
        return reader
    return open_reader(description, target)


def _read(reader: FrameReader, first_s: float, end_s: float) -> tuple[list[ReadFrame], float]:
    frames: list[ReadFrame] = []
    slack_s = _HALF / (reader.fps or 30.0)
    while (frame := reader.read()) is not None:
        if frame.source_time >= end_s - slack_s:
            break
        if frame.source_time < first_s - slack_s:
            continue
        frames.append(frame)
        if len(frames) > MAX_FRAMES:
            raise InvalidOptionError(
                f"The clip has more than {MAX_FRAMES} frames.", remedy="Give a shorter clip."
            )
    if not frames:
        raise SourceError(
            f"{reader.label} has no frame from {first_s:g} s on.",
            remedy="Give a time within the clip.",
        )
    steps = [b.source_time - a.source_time for a, b in itertools.pairwise(frames)]
    own = 1 / statistics.median(steps) if steps and statistics.median(steps) > 0 else None
    return frames, own or reader.fps or 30.0
