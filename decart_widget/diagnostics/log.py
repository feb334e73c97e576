"""A widget's log: the events of kernel and pages in one timeline, bounded and without secrets.

Each entry is also passed to Python's ``logging`` (logger ``decart_widget.events``) at the same
level. docs/log.md explains the levels.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from decart_widget.diagnostics.redaction import shorten, trace
from decart_widget.files import written_whole

LEVELS: Final = ("debug", "info", "warning", "error")
"""The levels, from the least to the most severe."""

SIZE: Final = 1000
"""Entries kept; ``PAGE_SIZE`` of them are for pages, so that these can't displace the kernel's."""

PAGE_SIZE: Final = 400
"""Entries kept that come from pages."""

MAX_TEXT: Final = 300
"""Characters kept of a text."""

MAX_DETAILS: Final = 8
"""Details kept of an entry."""

MAX_NAME: Final = 40
"""Characters kept of a detail's name."""

MAX_REASONS: Final = 128
"""Reasons of refusals that are counted separately; further ones are counted together."""

CLOCK_SAMPLES: Final = 16
"""Messages of a page from which its clock is estimated, the newest."""

_events: Final = logging.getLogger("decart_widget.events")
_logs: Final[weakref.WeakSet[Log]] = weakref.WeakSet()
"""Every log of this process."""

_ADDRESS: Final = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\w)|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?![\w:]))"
)
"""What may be a network address; ``ipaddress`` decides whether it is one."""


class PageClock:
    """Estimates the offset between a page's clock and the kernel's.

    The difference between the times at which a message was sent and received is the offset plus the
    time that the message took. The smallest difference of the last messages is the best estimate:
    its error is the time of the fastest message, some milliseconds.
    """

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=CLOCK_SAMPLES)

    def add_sample(self, received: float, sent: float) -> None:
        """Adds a message of the page.

        Args:
            received: When it arrived, on the kernel's clock, in seconds.
            sent: When it was sent, on the page's clock, in seconds.
        """
        self._offsets.append(received - sent)

    @property
    def offset(self) -> float:
        """Seconds to add to the page's time to get the kernel's; 0 without a sample."""
        return min(self._offsets, default=0.0)


class Entry(NamedTuple):
    """One event.

    Args:
        level: ``"error"``, ``"warning"``, ``"info"`` or ``"debug"``.
        where: ``"kernel"`` or ``"page"``.
        what: The event in words.
        details: Numbers and short texts by name.
        stamp: Seconds since 1970 on the clock of ``where``.
        clock: The page's clock, for an event of a page.
    """

    level: str
    where: str
    what: str
    details: Mapping[str, Any]
    stamp: float
    clock: PageClock | None = None

    @property
    def time(self) -> float:
        """Seconds since 1970, on the kernel's clock."""
        return self.stamp + (0.0 if self.clock is None else self.clock.offset)

    def __str__(self) -> str:
        at = datetime.fromtimestamp(self.time, UTC).strftime("%H:%M:%S.%f")[:-3]
        details = "".join(f" {name}={_shown(value)}" for name, value in self.details.items())
        return f"{at} {self.level:<7} {self.where:<6} {self.what}{details}"


class Log:
    """The events of one widget; safe to use from any thread.

    ::

        print(w.log.text())
        w.log.save("report.txt")

    Network addresses of ICE candidates are masked before they are stored. To have them in a report,
    set ``w.log.addresses = True`` and repeat what failed: masked addresses can't be recovered.

    Widgets have it as their ``log``, where ipywidgets expects a ``logging.Logger``; it therefore
    has the methods of a logger that ipywidgets calls.

    Args:
        header: Called for each report; returns names and values for its first lines.

    Attributes:
        addresses: Whether network addresses are stored from now on.
        dropped: How many entries were removed to make room for newer ones.
        refused: How many messages of pages and of the service had no effect, by reason.
    """

    def __init__(self, header: Callable[[], Mapping[str, Any]] = dict) -> None:
        self.addresses = False
        self.dropped = 0
        self.refused: dict[str, int] = {}
        self._header = header
        self._lock = threading.Lock()
        self._rings: dict[str, deque[Entry]] = {
            "kernel": deque(maxlen=SIZE - PAGE_SIZE),
            "page": deque(maxlen=PAGE_SIZE),
        }
        _logs.add(self)

    # --- writing ------------------------------------------------------------------------------

    def add(
        self,
        level: str,
        what: str,
        /,
        *,
        where: str = "kernel",
        stamp: float | None = None,
        clock: PageClock | None = None,
        **details: Any,
    ) -> None:
        """Adds an entry. Its texts are cut, redacted and, unless ``addresses`` is set, masked.

        Args:
            level: One of ``LEVELS``.
            what: The event in words.
            where: ``"kernel"`` or ``"page"``.
            stamp: Seconds since 1970 on the clock of ``where``; None for now.
            clock: The page's clock, for an event of a page.
            **details: Numbers, booleans and short texts; values of other types are left out.
        """
        entry = Entry(
            level,
            where,
            self._clean(what),
            {
                self._clean(name)[:MAX_NAME]: self._clean(value)
                if isinstance(value, str)
                else value
                for name, value in list(details.items())[:MAX_DETAILS]
                if value is None or isinstance(value, str | bool | int | float)
            },
            time.time() if stamp is None else stamp,
            clock,
        )
        ring = self._rings[where]
        with self._lock:
            self.dropped += len(ring) == ring.maxlen
            ring.append(entry)
        if _events.isEnabledFor(number := logging.getLevelNamesMapping()[level.upper()]):
            details_shown = "".join(f" {name}={_shown(v)}" for name, v in entry.details.items())
            _events.log(number, "%s: %s%s", where, entry.what, details_shown)

    # ipywidgets calls these methods of its widgets' `log`; its messages belong into the report.

    def debug(self, what: object, *values: object, **_: object) -> None:
        """Like the method of ``logging.Logger``."""
        self._add_formatted("debug", what, values)

    def info(self, what: object, *values: object, **_: object) -> None:
        """Like the method of ``logging.Logger``."""
        self._add_formatted("info", what, values)

    def warning(self, what: object, *values: object, **_: object) -> None:
        """Like the method of ``logging.Logger``."""
        self._add_formatted("warning", what, values)

    def error(self, what: object, *values: object, **_: object) -> None:
        """Like the method of ``logging.Logger``."""
        self._add_formatted("error", what, values)

    def exception(self, what: object, *values: object, **_: object) -> None:
        """Like the method of ``logging.Logger``; the traceback is redacted."""
        self._add_formatted("error", what, values)
        error = sys.exc_info()[1]
        if error is not None:
            _events.error("%s", trace(error))

    def _add_formatted(self, level: str, what: object, values: tuple[object, ...]) -> None:
        self.add(level, str(what) % values if values else str(what))

    def take(self, message: Mapping[str, Any], clock: PageClock) -> None:
        """Adds the entries of a page's ``log`` message.

        Args:
            message: The message, checked against the table of page messages.
            clock: The page's clock; the message becomes one more sample of it.
        """
        clock.add_sample(time.time(), message["now"] / 1000)
        for at, level, what, details in message["events"]:
            own = {k: v for k, v in details.items() if k not in ("where", "stamp", "clock")}
            self.add(level, what, where="page", stamp=at / 1000, clock=clock, **own)
        if message["dropped"]:
            self.add("warning", "the page dropped entries", where="page", count=message["dropped"])

    def refuse(self, reason: str, *, where: str = "kernel") -> None:
        """Counts a message that had no effect, and logs the 1st, 10th, 100th… of a reason.

        Args:
            reason: Why it had none.
            where: ``"kernel"`` or ``"page"``.
        """
        with self._lock:
            if reason not in self.refused and len(self.refused) >= MAX_REASONS:
                reason = "other reasons"
            count = self.refused[reason] = self.refused.get(reason, 0) + 1
        if str(count).strip("0") == "1":
            self.add("warning", f"refused: {reason}", where=where, so_far=count)

    def crash(self, what: str, error: BaseException) -> None:
        """Adds an entry for an unexpected exception; its traceback goes to ``logging`` only.

        Args:
            what: What failed, in words.
            error: The exception.
        """
        self.add("error", what, error=type(error).__name__)
        _events.error("%s\n%s", what, trace(error))

    # --- reading ------------------------------------------------------------------------------

    @property
    def entries(self) -> list[Entry]:
        """The entries, oldest first by the kernel's clock."""
        with self._lock:
            entries = [entry for ring in self._rings.values() for entry in ring]
        return sorted(entries, key=lambda entry: entry.time)

    def text(self, level: str = "debug") -> str:
        """Returns the log as plain text for a bug report.

        Args:
            level: The lowest level to include, one of ``LEVELS``.

        Returns:
            A header, then one line for each entry.

        Raises:
            ValueError: There is no such level.
        """
        if level not in LEVELS:
            raise ValueError(f"level is {level!r}; choose one of {', '.join(LEVELS)}.")
        wanted = LEVELS[LEVELS.index(level) :]
        entries = self.entries
        with self._lock:
            refused, dropped = dict(self.refused), self.dropped
        header = {
            **self._header(),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "entries": f"{len(entries)}, dropped {dropped}",
        }
        lines = [f"{name}: {self._clean(str(value))}" for name, value in header.items()]
        lines += [f"refused: {count} × {reason}" for reason, count in refused.items()]
        lines.append("")
        lines += [str(entry) for entry in entries if entry.level in wanted]
        return "\n".join(lines) + "\n"

    def save(self, path: str | Path, level: str = "debug") -> Path:
        """Writes ``text()`` to a file, for a bug report.

        Args:
            path: The file; an existing one is replaced, a link as well.
            level: The lowest level to include, one of ``LEVELS``.

        Returns:
            The file's path.

        Raises:
            OSError: The file can't be written.
            ValueError: There is no such level.
        """
        path = Path(path)
        text = self.text(level)
        try:
            with written_whole(path, overwrite=True) as temporary:
                temporary.write_text(text, encoding="utf-8")
        except OSError as error:
            error.add_note("Save the log to a folder that exists, is writable and has free space.")
            raise
        return path

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return sum(map(len, self._rings.values()))

    def __repr__(self) -> str:
        last = self.entries[-1:]
        shown = f"; last: {last[0]}" if last else ""
        return f"<Log: {len(self)} entries, {self.dropped} dropped{shown}>"

    def _clean(self, text: str) -> str:
        text = shorten(text, MAX_TEXT)
        text = text if self.addresses else mask_addresses(text)
        return text.encode("utf-8", "replace").decode().translate(_CONTROL)


_CONTROL: Final = dict.fromkeys((*range(32), 127, 133, 8232, 8233), " ")
"""Line breaks and control characters become spaces: a page must not add lines to a report."""


def mask_addresses(text: str) -> str:
    """Returns the text with ``(address)`` for each network address that isn't a loopback one."""

    def mask(found: re.Match[str]) -> str:
        try:
            address = ipaddress.ip_address(found[0].rstrip("."))
        except ValueError:
            return found[0]
        return found[0] if address.is_loopback or address.is_unspecified else "(address)"

    return _ADDRESS.sub(mask, text)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1e3 else f"{value:.0f}"
    if isinstance(value, str):
        return repr(value) if " " in value or not value else value
    return str(value)


def log_to_all(what: str, error: BaseException) -> None:
    """Adds an entry for an unexpected exception of a shared thread to every widget's log.

    Args:
        what: What failed, in words.
        error: The exception.
    """
    _events.error("%s\n%s", what, trace(error))
    for log in list(_logs):
        log.add("error", what, error=type(error).__name__)
