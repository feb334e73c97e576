"""Fixtures of the pure tests, which open no socket, wait for no timer and have no key."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from decart_widget import DecartWidget

# No deadline for one example, because the machine may be busy.
settings.register_profile("pure", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pure")


@pytest.fixture(autouse=True)
def _no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DECART_API_KEY", raising=False)


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    # Generated keys may be ordinary words, which the texts of later tests would then lack.
    from decart_widget.diagnostics import redaction

    known = {kind: redaction._Known(limit) for kind, limit in redaction.LIMITS.items()}
    monkeypatch.setattr(redaction, "_known", known)


@pytest.fixture
def own_prices() -> Iterator[None]:
    """Restores the list prices after a test that changes them."""
    from decart_widget.prices import PRICES

    before = dict(PRICES)
    yield
    PRICES.clear()
    PRICES.update(before)


class _Skipping(selectors.DefaultSelector):
    """Advances the clock to the next timer instead of waiting for it."""

    now = 0.0
    turns = 0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(timeout if timeout is None else 0)
        # The clock also advances a little while callbacks run, so that a short timer ends.
        self.now += 1e-6 if ready or not timeout else timeout
        self.turns += 1
        if self.turns > 200_000:
            raise RuntimeError("The loop runs without end, and no timer is due.")
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop with a simulated clock, which jumps to the next timer."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now


@pytest.fixture
def on_simulated_clock() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on a ``SkippingLoop``: ``asyncio.sleep(20)`` returns at once."""

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=SkippingLoop) as runner:
            return runner.run(work)

    return run


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., DecartWidget]]:
    """Makes widgets that record their messages in ``widget_helpers.sent``; closes them later."""
    import comm
    from ipywidgets.widgets.widget import _instances

    from decart_widget import DecartWidget
    from tests.pure import widget_helpers as widgets

    def make(**arguments: Any) -> DecartWidget:
        return DecartWidget(**{"endpoint": widgets.SERVER, "api_key": widgets.KEY, **arguments})

    monkeypatch.setattr(comm, "create_comm", lambda **options: widgets.RecordingComm(**options))
    widgets.sent.clear()
    yield make
    for widget in list(_instances.values()):
        if isinstance(widget, DecartWidget):
            widget.close()
    widgets.settle()
