from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from decart_widget.runtime.trait_updates import BURST, GATHER_S, PER_SECOND, Coalescer
from tests.pure.conftest import SkippingLoop


class Publications:
    """Records what is published, and when."""

    def __init__(self) -> None:
        self.entries: list[tuple[float, dict[str, Any]]] = []

    def __call__(self, values: dict[str, Any]) -> None:
        self.entries.append((asyncio.get_running_loop().time(), values))

    @property
    def values(self) -> list[dict[str, Any]]:
        return [values for _, values in self.entries]

    @property
    def newest(self) -> dict[str, Any]:
        newest: dict[str, Any] = {}
        for values in self.values:
            newest.update(values)
        return newest


def test_a_change_after_a_quiet_time_is_published_at_once(on_simulated_clock) -> None:
    async def scenario() -> None:
        log = Publications()
        Coalescer(log).update({"a": 1, "b": 2})
        assert log.values == [{"a": 1, "b": 2}]

    on_simulated_clock(scenario())


def test_unchanged_values_are_not_published(on_simulated_clock) -> None:
    async def scenario() -> None:
        log = Publications()
        coalescer = Coalescer(log, {"state": "idle", "error": {}})
        coalescer.update({"state": "idle", "error": {}, "tick": 0.0})
        coalescer.update({"tick": 0.0})
        assert log.values == [{"tick": 0.0}]

    on_simulated_clock(scenario())


def test_a_flood_is_sent_ten_times_a_second_with_the_newest_values(on_simulated_clock) -> None:
    async def scenario() -> None:
        log = Publications()
        coalescer = Coalescer(log)
        for tick in range(1000):  # for 10 s
            coalescer.update({"tick": tick})
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        assert BURST + 95 <= len(log.entries) <= BURST + 101
        assert log.newest == {"tick": 999}
        pauses = [b - a for a, b in pairwise(when for when, _ in log.entries)]
        assert min(pauses) >= 0.99 * GATHER_S
        spent = BURST / (1 / GATHER_S - PER_SECOND)  # seconds until the burst is used up
        later = [b - a for (a, _), (b, _) in pairwise(log.entries) if a > spent + 1]
        assert min(later) >= 0.99 / PER_SECOND

    on_simulated_clock(scenario())


def test_changes_that_follow_within_50_ms_are_published_together(on_simulated_clock) -> None:
    async def scenario() -> None:
        log = Publications()
        coalescer = Coalescer(log)
        for number in range(3):
            coalescer.update({"a": number})
        coalescer.update({"a": "newest"})
        coalescer.update({"b": 1})
        assert log.values == [{"a": 0}]
        await asyncio.sleep(GATHER_S)
        assert log.values == [{"a": 0}, {"a": "newest", "b": 1}]

    on_simulated_clock(scenario())


def test_changes_that_are_not_urgent_are_published_with_those_that_follow(
    on_simulated_clock,
) -> None:
    async def scenario() -> None:
        log = Publications()
        coalescer = Coalescer(log)
        coalescer.update({"a": 1}, urgent=False)
        assert log.values == []
        await asyncio.sleep(GATHER_S / 2)
        coalescer.update({"b": 2})
        await asyncio.sleep(GATHER_S)
        assert log.values == [{"a": 1, "b": 2}]

    on_simulated_clock(scenario())


def test_a_value_that_changes_back_while_it_waits_is_not_published(on_simulated_clock) -> None:
    async def scenario() -> None:
        log = Publications()
        coalescer = Coalescer(log)
        coalescer.update({"a": 1})
        coalescer.update({"a": "other"})
        coalescer.update({"a": 1})
        await asyncio.sleep(1)
        assert len(log.entries) == 1
        coalescer.update({"a": "later"})
        assert log.values[-1] == {"a": "later"}

    on_simulated_clock(scenario())


def test_flush_publishes_waiting_values(on_simulated_clock) -> None:
    async def scenario() -> None:
        log = Publications()
        coalescer = Coalescer(log)
        coalescer.update({"a": 1})
        coalescer.update({"a": 2})
        coalescer.flush()
        assert log.newest == {"a": 2}
        coalescer.flush()
        await asyncio.sleep(1)
        assert len(log.entries) == 2

    on_simulated_clock(scenario())


changes = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), max_size=3)


@given(st.lists(st.tuples(changes, st.sampled_from([0, 0.01, 0.3])), max_size=40))
def test_every_trait_finally_has_its_newest_value(
    scenario: list[tuple[dict[str, int], float]],
) -> None:
    async def run() -> None:
        log = Publications()
        coalescer = Coalescer(log, {"a": 0, "b": 0, "c": 0})
        expected: dict[str, Any] = {"a": 0, "b": 0, "c": 0}
        for values, pause in scenario:
            coalescer.update(values)
            expected |= values
            await asyncio.sleep(pause)
        await asyncio.sleep(1)
        assert {"a": 0, "b": 0, "c": 0} | log.newest == expected
        assert all(log.values)

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(run())
