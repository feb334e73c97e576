"""What happened to a widget, in kernel and pages: one time line, bounded, without secrets.

Each entry goes to Python's ``logging`` too (logger ``decart_widget.events``), at the same level.
docs/log.md says what the levels mean.
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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from decart_widget.diagnostics.redaction import redact, trace

LEVELS: Final = ("debug", "info", "warning", "error")

SIZE: Final = 1000
"""Entries kept. At most ``PAGE_SIZE`` are of pages, so that none can crowd the kernel's out."""

PAGE_SIZE: Final = 400
MAX_TEXT: Final = 300
MAX_DETAILS: Final = 8
MAX_REASONS: Final = 128
"""Reasons of refusals counted apart; further ones are counted together."""

_events = logging.getLogger("decart_widget.events")
_logs: weakref.WeakSet[Log] = weakref.WeakSet()
# Whatever might be an address; ``ipaddress`` has the last word.
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\w)|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?![\w:]))"
)


class PageClock:
    """How far a page's clock is from ours.

    Messages need time, so each says "at most this much behind"; the quickest of the last few comes
    nearest. What stays is the time that a message needs at the least: milliseconds.
    """

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=16)

    def heard(self, received: float, sent: float) -> None:
        """A message came at ``received`` (ours, s) that was sent at ``sent`` (the page's, s)."""
        self._offsets.append(received - sent)

    @property
    def offset(self) -> float:
        """Seconds to add to the page's time."""
        return min(self._offsets, default=0.0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    Args:
        level: ``"error"``, ``"warning"``, ``"info"`` or ``"debug"``.
        where: ``"kernel"`` or ``"page"``.
        what: In words.
        details: Numbers and short texts.
        stamp: Seconds since 1970 on the clock of where it happened.
        clock: The page's clock, for what happened there.
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
    """What happened to one widget; safe to use from any thread.

    ::

        print(w.log.text())
        w.log.save("report.txt")

    Addresses of candidates are masked before they are kept. To have them in a report, set
    ``w.log.addresses = True`` and let it happen again: what was masked can't be had back.

    Args:
        header: Gives what a report begins with.
    """

    def __init__(self, header: Callable[[], Mapping[str, Any]] = dict) -> None:
        self.addresses = False
        """Whether network addresses are kept from now on."""
        self.dropped = 0
        """Entries that made room for newer ones."""
        self.refused: dict[str, int] = {}
        """How many messages of pages and of the service changed nothing, by reason."""
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
        """Adds an entry; whatever is given is cut to size, redacted and, unless asked, masked."""
        entry = Entry(
            level,
            where,
            self._clean(what),
            {
                self._clean(name)[:40]: self._clean(value) if isinstance(value, str) else value
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

    # ipywidgets calls its widgets' `log` as a logger: what it says is part of the story.

    def debug(self, what: object, *values: object, **_: object) -> None:
        """As a logger has it."""
        self._say("debug", what, values)

    def info(self, what: object, *values: object, **_: object) -> None:
        """As a logger has it."""
        self._say("info", what, values)

    def warning(self, what: object, *values: object, **_: object) -> None:
        """As a logger has it."""
        self._say("warning", what, values)

    def error(self, what: object, *values: object, **_: object) -> None:
        """As a logger has it."""
        self._say("error", what, values)

    def exception(self, what: object, *values: object, **_: object) -> None:
        """As a logger has it: the error that is being handled goes along, redacted."""
        self._say("error", what, values)
        error = sys.exc_info()[1]
        if error is not None:
            _events.error("%s", trace(error))

    def _say(self, level: str, what: object, values: tuple[object, ...]) -> None:
        self.add(level, str(what) % values if values else str(what))

    def take(self, message: Mapping[str, Any], clock: PageClock) -> None:
        """Takes a page's message of the type ``log``, checked by ``road``."""
        clock.heard(time.time(), message["now"] / 1000)
        for at, level, what, details in message["events"]:
            own = {k: v for k, v in details.items() if k not in ("where", "stamp", "clock")}
            self.add(level, what, where="page", stamp=at / 1000, clock=clock, **own)
        if message["dropped"]:
            self.add("warning", "the page dropped entries", where="page", count=message["dropped"])

    def refuse(self, reason: str, *, where: str = "kernel") -> None:
        """Counts a message that changed nothing; logged the 1st, 10th, 100th… time."""
        with self._lock:
            if reason not in self.refused and len(self.refused) >= MAX_REASONS:
                reason = "other reasons"
            count = self.refused[reason] = self.refused.get(reason, 0) + 1
        if str(count).strip("0") == "1":
            self.add("warning", f"refused: {reason}", where=where, so_far=count)

    def crash(self, what: str, error: BaseException) -> None:
        """Something of ours failed: the error's kind here, its traceback in ``logging``."""
        self.add("error", what, error=type(error).__name__)
        _events.error("%s\n%s", what, trace(error))

    # --- reading ------------------------------------------------------------------------------

    @property
    def entries(self) -> list[Entry]:
        """What is kept, oldest first, on the kernel's clock."""
        with self._lock:
            entries = [entry for ring in self._rings.values() for entry in ring]
        return sorted(entries, key=lambda entry: entry.time)

    def text(self, level: str = "debug") -> str:
        """Everything of this level and above as plain text, ready for a bug report."""
        if level not in LEVELS:
            raise ValueError(f"level is {level!r}; choose one of {', '.join(LEVELS)}.")
        wanted = LEVELS[LEVELS.index(level) :]
        entries = self.entries
        header = {
            **self._header(),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "entries": f"{len(entries)}, dropped {self.dropped}",
        }
        lines = [f"{name}: {self._clean(str(value))}" for name, value in header.items()]
        lines += [f"refused: {count} × {reason}" for reason, count in self.refused.items()]
        lines.append("")
        lines += [str(entry) for entry in entries if entry.level in wanted]
        return "\n".join(lines) + "\n"

    def save(self, path: str | Path, level: str = "debug") -> Path:
        """Writes ``text()`` to a file, to be attached to a bug report; returns where."""
        path = Path(path)
        path.write_text(self.text(level), encoding="utf-8")
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
        # Cut, redacted, cut again: a gigantic text must not cost gigantic time, and none is cut
        # within a secret that would then be known no more.
        text = redact(text[: 4 * MAX_TEXT])[:MAX_TEXT]
        text = text if self.addresses else mask_addresses(text)
        return text.encode("utf-8", "replace").decode().translate(_CONTROL)


_CONTROL: Final = dict.fromkeys((*range(32), 127, 133, 8232, 8233), " ")
"""A page must not be able to write lines of its own into a report."""


def mask_addresses(text: str) -> str:
    """The text with network addresses other than this machine's own replaced by ``(address)``."""

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


def everywhere(what: str, error: BaseException) -> None:
    """A thread or loop of ours failed: every widget's log says so."""
    _events.error("%s\n%s", what, trace(error))
    for log in list(_logs):
        log.add("error", what, error=type(error).__name__)
