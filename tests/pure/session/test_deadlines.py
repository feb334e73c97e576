from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.session.deadlines import AckDeadline, Budget, PausableTimeout

# --- a timeout that can pause -----------------------------------------------------------------


def test_a_timeout_expires_after_its_limit() -> None:
    timeout = PausableTimeout(15, now=100)
    assert timeout.remaining(110) == 5
    assert timeout.remaining(115) == 0
    assert timeout.remaining(116) < 0


def test_paused_time_does_not_count() -> None:
    timeout = PausableTimeout(15, now=0)
    timeout.pause(5, True)
    assert timeout.paused
    assert timeout.remaining(3600) == 10
    timeout.pause(3600, False)
    assert timeout.remaining(3604) == 6


def test_pausing_twice_has_the_effect_of_pausing_once() -> None:
    timeout = PausableTimeout(10, now=0)
    timeout.pause(1, True)
    timeout.pause(2, True)
    timeout.pause(9, False)
    timeout.pause(9, False)
    assert timeout.remaining(10) == 8


def test_a_clock_that_steps_back_adds_no_time() -> None:
    timeout = PausableTimeout(10, now=50)
    assert timeout.remaining(40) == 10
    assert timeout.remaining(45) == 5


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=30))
def test_only_time_that_is_not_paused_counts(periods: list[tuple[float, bool]]) -> None:
    now, counted = 0.0, 0.0
    timeout = PausableTimeout(1000, now)
    for length, paused in periods:
        timeout.pause(now, paused)
        now += length
        counted += 0 if paused else length
    assert timeout.remaining(now) == pytest.approx(1000 - counted)


# --- the deadline of an ack -------------------------------------------------------------------


def test_an_ack_is_late_when_its_request_has_waited_for_the_whole_limit(on_simulated_clock) -> None:
    async def scenario() -> None:
        late: list[float] = []
        loop = asyncio.get_running_loop()
        deadline = AckDeadline(30, lambda: late.append(loop.time()))
        deadline.update(1)
        await asyncio.sleep(20)
        deadline.update(1)
        await asyncio.sleep(9)
        assert late == []
        await asyncio.sleep(2)
        assert late == pytest.approx([30], abs=0.01)

    on_simulated_clock(scenario())


def test_each_request_has_its_own_deadline(on_simulated_clock) -> None:
    async def scenario() -> None:
        late: list[float] = []
        loop = asyncio.get_running_loop()
        deadline = AckDeadline(30, lambda: late.append(loop.time()))
        deadline.update(1)
        await asyncio.sleep(20)
        deadline.update(2)
        await asyncio.sleep(20)
        deadline.update(None)
        await asyncio.sleep(3600)
        assert late == []

    on_simulated_clock(scenario())


def test_a_deadline_that_passed_can_be_set_again_for_the_same_request(on_simulated_clock) -> None:
    async def scenario() -> None:
        late: list[int] = []
        deadline = AckDeadline(30, lambda: late.append(1))
        deadline.update(1)
        await asyncio.sleep(31)
        deadline.update(1)
        await asyncio.sleep(31)
        assert late == [1, 1]

    on_simulated_clock(scenario())


# --- the budget -------------------------------------------------------------------------------


def test_a_budget_is_spent_by_the_service_s_ticks(on_simulated_clock) -> None:
    async def scenario() -> None:
        spent: list[int] = []
        budget = Budget(10, lambda: spent.append(1))
        budget.update(9.5, True)
        assert spent == []
        budget.update(10, True)
        assert spent == [1]
        budget.close()

    on_simulated_clock(scenario())


def test_a_budget_is_spent_by_our_own_clock_when_no_tick_comes(on_simulated_clock) -> None:
    async def scenario() -> None:
        spent: list[float] = []
        loop = asyncio.get_running_loop()
        budget = Budget(10, lambda: spent.append(loop.time()))
        budget.update(0, False)
        await asyncio.sleep(100)
        budget.update(0, True)
        await asyncio.sleep(60)
        assert spent == pytest.approx([110], abs=0.01)

    on_simulated_clock(scenario())


def test_no_budget_is_spent_while_nothing_is_generated(on_simulated_clock) -> None:
    async def scenario() -> None:
        spent: list[int] = []
        budget = Budget(10, lambda: spent.append(1))
        budget.update(4, True)
        budget.update(4, False)
        await asyncio.sleep(3600)
        assert spent == []
        budget.update(4, True)
        budget.close()
        await asyncio.sleep(3600)
        assert spent == []

    on_simulated_clock(scenario())


def test_the_seconds_left_are_never_negative() -> None:
    budget = Budget(10, lambda: None)
    assert [budget.left(billed) for billed in (0, 4, 10, 12)] == [10, 6, 0, 0]
    assert Budget(None, lambda: None).left(1e6) is None


def test_without_a_budget_nothing_is_ever_spent(on_simulated_clock) -> None:
    async def scenario() -> None:
        spent: list[int] = []
        Budget(None, lambda: spent.append(1)).update(1e6, True)
        await asyncio.sleep(1e6)
        assert spent == []

    on_simulated_clock(scenario())


def test_remaining_follows_the_ticks() -> None:
    async def scenario() -> None:
        budget = Budget(10, lambda: None)
        assert (budget.remaining, budget.low) == (10, False)
        seen = []
        for billed in (1.0, 2.5, 7.9, 8.0, 9.0):
            budget.update(billed, True)
            seen.append((budget.remaining, budget.low))
        budget.close()
        expected = [(9, False), (7.5, False), (pytest.approx(2.1), False), (2, True), (1, True)]
        assert seen == expected

    asyncio.run(scenario())


def test_remaining_counts_down_once_a_second_when_no_tick_comes(on_simulated_clock) -> None:
    async def scenario() -> None:
        seen: list[float | None] = []
        budget = Budget(10, lambda: None, lambda: seen.append(budget.remaining))
        budget.update(3.0, True)
        await asyncio.sleep(4.5)
        assert seen == [6, 5, 4]
        budget.update(4.0, True)  # a late tick does not raise `remaining`
        assert budget.remaining == 4
        budget.update(7.0, True)
        assert budget.remaining == 3
        budget.close()
        await asyncio.sleep(60)
        assert seen == [6, 5, 4]

    on_simulated_clock(scenario())


def test_remaining_is_zero_when_our_own_clock_has_spent_the_budget(on_simulated_clock) -> None:
    async def scenario() -> None:
        budget = Budget(5, lambda: None)
        budget.update(0, True)
        await asyncio.sleep(6)
        assert (budget.remaining, budget.low) == (0, True)
        budget.close()

    on_simulated_clock(scenario())


def test_without_a_budget_remaining_is_none() -> None:
    budget = Budget(None, lambda: None)
    budget.update(100, True)
    assert (budget.remaining, budget.low) == (None, False)
