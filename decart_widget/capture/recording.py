"""A clip of a running session, written to disk while it is recorded.

The page records, and sends the recorded data twice a second. It is written at once to a ``.part``
file beside the target, so that it is kept if page, kernel or machine fails. At the end the parts
are joined into the target.
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
    from decart_widget.capture.taps import Taps, Which
    from decart_widget.session.background import Background, Operation

FLUSH_PATIENCE_S: Final = 10.0
"""Seconds after a stop in which the page may send the remaining data."""


def checked_path(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Checks that a clip can be written to a path.

    Returns:
        The absolute path.

    Raises:
        InvalidPathError: It can't.
    """
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

    Args:
        taps: The taps of the session.
        background: Runs the loop that the taps belong to.
        path: The file, as returned by ``checked_path``.
        which: The transformed picture, or the one that is sent.
        seconds: Its length; None until ``stop()`` or the end of the session.
        on_change: Called on the background loop after each change of ``state``.

    Attributes:
        path: The file that is written.
        state: ``"starting"``, ``"recording"``, ``"saving"``, ``"saved"`` or ``"failed"``.
        bytes: Bytes written so far.
    """

    def __init__(
        self,
        taps: Taps,
        background: Background,
        path: Path,
        which: Which,
        seconds: float | None,
        on_change: Callable[[Recording], None],
    ) -> None:
        self.path = path
        self.state = "starting"
        self.bytes = 0
        self._on_change = on_change
        self._seconds = 0.0
        self._measured: float | None = None
        """Length in seconds as measured by the page, which is exact."""
        self._taps = taps
        self._background = background
        self._which: Which = which
        self._limit = seconds
        self._parts: list[Path] = []
        self._file: IO[bytes] | None = None
        self._began_at: float | None = None
        self._number: int | None = None
        self._error: DecartError | None = None
        self._over: asyncio.Event | None = None
        # Opened here, so that the caller gets the error of a folder that can't be written to.
        self._open_part()
        self._done: Operation[Path] = background.start(self._run(), "record")

    @property
    def seconds(self) -> float:
        """Seconds recorded so far."""
        running = self.state == "recording" and (self._over is None or not self._over.is_set())
        if running and self._began_at is not None:
            return self._background.loop.time() - self._began_at
        return self._seconds

    def stop(self) -> Operation[Path]:
        """Ends the recording. May be called twice.

        Returns:
            An operation whose result is the file's path, once the file is complete.
        """
        self._background.call(self._stop)
        return self._done

    def done(self) -> bool:
        """Whether the file is complete, or the recording has failed."""
        return self._done.done()

    def result(self, timeout: float | None = 60.0) -> Path:
        """Waits for the complete file, from a thread; see ``Operation.result``.

        Args:
            timeout: Seconds.

        Returns:
            The file's path.
        """
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
            self._number = self._taps.open(
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
            self._taps.stop(self._number)
            self._note_seconds()
            loop = asyncio.get_running_loop()
            loop.call_later(FLUSH_PATIENCE_S, self._taps.close, self._number)

    def _note_seconds(self) -> None:
        self._seconds = self.seconds

    def _open_part(self) -> None:
        """Creates the next part, under a name that no earlier recording has used."""
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
        self._on_change(self)

    def began(self, detail: Mapping[str, Any]) -> None:
        """The page has begun to record; after a reconnect, into another part."""
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
        """Writes the next half second of the clip."""
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
            self._taps.close(self._number, error)

    def over(self, error: DecartError | None) -> None:
        """The tap has ended: the session is over, or the page has sent all data."""
        self._note_seconds()
        if self._measured is not None:
            self._seconds = self._measured
        self._error = self._error or error
        if self._over is not None:
            self._over.set()


def _disk(error: OSError, parts: list[Path]) -> MediaError:
    kept = f" The data so far is in {parts[0]}." if parts else ""
    return MediaError(
        f"The recording can't be written ({error.strerror or type(error).__name__}).",
        remedy=f"Free disk space, or record to another disk.{kept}",
        code="recording-failed",
    )
