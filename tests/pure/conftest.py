"""Fixtures of the pure tests: no socket, no waiting, no key."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from decart_widget import DecartWidget

# No deadline for one example: the tests check results, on machines that may be busy.
settings.register_profile("pure", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pure")


@pytest.fixture(autouse=True)
def _no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DECART_API_KEY", raising=False)


class _Skipping(selectors.DefaultSelector):
    """Moves the clock on to the next timer instead of waiting for it."""

    now = 0.0
    turns = 0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(timeout if timeout is None else 0)
        # The clock moves a little while callbacks run, too, so that a short timer ends.
        self.now += 1e-6 if ready or not timeout else timeout
        self.turns += 1
        if self.turns > 200_000:
            raise RuntimeError("The loop spins.")
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer, so that no timer is waited for."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now


@pytest.fixture
def in_no_time() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on a loop whose clock jumps: ``asyncio.sleep(20)`` returns at once."""

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=SkippingLoop) as runner:
            return runner.run(work)

    return run


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., DecartWidget]]:
    """Makes widgets whose messages land in ``widgets.sent``; closes them all in the end."""
    import comm
    from ipywidgets.widgets.widget import _instances

    from decart_widget import DecartWidget
    from tests.pure import widget_helpers as widgets

    def make(**arguments: Any) -> DecartWidget:
        return DecartWidget(**{"endpoint": widgets.SERVER, "api_key": widgets.KEY, **arguments})

    monkeypatch.setattr(comm, "create_comm", lambda **given: widgets.NotedComm(**given))
    widgets.sent.clear()
    yield make
    for widget in list(_instances.values()):
        if isinstance(widget, DecartWidget):
            widget.close()
    widgets.settle()
