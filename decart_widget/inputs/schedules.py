"""Prompts that change at given times of a clip, or of a live session."""

from __future__ import annotations

import json
import os
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from decart_widget.errors import InvalidOptionError, InvalidPathError, InvalidPromptError
from decart_widget.inputs.prompts import check_prompt

MAX_BYTES: Final = 1_000_000
"""Size of a schedule's file at most."""

MAX_CHANGES: Final = 1000
"""Changes of a schedule at most: one every 3.6 s for an hour."""

MAX_TIME_S: Final = 1e6
"""Seconds; a later change is a mistake."""

LEAST_GAP_S: Final = 0.1
"""Seconds that a change which is moved keeps from the ones beside it."""

REMEDY: Final = (
    'Give pairs such as [(0, "watercolour"), (2.5, "pencil sketch")], or an object such as '
    '{"0": "watercolour", "2.5": "pencil sketch"}, or a JSON file with it.'
)
"""What to do about a schedule that can't be read."""


@dataclass(frozen=True)
class Change:
    """A prompt and the time from which on it is asked for.

    Attributes:
        at_s: Seconds of the source, from its begin; of a live session, from its first frame.
        prompt: The prompt; None leaves the picture alone.
        enrich: Whether the service may elaborate the prompt from then on; None: as before.
    """

    at_s: float
    prompt: str | None
    enrich: bool | None = None


class Schedule:
    """Prompts by time. ``explore.schedule`` makes one; ``w.session_record`` is one.

    It is given to ``transform(prompts=...)``, to ``w.play(...)`` or to the prompts of a sweep. In a
    notebook it is drawn as a time line whose changes can be moved.

    Args:
        changes: Pairs of seconds and prompt, a mapping of seconds to prompts, the path of a JSON
            file with one, or another schedule.

    Raises:
        InvalidOptionError: It is no schedule.
        InvalidPromptError: A prompt is invalid.
    """

    def __init__(self, changes: Any) -> None:
        self._changes = tuple(check_schedule(changes))
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes, in the order of their times."""
        return self._changes

    def at(self, time_s: float) -> Change | None:
        """Returns the change that holds at a time; None before the first one.

        Args:
            time_s: Seconds from the begin.
        """
        changes = self._changes
        index = bisect_right([change.at_s for change in changes], time_s)
        return changes[index - 1] if index else None

    def move(self, index: int, at_s: float) -> float:
        """Moves a change in time; it stays between the ones beside it.

        Args:
            index: Which one, from 0.
            at_s: Seconds from the begin.

        Returns:
            The seconds to which it was moved.

        Raises:
            InvalidOptionError: There is no such change, or it is no time.
        """
        with self._lock:
            changes = list(self._changes)
            if not 0 <= index < len(changes):
                raise InvalidOptionError(
                    f"The schedule has no change {index}.", remedy=f"It has {len(changes)}, from 0."
                )
            if not 0 <= at_s < MAX_TIME_S:
                raise InvalidOptionError(f"{at_s!r} is no time of a schedule.", remedy=REMEDY)
            low = changes[index - 1].at_s + LEAST_GAP_S if index else 0.0
            last = index + 1 == len(changes)
            high = MAX_TIME_S if last else changes[index + 1].at_s - LEAST_GAP_S
            moved = round(max(low, min(high, at_s)), 3)
            changes[index] = replace(changes[index], at_s=moved)
            self._changes = tuple(changes)
        self._changed()
        return moved

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back after each change, on the thread that makes it.

        Args:
            callback: What to call.

        Returns:
            A function that ends this.
        """
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    def to_dict(self) -> dict[str, Any]:
        """Returns the prompts by second, as plain values for JSON.

        Where ``enrich`` changes too, the value is an object with ``prompt`` and ``enrich``.
        """
        return {_time_text(change.at_s): _value(change) for change in self._changes}

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Returns the schedule as JSON text, and writes it where a path is given.

        Args:
            path: A file, which is replaced; None: none.

        Returns:
            The text, which ``Schedule``, ``transform(prompts=...)`` and ``--prompts`` read.

        Raises:
            InvalidPathError: The file can't be written.
        """
        from decart_widget.files import written_whole

        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=2)
        if path is not None:
            target = Path(path).expanduser()
            try:
                with written_whole(target, overwrite=True) as temporary:
                    temporary.write_text(f"{text}\n", encoding="utf-8")
            except OSError as error:
                raise InvalidPathError(
                    f"The schedule can't be written ({error.strerror}).",
                    remedy="Give a file in a folder that exists and that you may write to.",
                ) from None
        return text

    def run(self, source: Any, output: str | os.PathLike[str] | None = None, **options: Any) -> Any:
        """Sends a clip through the schedule, in one session.

        Args:
            source: A video file's path, or another source that has an end.
            output: The file to write; None for one in the current folder, named after the clip.
            **options: Further arguments of ``transform``, such as ``model`` or ``budget``.

        Returns:
            What was written, and what it cost; a notebook shows it as a time line with pictures of
            what was sent and what came back.

        Raises:
            ConfigurationError: An argument is invalid; nothing is billed.
            DecartError: The session failed.
        """
        # Of a higher layer, and needed by this call only.
        from importlib import import_module

        scheduling = import_module("decart_widget.explore.scheduling")
        return scheduling.run(self, source, output, options)

    def _repr_html_(self) -> str:
        from decart_widget.inputs.schedule_drawing import as_html

        return as_html(self._changes)

    def _changed(self) -> None:
        for listener in list(self._listeners):
            listener()

    def __iter__(self) -> Iterator[Change]:
        return iter(self._changes)

    def __len__(self) -> int:
        return len(self._changes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and self._changes == other._changes

    def __hash__(self) -> int:
        return id(self)  # it can be moved

    def __repr__(self) -> str:
        shown = ", ".join(f"({change.at_s:g}, {change.prompt!r})" for change in self._changes[:4])
        more = ", …" if len(self._changes) > 4 else ""
        return f"Schedule([{shown}{more}])"


def _time_text(at_s: float) -> str:
    """Returns seconds as a key of JSON: ``"3"`` and not ``"3.0"``, and exactly that number."""
    short = f"{at_s:g}"
    return short if float(short) == at_s else repr(at_s)


def _value(change: Change) -> Any:
    if change.enrich is None:
        return change.prompt
    return {"prompt": change.prompt, "enrich": change.enrich}


def check_schedule(value: Any) -> list[Change]:
    """Checks a schedule of prompts.

    Args:
        value: A ``Schedule``, pairs of seconds and prompt, a mapping of seconds to prompts, or the
            path of a JSON file with such a mapping.

    Returns:
        The changes in the order of their times; of several at one time, the last one given.

    Raises:
        InvalidOptionError: It is no schedule.
        InvalidPromptError: A prompt is invalid.
    """
    if isinstance(value, Schedule):
        return list(value.changes)
    by_time = {change.at_s: change for change in map(_change, _pairs(value))}
    if not by_time:
        raise InvalidOptionError("The schedule has no prompt.", remedy=REMEDY)
    if len(by_time) > MAX_CHANGES:
        raise InvalidOptionError(
            f"The schedule has {len(by_time):,} changes.", remedy=f"Give at most {MAX_CHANGES:,}."
        )
    return [by_time[at_s] for at_s in sorted(by_time)]


def _pairs(given: Any) -> list[tuple[Any, Any, Any]]:
    """Returns time, prompt and enrich of each entry, unchecked."""
    if isinstance(given, str | os.PathLike):
        given = _read(given)
    if isinstance(given, Mapping):
        entries: Iterable[Any] = given.items()
    elif isinstance(given, Iterable) and not isinstance(given, bytes):
        entries = given
    else:
        raise InvalidOptionError("This is no schedule.", remedy=REMEDY)
    pairs = []
    for entry in entries:
        if isinstance(entry, Change):
            pairs.append((entry.at_s, entry.prompt, entry.enrich))
            continue
        if not isinstance(entry, tuple | list) or len(entry) not in (2, 3):
            raise InvalidOptionError(
                "An entry of the schedule is no pair of seconds and prompt.", remedy=REMEDY
            )
        time, prompt, *more = entry
        enrich = more[0] if more else None
        if isinstance(prompt, Mapping):
            value: Mapping[Any, Any] = prompt
            prompt, enrich = value.get("prompt"), value.get("enrich")
        pairs.append((time, prompt, enrich))
    return pairs


def _change(entry: tuple[Any, Any, Any]) -> Change:
    time, prompt, enrich = entry
    try:
        at_s = -1.0 if isinstance(time, bool) else float(time)
    except (TypeError, ValueError):
        at_s = -1.0
    if not 0 <= at_s < MAX_TIME_S:
        raise InvalidOptionError(f"{time!r} is no time of a schedule.", remedy=REMEDY)
    if prompt is not None and not isinstance(prompt, str):
        raise InvalidPromptError(f"The prompt at {at_s:g} s is no text.", remedy=REMEDY)
    if enrich is not None and not isinstance(enrich, bool):
        raise InvalidOptionError(
            f"enrich at {at_s:g} s is {enrich!r}.", remedy="Give true, false or nothing."
        )
    return Change(at_s, None if prompt is None else check_prompt(prompt), enrich)


def _read(path: Any) -> Mapping[Any, Any]:
    try:
        with Path(path).expanduser().open("rb") as file:
            value = json.loads(file.read(MAX_BYTES))
    except OSError as error:
        raise InvalidOptionError(
            f"The schedule can't be read ({error.strerror}).", remedy=REMEDY
        ) from None
    except (TypeError, ValueError, RecursionError, RuntimeError):
        raise InvalidOptionError("The schedule is no JSON file.", remedy=REMEDY) from None
    if not isinstance(value, dict):
        raise InvalidOptionError("The schedule is no JSON object.", remedy=REMEDY)
    return value
