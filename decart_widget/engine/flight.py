"""Frames in flight: those that were sent and have neither come back nor are lost. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decart_widget.engine.connection import OutgoingFrame

LOST_AFTER_S: Final = 5.0
"""Seconds after which a frame in flight counts as lost, if no later one has come back before. A
service answers after 0.3 to 0.7 s."""

MAX_FRAMES: Final = 1024
"""Frames in flight that are remembered, without their pictures."""

DELAY_WEIGHT: Final = 0.1
"""Weight of a newly measured delay in the mean, from which frames are estimated."""


@dataclass(frozen=True, slots=True)
class _Entry:
    frame: OutgoingFrame
    sent_s: float

    def is_of(self, frame: OutgoingFrame) -> bool:
        return (self.frame.generation, self.frame.index) == (frame.generation, frame.index)


class Flight:
    """The frames in flight of one connection, oldest first.

    Services keep the order of frames: when one comes back, those sent before it are lost.
    """

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque(maxlen=MAX_FRAMES)
        self._delay_s: float | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def sent(self, frame: OutgoingFrame, now_s: float) -> None:
        """Notes that a frame goes out; its picture isn't kept."""
        self._entries.append(_Entry(frame.without_picture(), now_s))

    def received(self, frame: OutgoingFrame, now_s: float) -> list[OutgoingFrame]:
        """Notes that a frame came back.

        Args:
            frame: The sent frame.
            now_s: The time now, on the clock of `sent`.

        Returns:
            The frames sent before it that did not come back; each index once. Empty for a frame
            that isn't in flight, since that is one that came back before.
        """
        if not any(entry.is_of(frame) for entry in self._entries):
            return []
        lost: list[_Entry] = []
        while self._entries and not self._entries[0].is_of(frame):
            lost.append(self._entries.popleft())
        while self._entries and self._entries[0].is_of(frame):
            delay_s = now_s - self._entries.popleft().sent_s
        self._note_delay(delay_s)
        return _frames(lost)

    def expired(self, now_s: float) -> list[OutgoingFrame]:
        """Removes and returns the frames that have been in flight for too long."""
        lost: list[_Entry] = []
        while self._entries and now_s - self._entries[0].sent_s >= LOST_AFTER_S:
            lost.append(self._entries.popleft())
        return _frames(lost)

    def clear(self) -> list[OutgoingFrame]:
        """Removes and returns all frames: the connection has ended."""
        lost = list(self._entries)
        self._entries.clear()
        return _frames(lost)

    def age_s(self, now_s: float) -> float:
        """Returns for how many seconds the oldest frame has been in flight; 0 without one."""
        return now_s - self._entries[0].sent_s if self._entries else 0.0

    def estimate(self, now_s: float) -> OutgoingFrame | None:
        """Returns the frame in flight that most probably came back now: by the usual delay.

        Before any delay is known, that is the oldest one: the first frame that comes back was made
        from the first one that was sent.
        """
        if not self._entries:
            return None
        if self._delay_s is None:
            return self._entries[0].frame
        expected_s = now_s - self._delay_s
        return min(self._entries, key=lambda entry: abs(entry.sent_s - expected_s)).frame

    def _note_delay(self, delay_s: float) -> None:
        if self._delay_s is None:
            self._delay_s = delay_s
        else:
            self._delay_s += DELAY_WEIGHT * (delay_s - self._delay_s)


def _frames(entries: list[_Entry]) -> list[OutgoingFrame]:
    frames = {(entry.frame.generation, entry.frame.index): entry.frame for entry in entries}
    return list(frames.values())
