"""Frames between two processes: slots in shared memory without a name, and a doorbell.

A ring has one writer and one reader. Each of its slots has a sequence number that is odd while the
slot is written, so a reader notices a frame that was overwritten while it was copied, and takes the
newer one. There is no lock, so a process that is killed leaves none locked. The memory has no name
in any folder (a memfd on Linux; elsewhere its name is removed at once), so it is freed with the
last process that has it open, and needs no space in ``/dev/shm``.

The doorbell is a pair of connected sockets, which both sides can wait for. The writer rings it
after each frame. The reader publishes which frame it has taken, and rings back, so that a writer
that must not lose a frame can wait until a slot is free.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import select
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from decart_widget.engine.ring_memory import PAGE_BYTES, SLOT_HEADER_BYTES, SLOTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEADER: Final = struct.Struct("@QQqdqqIIIII")
"""sequence, number, index, source_time, captured_ns, received_ns, width, height, generation,
attempt, exact."""

_WORD: Final = struct.Struct("@Q")
"""Written and read at once, in contrast to the fields of a longer struct."""

_WRITTEN_AT: Final = 0
"""Offset of the number of the newest frame, which the writer sets."""

_TAKEN_AT: Final = 64
"""Offset of the number of the last frame that the reader has taken."""


class FrameTooLargeError(ValueError):
    """A picture has more bytes than a slot."""


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What a frame's slot says about it, besides the picture.

    Attributes:
        index: Number in the source, from 0; of a received frame: of the one that it was made from;
            -1: not known.
        source_time: Time in the source, in seconds; NaN: not known.
        captured_ns: When the source gave it, on ``time.monotonic_ns()``; 0: not known.
        received_ns: When it came back, on the same clock; 0 for one that goes up.
        generation: Rises each time when the source is replaced.
        attempt: Number of the attempt that it came with; 0 for one that goes up.
        exact: Whether index and times are known; otherwise they are an estimate.
    """

    index: int
    source_time: float
    captured_ns: int
    received_ns: int = 0
    generation: int = 0
    attempt: int = 0
    exact: bool = True


@dataclass(frozen=True, slots=True)
class RingFrame:
    """A frame that was copied out of a ring.

    Attributes:
        number: Rises by one with each frame that was written to the ring.
        picture: ``(height * 3 / 2, width)`` uint8, I420; belongs to the caller.
        info: What the writer said about it.
    """

    number: int
    picture: NDArray[np.uint8]
    info: FrameInfo


class _End:
    """What both ends have: the mapped memory and one end of the doorbell.

    The descriptors belong to the caller, who closes them after this object.
    """

    def __init__(self, memory: int, bell: int) -> None:
        import numpy as np

        size = os.fstat(memory).st_size
        self.bell = bell
        self._map = mmap.mmap(memory, size)
        self._bytes: NDArray[np.uint8] | None = np.frombuffer(self._map, np.uint8)
        self._stride = (size - PAGE_BYTES) // SLOTS
        self.capacity_bytes = self._stride - SLOT_HEADER_BYTES

    @property
    def newest(self) -> int:
        """The number of the newest frame that was written; 0 before the first one."""
        return int(_WORD.unpack_from(self._map, _WRITTEN_AT)[0])

    @property
    def taken(self) -> int:
        """The number of the last frame that the reader has taken; 0 before the first one."""
        return int(_WORD.unpack_from(self._map, _TAKEN_AT)[0])

    def wait(self, timeout: float) -> bool:
        """Waits until the other side rings.

        Args:
            timeout: Seconds.

        Returns:
            Whether it rang; calls of `silence` belong before the ring is examined.
        """
        poller = select.poll()
        poller.register(self.bell, select.POLLIN)
        return bool(poller.poll(max(0, math.ceil(timeout * 1000))))

    def silence(self) -> None:
        """Takes the bytes out of the doorbell, so that the next `wait` waits."""
        with contextlib.suppress(OSError):
            os.read(self.bell, PAGE_BYTES)

    def close(self) -> None:
        """Releases the memory's mapping. May be called twice; not while a frame is copied."""
        self._bytes = None
        with contextlib.suppress(BufferError):  # an array of it still exists
            self._map.close()

    def _ring(self) -> None:
        # A full doorbell has rung; one whose other side has gone reaches nobody.
        with contextlib.suppress(OSError):
            os.write(self.bell, b"\0")

    def _slot(self, number: int) -> int:
        return PAGE_BYTES + number % SLOTS * self._stride

    def _area(self, at: int, count: int, width: int) -> NDArray[np.uint8]:
        if self._bytes is None:
            raise ValueError("The ring is closed.")
        begin = at + SLOT_HEADER_BYTES
        return self._bytes[begin : begin + count].reshape(-1, width)


class RingWriter(_End):
    """The end that writes. A second writer, after the first was killed, goes on counting.

    Args:
        memory: The ring's memory.
        bell: The writer's end of its doorbell.

    Attributes:
        bell: See above.
        capacity_bytes: Of the largest picture.
    """

    def __init__(self, memory: int, bell: int) -> None:
        super().__init__(memory, bell)
        self._number = self.newest

    @property
    def is_full(self) -> bool:
        """Whether the next frame would overwrite one that the reader has not taken."""
        return self._number - self.taken >= SLOTS

    def write(
        self,
        width: int,
        height: int,
        info: FrameInfo,
        fill: Callable[[NDArray[np.uint8]], Any],
    ) -> int:
        """Writes a frame over the oldest one, and rings.

        Args:
            width: In pixels; even.
            height: In pixels; even.
            info: What is said about the frame.
            fill: Called with the slot's ``(height * 3 / 2, width)`` uint8 array, to write the I420
                picture into; it must not keep the array.

        Returns:
            The frame's number in the ring.

        Raises:
            FrameTooLargeError: The picture is larger than a slot.
        """
        count = width * height * 3 // 2
        if count > self.capacity_bytes:
            raise FrameTooLargeError(f"A picture of {width}x{height} is too large.")
        number = self._number + 1
        at = self._slot(number)
        _WORD.pack_into(self._map, at, 2 * number - 1)
        fill(self._area(at, count, width))
        fields = (
            info.index,
            info.source_time,
            info.captured_ns,
            info.received_ns,
            width,
            height,
            info.generation,
            info.attempt,
            info.exact,
        )
        _HEADER.pack_into(self._map, at, 2 * number - 1, number, *fields)
        _WORD.pack_into(self._map, at, 2 * number)
        _WORD.pack_into(self._map, _WRITTEN_AT, number)
        self._number = number
        self._ring()
        return number

    def wait_for_room(self, timeout: float, ahead: int = SLOTS) -> bool:
        """Waits until a frame can be written without losing another one.

        Args:
            timeout: Seconds.
            ahead: Frames that may wait in the ring, that one included.

        Returns:
            Whether there is room.
        """
        until = time.monotonic() + timeout
        while self._number - self.taken >= ahead:
            left = until - time.monotonic()
            if left <= 0:
                return False
            if self.wait(left):
                self.silence()
        return True


class RingReader(_End):
    """The end that reads. A second reader, after the first was killed, goes on where it was.

    Args:
        memory: The ring's memory.
        bell: The reader's end of its doorbell.

    Attributes:
        bell: See above.
        capacity_bytes: Of the largest picture.
        dropped: Frames that were overwritten, or skipped for a newer one.
    """

    def __init__(self, memory: int, bell: int) -> None:
        super().__init__(memory, bell)
        self.dropped = 0

    def take(self, *, every: bool = False) -> RingFrame | None:
        """Copies a frame that was not taken before.

        Args:
            every: Take the oldest one, and leave the others for later; otherwise take the newest.

        Returns:
            The frame; None when there is no new one.
        """
        while (newest := self.newest) > (seen := self.taken):
            number = max(seen + 1, newest - SLOTS + 1) if every else newest
            frame = self._copy(number)
            if frame is not None:
                self.dropped += number - seen - 1
                self._publish(number)
                return frame
            if self.newest == newest:
                # The next frame is being written over this one, or its writer was killed meanwhile.
                self.dropped += number - seen
                self._publish(number)
        return None

    def _copy(self, number: int) -> RingFrame | None:
        at = self._slot(number)
        sequence, own, *rest = _HEADER.unpack_from(self._map, at)
        if sequence != 2 * number or own != number:
            return None
        index, source_time, captured_ns, received_ns, width, height, generation, attempt, exact = (
            rest
        )
        count = width * height * 3 // 2
        if not 0 < count <= self.capacity_bytes:
            return None
        picture = self._area(at, count, width).copy()
        if _WORD.unpack_from(self._map, at)[0] != sequence:
            return None  # it was overwritten while it was copied
        info = FrameInfo(
            index, source_time, captured_ns, received_ns, generation, attempt, bool(exact)
        )
        return RingFrame(number, picture, info)

    def _publish(self, number: int) -> None:
        _WORD.pack_into(self._map, _TAKEN_AT, number)
        self._ring()


def copy_planes(
    planes: Sequence[NDArray[np.uint8]], width: int, height: int, into: NDArray[np.uint8]
) -> None:
    """Copies a picture into an I420 array.

    Args:
        planes: Y, U and V as ``(h, w)`` arrays, or all of it as one ``(height * 3 / 2, width)``.
        width: In pixels; even.
        height: In pixels; even.
        into: ``(height * 3 / 2, width)`` uint8, contiguous.
    """
    if len(planes) == 1:
        into[:] = planes[0]
        return
    flat = into.reshape(-1)
    at = 0
    for plane, (h, w) in zip(
        planes, ((height, width), (height // 2, width // 2), (height // 2, width // 2)), strict=True
    ):
        flat[at : at + h * w].reshape(h, w)[:] = plane
        at += h * w
