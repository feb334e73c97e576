"""A source that plays a clip as it is told: the clip's end as a lead-in, the clip, and so on.

Frames are numbered as they are played, so that each one that comes back tells which place of the
clip it shows, and for which take it was played. No clock decides that.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from decart_widget.errors import SourceError

if TYPE_CHECKING:
    from decart_widget.explore.planning.looped_clip import Clip
    from decart_widget.inputs.sources.reader import FrameReader, ReadFrame, Target

REMEMBERED: Final = 8192
"""Frames that were played and whose places are remembered; more are never in flight."""


class Shot(NamedTuple):
    """What one played frame is.

    Attributes:
        position: Its place in the clip.
        take: The take that it was played for; None: a lead-in.
    """

    position: int
    take: int | None


class Script:
    """Says which frame is played next; from any thread.

    Without a take to play, the end of the clip is played again and again: the lead-in of whatever
    comes next.

    Args:
        length: Frames of the clip.
        lead_in: Frames of its end that are played meanwhile.
    """

    def __init__(self, length: int, lead_in: int) -> None:
        self._length = length
        self._loop_from = length - max(1, min(lead_in, length))
        self._idle = self._loop_from
        self._lock = threading.Lock()
        self._plan: deque[Shot] = deque()
        self._played: dict[int, Shot] = {}
        self._number = 0
        self._latest = Shot(self._idle, None)

    def has_played(self, take: int, position: int) -> bool:
        """Returns whether a take has come as far as a place of the clip.

        Args:
            take: Number of the take.
            position: The place.
        """
        with self._lock:
            return self._latest.take == take and self._latest.position >= position

    @property
    def number(self) -> int:
        """Number of the frame that is played next: what was played before has a lower one."""
        with self._lock:
            return self._number

    def play(self, take: int, places: Sequence[int], *, lead_in: int) -> int:
        """Plays some of the clip next, for one take.

        Args:
            take: Number of the take.
            places: Of the clip's frames; at least one.
            lead_in: Frames of the clip's end that are played before them.

        Returns:
            The number of the last frame.
        """
        with self._lock:
            self._plan.clear()
            for left in range(lead_in, 0, -1):
                self._plan.append(Shot(-left % self._length, None))
            self._plan.extend(Shot(position, take) for position in places)
            self._idle = self._loop_from
            return self._number + len(self._plan) - 1

    def next(self) -> tuple[int, int]:
        """Returns number and place of the next frame, which is played now."""
        with self._lock:
            if self._plan:
                shot = self._plan.popleft()
            else:
                shot = Shot(self._idle, None)
                self._idle += 1
                if self._idle >= self._length:
                    self._idle = self._loop_from
            number = self._number
            self._number += 1
            self._played[number] = shot
            if shot.take is not None:
                self._latest = shot
            self._played.pop(number - REMEMBERED, None)
            return number, shot.position

    def shot(self, number: int) -> Shot | None:
        """Returns what a played frame is; None if it isn't known any more."""
        with self._lock:
            return self._played.get(number)


class Reel:
    """The clip as a source of sessions.

    Args:
        clip: The clip.

    Attributes:
        script: What is played in the session that begins next.
        label: What the clip is, for people.
    """

    def __init__(self, clip: Clip) -> None:
        self.script = Script(len(clip), 1)
        self.label = clip.label
        self._clip = clip

    def check(self) -> None:
        """Does nothing: the clip was read."""

    def describe(self) -> Mapping[str, Any]:
        """Returns what is known of the source, as JSON values."""
        return {"kind": "frames", "label": self.label, "fps": self._clip.fps, "frame_count": None}

    def reader(self, target: Target) -> FrameReader:
        """Returns a reader that plays the script.

        Args:
            target: The picture that is sent.

        Raises:
            SourceError: The clip was made for another one.
        """
        if target != self._clip.target:
            raise SourceError("The session sends another picture than the clip was made for.")
        return ReelReader(self._clip, self.script)


class ReelReader:
    """Implements ``FrameReader``: see there.

    Attributes:
        ahead: Frames that the engine may have waiting: a look that is asked for shows in the frames
            that are played later.
    """

    ahead: Final = 1
    is_live = False
    duration_s: float | None = None
    frame_count: int | None = None

    def __init__(self, clip: Clip, script: Script) -> None:
        self.label = clip.label
        self.fps: float | None = clip.fps
        self._clip = clip
        self._script = script
        self._closed = False

    def read(self) -> ReadFrame | None:
        """Returns the next frame of the script; None when it is closed."""
        from decart_widget.inputs.sources.reader import ReadFrame

        if self._closed:
            return None
        number, position = self._script.next()
        return ReadFrame(self._clip.pictures.planes[position], number, number / self._clip.fps)

    def close(self) -> None:
        """Ends it."""
        self._closed = True
