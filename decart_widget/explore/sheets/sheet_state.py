"""What a sheet knows of its cells while they run; any thread may read and change it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from decart_widget.errors import DecartError
from decart_widget.explore.interface import Listener, State
from decart_widget.explore.records import CellResult

logger = logging.getLogger(__name__)

LEAST_ELAPSED_S: Final = 2.0
"""Seconds of a run from which on it says how fast it is; before, the plan does."""


class SheetState:
    """State, results and progress of a sheet.

    Args:
        results: What the folder holds, by the cells' keys.
    """

    def __init__(self, results: Mapping[str, CellResult]) -> None:
        self._lock = threading.Lock()
        self._results = dict(results)
        self._running: dict[str, tuple[float, str]] = {}
        self._listeners: list[Listener] = []
        self._state: State = "planned"
        self._error: dict[str, str] = {}
        self._billed: dict[str, float] = {}
        self._cost: float | None = None
        self._planned: frozenset[str] = frozenset()
        self._wall_s = 0.0
        self._began = self._ended = 0.0

    @property
    def state(self) -> State:
        """What the sheet is doing."""
        return self._state

    @property
    def error(self) -> dict[str, str]:
        """Code, message and remedy of what ended the run; empty without an error."""
        return dict(self._error)

    @property
    def results(self) -> Mapping[str, CellResult]:
        """A copy of the results by the cells' keys."""
        with self._lock:
            return MappingProxyType(dict(self._results))

    @property
    def running(self) -> Mapping[str, tuple[float, str]]:
        """Share (0 to 1) and phase of the cells that run now, by key."""
        with self._lock:
            return dict(self._running)

    @property
    def billed_s(self) -> float:
        """Seconds that this run was billed so far."""
        with self._lock:
            return sum(self._billed.values())

    @property
    def billed(self) -> dict[str, float]:
        """The same by model."""
        with self._lock:
            return dict(self._billed)

    @property
    def cost(self) -> float | None:
        """US dollars of this run so far; None where no price is known."""
        return self._cost

    @property
    def planned(self) -> frozenset[str]:
        """Keys of the cells of this run."""
        return self._planned

    @property
    def took_s(self) -> float | None:
        """Seconds that the last run took; None before its end."""
        return self._ended - self._began if self._ended else None

    @property
    def left_s(self) -> float | None:
        """Seconds that the run still takes, estimated; None when nothing runs."""
        with self._lock:
            if self._state != "running" or not self._planned:
                return None
            ended = sum(key in self._results for key in self._planned)
            share = ended + sum(share for share, _ in self._running.values())
            share = min(1.0, share / len(self._planned))
            elapsed = time.monotonic() - self._began
            if elapsed < LEAST_ELAPSED_S or share < 0.02:
                return max(0.0, self._wall_s * (1 - share))
            return elapsed * (1 - share) / share

    def begin(self, keys: Iterable[str], wall_s: float) -> None:
        """Begins a run.

        Args:
            keys: Of the cells that will run; what is known of them is forgotten.
            wall_s: Seconds that it will take, as planned.
        """
        with self._lock:
            self._planned = frozenset(keys)
            for key in self._planned:
                self._results.pop(key, None)
            self._state, self._error = "running", {}
            self._billed, self._cost = {}, 0.0
            self._wall_s, self._began, self._ended = wall_s, time.monotonic(), 0.0
        self._tell(self._planned)

    def progress(self, key: str, share: float, phase: str) -> None:
        """Notes how much of a cell is done.

        Args:
            key: The cell's.
            share: 0 to 1.
            phase: What it is doing.
        """
        with self._lock:
            self._running[key] = (min(1.0, max(0.0, share)), phase)
        self._tell((key,))

    def spent(self, model: str, billed_s: float, cost: float | None) -> None:
        """Notes what the sessions of a model have cost so far.

        Args:
            model: The model's name.
            billed_s: Seconds.
            cost: US dollars of all models; None where no price is known.
        """
        with self._lock:
            self._billed[model] = billed_s
            self._cost = cost
        self._tell(())

    def ended(self, result: CellResult) -> None:
        """Notes a result.

        Args:
            result: The result.
        """
        with self._lock:
            self._results[result.key] = result
            self._running.pop(result.key, None)
        self._tell((result.key,))

    def forget(self, keys: Iterable[str]) -> None:
        """Forgets results, so that these cells are run again.

        Args:
            keys: Of the cells.
        """
        gone = frozenset(keys)
        with self._lock:
            for key in gone:
                self._results.pop(key, None)
        self._tell(gone)

    def touch(self, keys: Iterable[str]) -> None:
        """Tells the listeners of a change that isn't kept here.

        Args:
            keys: Of the cells.
        """
        self._tell(keys)

    def end(self, state: State, error: DecartError | None = None) -> None:
        """Ends a run.

        Args:
            state: How it ended.
            error: Why, if by an error.
        """
        with self._lock:
            changed = frozenset(self._running)
            self._running.clear()
            self._state = state
            self._error = {} if error is None else error.as_trait()
            self._ended = time.monotonic() if self._began else 0.0
        self._tell(changed)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls back after each change, on the thread that makes it, which must not be blocked.

        Args:
            listener: What to call.

        Returns:
            A function that ends this; may be called twice.
        """
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end

    def _tell(self, keys: Iterable[str]) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(frozenset(keys))
            except Exception as error:
                # A view that fails must not end a run that is paid for.
                logger.warning("A listener of a sheet failed (%s).", type(error).__name__)
