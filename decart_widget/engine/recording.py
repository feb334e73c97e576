"""A recording of a session without a page, written by the engine's worker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import DecartError, MediaError

if TYPE_CHECKING:
    from decart_widget.engine.media import EngineMedia
    from decart_widget.engine.recorder import Which
    from decart_widget.engine.recordings import Recorded, Sound
    from decart_widget.session.background import Background, Operation

READY_TIMEOUT_S: Final = 30.0
"""Seconds that the process that writes the file may take to start."""


class EngineRecording:
    """A file that is being written. Await it for the file's path; ``stop()`` ends it.

    Data goes to ``<name>.part<suffix>`` beside the file, which can be played whatever ends the
    process; it gets its name when it is complete.

    Args:
        media: The engine.
        background: Runs the loop of the engine.
        path: The file, checked.
        which: ``"output"``, ``"input"`` or ``"both"``.
        seconds: Its length; None until ``stop()`` or the end of the session.
        every: Whether the source is held back so that no frame is missing.
        fps: Frames/s that the file states.
        sound: Its sound; None for none.
        overwrite: Whether a file at the path is replaced.
        over: Called once with this, on the loop, when it is over.

    Attributes:
        path: The file.
        state: ``"recording"``, ``"saving"``, ``"saved"`` or ``"failed"``.
        error: Why it has failed; else None.
        frames: How many frames were written, once it is over.
        dropped: How many were not, because the encoder was too slow.
    """

    def __init__(
        self,
        media: EngineMedia,
        background: Background,
        path: Path,
        which: Which,
        seconds: float | None,
        *,
        every: bool,
        fps: float,
        sound: Sound | None,
        overwrite: bool,
        over: Callable[[EngineRecording], None],
    ) -> None:
        self.path = path
        self.state = "recording"
        self.error: DecartError | None = None
        self.frames = 0
        self.dropped = 0
        self._media = media
        self._background = background
        self._seconds = seconds
        self._overwrite = overwrite
        self._over = over
        self._number = 0
        self._part = part_of(path)
        self._begun = threading.Event()
        self._began_s: float | None = None
        self._ended_s: float | None = None
        self._done: Operation[Path] = background.start(
            self._run(which, every=every, fps=fps, sound=sound), "record"
        )

    def stop(self) -> Operation[Path]:
        """Ends the recording. May be called twice.

        Returns:
            An operation whose result is the file's path, once the file is complete.
        """
        self._background.call(self.stop_now)
        return self._done

    def stop_now(self) -> None:
        """Ends the recording; on the engine's loop."""
        if self.state == "recording":
            self.state = "saving"
            self._media.recordings.stop(self._number)

    def wait_begun(self) -> None:
        """Waits, from a thread, until every frame that is sent from now on is recorded."""
        self._begun.wait(READY_TIMEOUT_S)

    @property
    def seconds(self) -> float:
        """Seconds recorded so far."""
        if self._began_s is None:
            return 0.0
        return (self._ended_s or time.monotonic()) - self._began_s

    @property
    def bytes(self) -> int:
        """Bytes on the disk so far."""
        for path in (self._part, self.path):
            with contextlib.suppress(OSError):
                return path.stat().st_size
        return 0

    def done(self) -> bool:
        """Whether the file is complete, or the recording has failed."""
        return self._done.done()

    def result(self, timeout: float | None = 60.0) -> Path:
        """Waits for the complete file, from a thread.

        Args:
            timeout: Seconds; None for no limit.

        Returns:
            The file's path.

        Raises:
            MediaError: The recording failed.
        """
        return self._done.result(timeout)

    def __await__(self) -> Generator[Any, None, Path]:
        return self._done.__await__()

    async def __aenter__(self) -> EngineRecording:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    def __repr__(self) -> str:
        return f"<EngineRecording {self.path.name}: {self.state}>"

    async def _run(self, which: Which, *, every: bool, fps: float, sound: Sound | None) -> Path:
        try:
            await self._media.ready(READY_TIMEOUT_S)
            self._number, over = self._media.recordings.start(
                self._part, which, every=every, fps=fps, sound=sound
            )
            self._began_s = time.monotonic()
            self._begun.set()
            if self._seconds is not None:
                asyncio.get_running_loop().call_later(self._seconds, self.stop_now)
            result = await over
            self._ended_s = time.monotonic()
            self.state = "saving"
            self.frames, self.dropped = result.frames, result.dropped
            await asyncio.to_thread(self._finish, result)
        except DecartError as error:
            self.error, self.state = error, "failed"
            raise
        except asyncio.CancelledError:
            self.state = "failed"
            raise
        finally:
            self._begun.set()
            self._over(self)
        self.state = "saved"
        return self.path

    def _finish(self, result: Recorded) -> None:
        if result.problem is not None:
            kept = self._part.is_file() and self._part.stat().st_size > 0
            raise MediaError(
                result.problem,
                remedy=f"What was written so far is in {self._part}." if kept else "",
                code="recording-failed",
            )
        if not result.frames:
            self._part.unlink(missing_ok=True)
            raise MediaError(
                "The recording has no picture: no frame came back.",
                remedy="Start, then record again.",
                code="recording-failed",
            )
        if not self._overwrite and os.path.lexists(self.path):
            raise MediaError(
                f'A file named "{self.path.name}" was made meanwhile, and is not replaced.',
                remedy=f"The recording is in {self._part}.",
                code="recording-failed",
            )
        self._part.replace(self.path)


def part_of(path: Path) -> Path:
    """Returns the file beside a recording's own to which it is written; it doesn't exist."""
    for number in range(1, 1000):
        name = f"{path.stem}.part{'' if number == 1 else number}{path.suffix}"
        if not os.path.lexists(path.with_name(name)):
            break
    return path.with_name(name)
