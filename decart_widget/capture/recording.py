"""A clip of a running session, written while it runs.

The page records and sends what it has twice a second; it lands in a ``.part`` file beside the
target at once, so that whatever breaks (page, kernel, machine) leaves what came so far. When it
ends, the parts become the file that was asked for.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from decart_widget.capture.containers import SUFFIXES, join
from decart_widget.errors import DecartError, InvalidPathError, MediaError

if TYPE_CHECKING:
    from decart_widget.capture.taps import Which
    from decart_widget.runtime.background import Background, Operation
    from decart_widget.runtime.controller import WidgetController

FLUSH_PATIENCE: Final = 10.0
"""Seconds for the page to send what it still has, after a stop."""


def checked_path(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """The path, if a clip can be written there. Raises ``InvalidPathError``."""
    target = Path(path).expanduser()
    if target.suffix.lower() not in SUFFIXES:
        raise InvalidPathError(
            f'"{target.name}" has no suffix of a clip.',
            remedy=f"Give a name that ends in {' or '.join(SUFFIXES)}.",
        )
    if target.is_dir():
        raise InvalidPathError(f'"{target}" is a folder.', remedy="Give a file's name in it.")
    if not target.parent.is_dir():
        raise InvalidPathError(
            f'There is no folder "{target.parent}".',
            remedy=f"Make it first; the notebook runs in {Path.cwd()}.",
        )
    if target.exists() and not overwrite:
        raise InvalidPathError(
            f'"{target}" exists.', remedy="Give another name, or overwrite=True."
        )
    if not os.access(target.parent, os.W_OK):
        raise InvalidPathError(
            f'"{target.parent}" can\'t be written to.', remedy="Record into another folder."
        )
    return target.absolute()


class Recording:
    """A clip that is being recorded.

    Await it for the file's path, or use it with ``async with``; ``stop()`` ends it.

    Attributes:
        path: Of the file that it becomes.
        state: ``"starting"``, ``"recording"``, ``"saving"``, ``"saved"`` or ``"failed"``.
        seconds: Recorded so far.
        bytes: Written so far.
    """

    def __init__(
        self,
        live: WidgetController,
        background: Background,
        path: Path,
        which: Which,
        seconds: float | None,
    ) -> None:
        self.path = path
        self.state = "starting"
        self.bytes = 0
        self.on_change: Callable[[Recording], None] = lambda _recording: None
        self._seconds = 0.0
        self._measured: float | None = None
        """Seconds by the page, which knows when it began and ended."""
        self._controller = live
        self._background = background
        self._which: Which = which
        self._limit = seconds
        self._parts: list[Path] = []
        self._file: IO[bytes] | None = None
        self._began_at: float | None = None
        self._number: int | None = None
        self._error: DecartError | None = None
        self._over: asyncio.Event | None = None
        self._open_part()  # here, where the caller hears of a folder that can't be written to
        self._done: Operation[Path] = background.start(self._run(), "record")

    @property
    def seconds(self) -> float:
        """Recorded so far."""
        running = self.state == "recording" and (self._over is None or not self._over.is_set())
        if running and self._began_at is not None:
            return self._background.loop.time() - self._began_at
        return self._seconds

    def stop(self) -> Operation[Path]:
        """Ends it; the result is the file's path, once that is complete. May be called twice."""
        self._background.call(self._stop)
        return self._done

    def done(self) -> bool:
        """Whether the file is complete, or the recording has failed."""
        return self._done.done()

    def result(self, timeout: float | None = 60.0) -> Path:
        """Waits for the file, from a thread; see ``Operation.result``."""
        return self._done.result(timeout)

    def __await__(self) -> Generator[Any, None, Path]:
        return self._done.__await__()

    async def __aenter__(self) -> Recording:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    def __repr__(self) -> str:
        return (
            f"<Recording {self.path.name}: {self.state}, {self.seconds:.1f} s, "
            f"{self.bytes / 1e6:.1f} MB>"
        )

    # --- on the background loop ---------------------------------------------------------------

    async def _run(self) -> Path:
        self._over = asyncio.Event()
        try:
            self._number = self._controller.tap(
                self, "record", self._which, format=self.path.suffix.lower()[1:]
            )
            await self._over.wait()
        except DecartError as error:
            self._error = error
        self._close_part()
        written = [part for part in self._parts if part.stat().st_size]
        for part in set(self._parts) - set(written):
            part.unlink()
        if self._error is not None and not written:
            self._move("failed")
            raise self._error
        self._move("saving")
        unfinished = self.path.with_name(self.path.name + ".unfinished")
        try:
            await asyncio.to_thread(join, written, unfinished)
            unfinished.replace(self.path)
        except (DecartError, OSError) as error:
            unfinished.unlink(missing_ok=True)
            self._move("failed")
            raise error if isinstance(error, DecartError) else _disk(error, written) from None
        for part in written:
            part.unlink(missing_ok=True)
        self._move("saved")
        if self._error is not None:
            raise self._error
        return self.path

    def _stop(self) -> None:
        if self._number is not None and self._over is not None and not self._over.is_set():
            self._controller.taps.stop(self._number)
            self._note_seconds()
            loop = asyncio.get_running_loop()
            loop.call_later(FLUSH_PATIENCE, self._controller.taps.close, self._number)

    def _note_seconds(self) -> None:
        self._seconds = self.seconds

    def _open_part(self) -> None:
        """A new part, under a name that no earlier recording has left."""
        self._close_part()
        number = 1
        while True:
            part = self.path.with_name(f"{self.path.name}.part{number}")
            try:
                self._file = part.open("xb", buffering=0)
            except FileExistsError:
                number += 1
                continue
            except OSError as error:
                raise InvalidPathError(
                    f'"{self.path.parent}" can\'t be written to ({error.strerror}).',
                    remedy="Record into another folder.",
                ) from None
            self._parts.append(part)
            return

    def _close_part(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _move(self, state: str) -> None:
        self.state = state
        self.on_change(self)

    def began(self, detail: Mapping[str, Any]) -> None:
        """The page records; what was before a reconnect stays in a part of its own."""
        since = detail.get("since")
        ago = min(max(0.0, since / 1000), 5.0) if isinstance(since, int | float) else 0.0
        try:
            if self.bytes:
                self._open_part()
        except InvalidPathError as error:
            self._fail(error)
            return
        if self._began_at is None:
            loop = asyncio.get_running_loop()
            self._began_at = loop.time() - ago
            if self._limit is not None:
                loop.call_later(self._limit - ago, self._stop)
            self._move("recording")

    def piece(self, data: bytes, detail: Mapping[str, Any], *, last: bool) -> None:
        """Half a second more."""
        if self._file is None:
            return
        seconds = detail.get("seconds")
        if isinstance(seconds, int | float) and 0 <= seconds < 1e6:
            self._measured = float(seconds)
        try:
            self._file.write(data)
        except OSError as error:
            self._fail(_disk(error, self._parts))
            return
        self.bytes += len(data)

    def _fail(self, error: DecartError) -> None:
        self._error = error
        if self._number is not None:
            self._controller.taps.close(self._number, error)

    def over(self, error: DecartError | None) -> None:
        """Nothing more will come: the session ended, or the page has sent all."""
        self._note_seconds()
        if self._measured is not None:
            self._seconds = self._measured
        self._error = self._error or error
        if self._over is not None:
            self._over.set()


def _disk(error: OSError, parts: list[Path]) -> MediaError:
    kept = f" What came so far is in {parts[0]}." if parts else ""
    return MediaError(
        f"The recording can't be written ({error.strerror or type(error).__name__}).",
        remedy=f"Make room, or record to another disk.{kept}",
        code="recording-failed",
    )
