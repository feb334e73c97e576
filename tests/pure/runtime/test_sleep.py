from __future__ import annotations

import pytest

from decart_widget.runtime.sleep import SuspendDetector
from decart_widget.session.clock import clock


class Machine:
    """A ``SuspendDetector`` whose clocks the test sets, after its first check."""

    def __init__(self) -> None:
        self.real = self.steady = self.used = 100.0
        self.detector = SuspendDetector(1.0)
        self.detector.clock = lambda: self.real
        self.detector.steady = lambda: self.steady
        self.detector.used = lambda: self.used
        assert self.detector.suspended_s() == 0

    def after(self, real: float, steady: float, used: float = 0.0) -> float:
        self.real += real
        self.steady += steady
        self.used += used
        return self.detector.suspended_s()


def test_a_suspended_machine_stops_the_steady_clock() -> None:
    assert Machine().after(real=61.0, steady=1.0) == pytest.approx(60)


def test_a_suspend_is_measured_apart_from_the_cpu_time_before_and_after_it() -> None:
    assert Machine().after(real=70.0, steady=10.0, used=20.0) == pytest.approx(60)


def test_a_stopped_process_counts_as_suspended() -> None:
    assert Machine().after(real=31.0, steady=31.0, used=0.02) == pytest.approx(30)


def test_a_process_that_uses_cpu_time_is_not_suspended() -> None:
    machine = Machine()
    assert machine.after(real=40.0, steady=40.0, used=38.0) == 0
    assert machine.after(real=25.0, steady=25.0, used=3.0) == 0  # mostly waits for a processor


def test_a_check_that_is_a_little_late_is_no_suspend() -> None:
    machine = Machine()
    assert [machine.after(real=late, steady=late) for late in (1.0, 1.4, 3.9, 0.2)] == [0, 0, 0, 0]


def test_a_suspend_is_reported_once() -> None:
    machine = Machine()
    assert machine.after(real=31.0, steady=31.0) > 0
    assert machine.after(real=1.0, steady=1.0) == 0


def test_the_clock_never_goes_back() -> None:
    assert clock() <= clock()
