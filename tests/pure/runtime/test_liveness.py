from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from decart_widget.page.sender import BEAT_EVERY_S
from decart_widget.runtime import liveness
from decart_widget.runtime.kernel_link import BusyProbe, KernelLink
from decart_widget.runtime.liveness import CHECK_EVERY_S, Liveness

Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Target:
    """Needs ``checks`` checks, and records the calls."""

    def __init__(self, checks: int) -> None:
        self.left = checks
        self.calls: list[Any] = []

    def liveness_due(self) -> bool:
        return self.left > 0

    def check_liveness(self, *, beat: bool) -> None:
        self.left -= 1
        self.calls.append(beat)

    def suspended(self, seconds: float) -> None:
        self.calls.append(("suspended", seconds))

    def liveness_ended(self) -> None:
        self.calls.append("ended")


def check(target: Target, seconds: float) -> Coroutine[Any, Any, None]:
    async def scenario() -> None:
        checks = Liveness(target)
        checks.start()
        checks.start()  # has no effect: the checks run already
        await asyncio.sleep(seconds)
        checks.close()

    return scenario()


def test_there_is_a_check_every_second_and_a_heartbeat_with_every_fifth(
    on_simulated_clock: Run,
) -> None:
    target = Target(11)
    on_simulated_clock(check(target, 60))
    assert target.calls == [n % (BEAT_EVERY_S / CHECK_EVERY_S) == 0 for n in range(11)] + ["ended"]


def test_close_ends_the_checks(on_simulated_clock: Run) -> None:
    target = Target(100)
    on_simulated_clock(check(target, 2.5 * CHECK_EVERY_S))
    assert len(target.calls) == 3
    assert "ended" not in target.calls


def test_a_suspend_is_reported_before_the_check_that_follows_it(
    on_simulated_clock: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watch:
        def __init__(self, _every: float) -> None:
            self.found = iter([0.0, 30.0, 0.0])

        def suspended_s(self) -> float:
            return next(self.found)

    monkeypatch.setattr(liveness, "SuspendDetector", Watch)
    target = Target(3)
    on_simulated_clock(check(target, 60))
    assert target.calls == [True, ("suspended", 30.0), False, False, "ended"]


async def test_a_loop_is_busy_when_it_has_not_run_since_the_last_probe() -> None:
    probe = BusyProbe(asyncio.get_running_loop())
    assert probe.busy() is False
    assert probe.busy() is True, "the loop has not run since the last probe"
    await asyncio.sleep(0)
    assert probe.busy() is False


def test_a_closed_loop_is_not_busy() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    assert BusyProbe(loop).busy() is False


async def test_page_messages_that_arrive_on_another_thread_are_never_blocked() -> None:
    link = KernelLink(asyncio.get_running_loop())
    assert link.may_block
    assert [link.page_messages_blocked(), link.page_messages_blocked()] == [False, True]
    await asyncio.to_thread(link.message_arrived)
    assert not link.may_block
    assert not link.page_messages_blocked()
    link.message_arrived()
    assert link.may_block


def test_without_a_kernel_nothing_blocks() -> None:
    link = KernelLink(None)
    assert not link.may_block
    assert not link.page_messages_blocked()
