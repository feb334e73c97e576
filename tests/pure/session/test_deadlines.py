from __future__ import annotations

import asyncio

import pytest

from decart_widget.session.deadlines import AckDeadline, Budget


def test_an_ack_is_late_when_one_and_the_same_was_awaited_for_long(in_no_time) -> None:
    async def story() -> None:
        late: list[float] = []
        loop = asyncio.get_running_loop()
        deadline = AckDeadline(30, lambda: late.append(loop.time()))
        deadline.watch(1)
        await asyncio.sleep(20)
        deadline.watch(1)
        await asyncio.sleep(9)
        assert late == []
        await asyncio.sleep(2)
        assert late == pytest.approx([30], abs=0.01)

    in_no_time(story())


def test_each_request_has_its_own_time(in_no_time) -> None:
    async def story() -> None:
        late: list[float] = []
        loop = asyncio.get_running_loop()
        deadline = AckDeadline(30, lambda: late.append(loop.time()))
        deadline.watch(1)
        await asyncio.sleep(20)
        deadline.watch(2)
        await asyncio.sleep(20)
        deadline.watch(None)
        await asyncio.sleep(3600)
        assert late == []

    in_no_time(story())


def test_a_deadline_that_passed_can_be_set_again_for_the_same_request(in_no_time) -> None:
    async def story() -> None:
        late: list[int] = []
        deadline = AckDeadline(30, lambda: late.append(1))
        deadline.watch(1)
        await asyncio.sleep(31)
        deadline.watch(1)
        await asyncio.sleep(31)
        assert late == [1, 1]

    in_no_time(story())


def test_a_budget_is_spent_by_the_service_s_ticks(in_no_time) -> None:
    async def story() -> None:
        spent: list[int] = []
        budget = Budget(10, lambda: spent.append(1))
        budget.watch(9.5, True)
        assert spent == []
        budget.watch(10, True)
        assert spent == [1]
        budget.close()

    in_no_time(story())


def test_a_budget_is_spent_by_our_own_clock_when_no_tick_comes(in_no_time) -> None:
    async def story() -> None:
        spent: list[float] = []
        loop = asyncio.get_running_loop()
        budget = Budget(10, lambda: spent.append(loop.time()))
        budget.watch(0, False)
        await asyncio.sleep(100)
        budget.watch(0, True)
        await asyncio.sleep(60)
        assert spent == pytest.approx([110], abs=0.01)

    in_no_time(story())


def test_the_meter_rests_while_nothing_is_generated(in_no_time) -> None:
    async def story() -> None:
        spent: list[int] = []
        budget = Budget(10, lambda: spent.append(1))
        budget.watch(4, True)
        budget.watch(4, False)
        await asyncio.sleep(3600)
        assert spent == []
        budget.watch(4, True)
        budget.close()
        await asyncio.sleep(3600)
        assert spent == []

    in_no_time(story())


def test_what_is_left_never_falls_below_nothing() -> None:
    budget = Budget(10, lambda: None)
    assert [budget.left(billed) for billed in (0, 4, 10, 12)] == [10, 6, 0, 0]
    assert Budget(None, lambda: None).left(1e6) is None


def test_without_a_budget_nothing_is_ever_spent(in_no_time) -> None:
    async def story() -> None:
        spent: list[int] = []
        Budget(None, lambda: spent.append(1)).watch(1e6, True)
        await asyncio.sleep(1e6)
        assert spent == []

    in_no_time(story())


def test_what_remains_follows_the_ticks() -> None:
    async def story() -> None:
        budget = Budget(10, lambda: None)
        assert (budget.remaining, budget.low) == (10, False)
        seen = []
        for billed in (1.0, 2.5, 7.9, 8.0, 9.0):
            budget.watch(billed, True)
            seen.append((budget.remaining, budget.low))
        budget.close()
        expected = [(9, False), (7.5, False), (pytest.approx(2.1), False), (2, True), (1, True)]
        assert seen == expected

    asyncio.run(story())


def test_what_remains_counts_down_once_a_second_when_no_tick_comes(in_no_time) -> None:
    async def story() -> None:
        seen: list[float | None] = []
        budget = Budget(10, lambda: None, lambda: seen.append(budget.remaining))
        budget.watch(3.0, True)
        await asyncio.sleep(4.5)
        assert seen == [6, 5, 4]
        budget.watch(4.0, True)  # late ticks give nothing back
        assert budget.remaining == 4
        budget.watch(7.0, True)
        assert budget.remaining == 3
        budget.close()
        await asyncio.sleep(60)
        assert seen == [6, 5, 4]

    in_no_time(story())


def test_nothing_remains_of_a_budget_that_our_clock_found_spent(in_no_time) -> None:
    async def story() -> None:
        budget = Budget(5, lambda: None)
        budget.watch(0, True)
        await asyncio.sleep(6)
        assert (budget.remaining, budget.low) == (0, True)
        budget.close()

    in_no_time(story())


def test_without_a_budget_nothing_remains_to_be_told() -> None:
    budget = Budget(None, lambda: None)
    budget.watch(100, True)
    assert (budget.remaining, budget.low) == (None, False)
