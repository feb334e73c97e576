"""The engine's side of recordings, which its worker writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from decart_widget.engine.recorder import Which

FINISH_TIMEOUT_S: Final = 15.0
"""Seconds that the worker may take to close the files."""


@dataclass(frozen=True)
class Recorded:
    """A recording that is over.

    Attributes:
        frames: How many frames were written.
        dropped: How many were not.
        problem: Why it failed, for people; None if it didn't.
    """

    frames: int
    dropped: int
    problem: str | None


@dataclass(frozen=True)
class Sound:
    """The sound that a recording gets.

    Attributes:
        path: The video file.
        start_s: Begin of the part whose sound is kept, in seconds.
        end_s: Its end; None: that of the file.
    """

    path: str
    start_s: float
    end_s: float | None


class Recordings:
    """Starts and stops recordings in the worker; use it on the engine's loop.

    Args:
        send: Sends a command to the worker.
    """

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send
        self._count = 0
        self._open: dict[int, asyncio.Future[Recorded]] = {}

    def start(
        self, path: Path, which: Which, *, every: bool, fps: float, sound: Sound | None
    ) -> tuple[int, asyncio.Future[Recorded]]:
        """Begins to write a file.

        Args:
            path: The file, which must not exist.
            which: What is recorded.
            every: Whether the source is held back for the encoder.
            fps: Frames/s that the file states.
            sound: What the file sounds like; None for no sound.

        Returns:
            The recording's number, and what becomes done when the file is closed.
        """
        self._count += 1
        number = self._count
        over: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        self._open[number] = over
        values: list[Any] | None = None
        if sound is not None:
            values = [sound.path, sound.start_s, sound.end_s]
        self._send(
            "record",
            number=number,
            path=str(path),
            which=which,
            every=every,
            fps=fps,
            sound=values,
        )
        return number, over

    def stop(self, number: int) -> None:
        """Ends a recording after the frames that wait; its future becomes done later."""
        self._send("record_stop", number=number)

    async def finish(self) -> None:
        """Ends all recordings, and waits until their files are closed."""
        for number in self._open:
            self.stop(number)
        if self._open:
            await asyncio.wait(list(self._open.values()), timeout=FINISH_TIMEOUT_S)

    def recorded(self, number: int, result: Recorded) -> None:
        """A recording is over."""
        over = self._open.pop(number, None)
        if over is not None and not over.done():
            over.set_result(result)

    def worker_ended(self) -> None:
        """The worker is gone: what it wrote so far is in the files."""
        for number in list(self._open):
            self.recorded(number, Recorded(0, 0, "The process that wrote the recording has ended."))
