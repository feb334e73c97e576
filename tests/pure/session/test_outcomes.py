"""The futures of requests: completed once, with the outcome or the error."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from decart_widget.errors import ConnectionLostError
from decart_widget.session.outcomes import Outcomes


async def test_a_future_is_completed_with_the_outcome_of_its_request() -> None:
    outcomes = Outcomes()
    before = asyncio.get_running_loop().time()
    first, second = outcomes.add(1), outcomes.add(2)
    added_at = outcomes.settle(2, "applied")
    assert await second == "applied"
    assert not first.done()
    assert len(outcomes) == 1
    assert added_at is not None
    assert before <= added_at <= asyncio.get_running_loop().time()


async def test_every_open_future_raises_the_error_of_the_session() -> None:
    outcomes = Outcomes()
    future = outcomes.add(1)
    outcomes.settle_all(ConnectionLostError("It broke."))
    assert len(outcomes) == 0
    with pytest.raises(ConnectionLostError):
        await future


async def test_an_error_that_nobody_awaits_is_not_reported_by_asyncio() -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, report: reports.append(report))
    outcomes = Outcomes()
    outcomes.add(1)
    outcomes.settle_all(ConnectionLostError("It broke."))
    await asyncio.sleep(0)  # lets the done callbacks run
    gc.collect()
    assert reports == []


async def test_a_future_that_its_caller_cancelled_is_not_completed() -> None:
    outcomes = Outcomes()
    future = outcomes.add(1)
    future.cancel()
    assert outcomes.settle(1, "superseded") is not None
    assert future.cancelled()


async def test_an_unknown_request_settles_nothing() -> None:
    assert Outcomes().settle(7, "applied") is None
