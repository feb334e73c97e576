"""A clip of a running session, written to disk while it is recorded.

The page records, and sends the recorded data twice a second, one piece for each *credit* that it is
granted. The data is written at once to a ``.part`` file beside the target, so that it is kept if
page, kernel or machine fails. At the end the parts are joined into the target.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decart_widget.capture.containers import SUFFIXES, container_of, join
from decart_widget.capture.parts import Parts, disk_error
from decart_widget.errors import DecartError, InvalidPathError, MediaError, internal_error
from decart_widget.files import written_whole
from decart_widget.inputs.output_path import check_writable
from decart_widget.protocol.rate_limit import RateLimit

if TYPE_CHECKING:
    from decart_widget.capture.taps import Taps, Which
    from decart_widget.session.background import Background, Operation

FLUSH_PATIENCE_S: Final = 10.0
"""Seconds without a piece after which a stopped recording doesn't wait for more of them."""

IN_FLIGHT: Final = 8
"""Outstanding credits; a page sends two to four pieces a second."""

MAX_PIECE_BYTES: Final = 1_000_000
"""Bytes of a piece; a page sends at most 700,000."""

PIECES_PER_SECOND: Final = 6.0
"""Pieces a second in the long run, 4 MB/s: four times what a recorder makes."""

BURST_PIECES: Final = 64
"""Pieces that may arrive at once, for instance after a cell that kept the kernel busy."""

_Data = bytes  # in ``Recording``, ``bytes`` is its property

_SUFFIX: Final = re.compile(r"\.[a-z][a-z0-9]{0,4}", re.IGNORECASE)
"""What is taken for the suffix of a format; the ``.30`` of a time is none."""


def checked_path(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Checks that a clip can be written to a path.

    Args:
        path: The path; ``~`` is replaced. The last suffix selects the format, in capitals or not;
            a name without one gets ``.mp4``.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The absolute path.

    Raises:
        InvalidPathError: It can't.
    """
    try:
        target = Path(path).expanduser().absolute()
        if not _SUFFIX.fullmatch(target.suffix) and target.name:
            target = target.with_name(f"{target.name}.mp4")
        if "\0" in str(target):
            raise ValueError("null byte")
        is_folder, is_there = target.is_dir(), os.path.lexists(target)
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        raise InvalidPathError(
            f"The clip's path can't be used ({type(error).__name__}).",
            remedy='Give a path as text, such as "clip.mp4".',
        ) from None
    if container_of(target) is None:
        raise InvalidPathError(
            f'"{target.name}" has no suffix of a clip.',
            remedy=f"Give a name that ends in {' or '.join(SUFFIXES)}.",
        )
    check_writable(target, is_folder=is_folder, is_there=is_there and not overwrite)
    return target


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
        parts: Where the data is written.
        overwrite: Whether a file that is at the path at the end is replaced.

    Attributes:
        path: The file that is written.
        state: ``"starting"``, ``"recording"``, ``"saving"``, ``"saved"`` or ``"failed"``.
        error: Why it has failed, or why a saved clip ended early; else None.
    """

    def __init__(
        self,
        taps: Taps,
        background: Background,
        path: Path,
        which: Which,
        seconds: float | None,
        on_change: Callable[[Recording], None],
        parts: Parts,
        *,
        overwrite: bool,
    ) -> None:
        self.path = path
        self.state = "starting"
        self.error: DecartError | None = None
        self._on_change = on_change
        self._seconds = 0.0
        self._measured: float | None = None
        """Length in seconds as measured by the page, which is exact."""
        self._taps = taps
        self._background = background
        self._which: Which = which
        self._limit = seconds
        self._parts = parts
        self._overwrite = overwrite
        self._began_at: float | None = None
        self._number: int | None = None
        self._over: asyncio.Event | None = None
        self._credit = 0
        """Outstanding credits; below 0 if the page sent pieces without any."""
        self._rate = RateLimit(burst=BURST_PIECES, per_second=PIECES_PER_SECOND)
        self._granting: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        """Set after a stop: ends the wait for the remaining pieces."""
        self._done: Operation[Path] = background.start(self._run(), "record")

    @property
    def bytes(self) -> int:
        """Bytes written so far."""
        return self._parts.bytes

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
        try:
            return await self._record()
        except DecartError as error:
            self.error = error
            raise
        except asyncio.CancelledError:
            self.error = MediaError(
                "The recording was cancelled.", remedy="Its data is in the .part files."
            )
            raise
        except Exception as unexpected:
            self.error = internal_error(unexpected)
            raise self.error from unexpected
        finally:
            self._cancel_timers()
            if self._number is not None:
                self._taps.close(self._number)
            self._parts.close()
            if self.state not in ("saved", "failed"):
                self._move("failed")

    async def _record(self) -> Path:
        self._over = asyncio.Event()
        try:
            self._number = self._taps.open(
                self, "record", self._which, format=(container_of(self.path) or "")[1:]
            )
            await self._over.wait()
        except DecartError as error:
            self.error = error
        self._cancel_timers()
        written = self._parts.close()
        if self.error is not None and not written:
            raise self.error
        self._move("saving")
        try:
            await asyncio.to_thread(self._save, written)
        except OSError as error:
            raise self._not_saved(error, written) from None
        for part in written:
            part.unlink(missing_ok=True)
        self._move("saved")
        if self.error is not None:
            raise self.error
        return self.path

    def _save(self, parts: list[Path]) -> None:
        with written_whole(self.path, overwrite=self._overwrite) as temporary:
            join(parts, temporary)

    def _not_saved(self, error: OSError, parts: list[Path]) -> DecartError:
        if isinstance(error, FileExistsError):
            return MediaError(
                f'A file named "{self.path.name}" was made meanwhile, and is not replaced.',
                remedy=f"The clip's data is in {parts[0]}, which most players play.",
                code="recording-failed",
            )
        return disk_error(error, parts)

    def _stop(self) -> None:
        if self._number is not None and self._over is not None and not self._over.is_set():
            self._taps.stop(self._number)
            self._note_seconds()
            self._wait_for_pieces()

    def _wait_for_pieces(self) -> None:
        """Ends the recording unless another piece comes in time; called after a stop."""
        assert self._number is not None
        if self._patience is not None:
            self._patience.cancel()
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(FLUSH_PATIENCE_S, self._taps.close, self._number)

    def _note_seconds(self) -> None:
        self._seconds = self.seconds

    def _cancel_timers(self) -> None:
        for timer in (self._patience, self._granting):
            if timer is not None:
                timer.cancel()
        self._patience = self._granting = None

    def _move(self, state: str) -> None:
        self.state = state
        self._on_change(self)

    def began(self, detail: Mapping[str, Any]) -> None:
        """The page has begun to record; after a reconnect, into another part."""
        since = detail.get("since")
        ago = min(max(0.0, since / 1000), 5.0) if isinstance(since, int | float) else 0.0
        try:
            self._parts.begin()
        except DecartError as error:
            self._fail(error)
            return
        self._credit = 0  # credits that were granted before are void
        self._grant()
        if self._began_at is None:
            loop = asyncio.get_running_loop()
            self._began_at = loop.time() - ago
            if self._limit is not None:
                loop.call_later(self._limit - ago, self._stop)
            self._move("recording")

    def _grant(self) -> None:
        """Grants the page the missing credits, at the permitted rate."""
        if self._granting is not None:
            self._granting.cancel()
            self._granting = None
        if self._number is None:
            return
        loop = asyncio.get_running_loop()
        granted = 0
        while self._credit < IN_FLIGHT:
            if not self._rate.allows(loop.time()):
                wait_s = self._rate.wait_s(loop.time())
                self._granting = loop.call_later(wait_s, self._grant)
                break
            self._credit += 1
            granted += 1
        if granted:
            self._taps.credit(self._number, granted)

    def piece(self, data: _Data, detail: Mapping[str, Any], *, last: bool) -> None:
        """Writes the next half second of the clip."""
        if self._over is not None and self._over.is_set():
            return
        seconds = detail.get("seconds")
        if isinstance(seconds, int | float) and 0 <= seconds < 1e6:
            self._measured = float(seconds)
        self._credit -= 1
        try:
            # After `began`, credits that the page had used before are still on their way here.
            if len(data) > MAX_PIECE_BYTES or self._credit < -IN_FLIGHT:
                raise MediaError(
                    "The page sent more data than a recording has.",
                    remedy="Reload the page, then record again.",
                    code="recording-ended",
                )
            self._parts.write(data)
        except DecartError as error:
            self._fail(error)
            return
        self._grant()
        if self._patience is not None:
            self._wait_for_pieces()

    def _fail(self, error: DecartError) -> None:
        self.error = error
        if self._number is not None:
            self._taps.close(self._number, error)

    def over(self, error: DecartError | None) -> None:
        """The tap has ended: the session is over, or the page has sent all data."""
        self._note_seconds()
        if self._measured is not None:
            self._seconds = self._measured
        self.error = self.error or error
        if self._over is not None:
            self._over.set()
