"""The memory and the doorbell of a ring: made once, inherited by worker processes."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from typing import Final

from decart_widget.processes.shared_memory import anonymous_memory

SLOTS: Final = 4
"""Frames that a ring holds: one is written, one is read, two wait."""

PAGE_BYTES: Final = 4096
"""The ring's own header, and what slots are aligned to."""

SLOT_HEADER_BYTES: Final = 128
"""Bytes of a slot before its picture."""

CAPACITY_BYTES: Final = 4096 * 4096 * 3 // 2
"""The largest picture: 4096x4096 in I420. Memory is taken only where a picture was written."""


@dataclass(frozen=True)
class RingDescriptors:
    """The open descriptors of a ring. Both processes have ``memory`` and one end of the doorbell.

    Attributes:
        memory: Of the shared memory.
        writer_bell: The writer's end of the doorbell.
        reader_bell: The reader's end.
    """

    memory: int
    writer_bell: int
    reader_bell: int

    @classmethod
    def create(cls, capacity_bytes: int = CAPACITY_BYTES) -> RingDescriptors:
        """Makes the memory and the doorbell of a ring; `close` frees them.

        Args:
            capacity_bytes: Of the largest picture.

        Raises:
            OSError: There is no descriptor or no memory left.
        """
        stride = -(-(SLOT_HEADER_BYTES + capacity_bytes) // PAGE_BYTES) * PAGE_BYTES
        memory = anonymous_memory(PAGE_BYTES + SLOTS * stride)
        try:
            writer, reader = socket.socketpair()
        except OSError:
            os.close(memory)
            raise
        for end in (writer, reader):
            end.setblocking(False)
        return cls(memory, writer.detach(), reader.detach())

    def close(self) -> None:
        """Closes the descriptors; the memory is freed when the other process has closed its own."""
        for descriptor in (self.memory, self.writer_bell, self.reader_bell):
            with contextlib.suppress(OSError):
                os.close(descriptor)
