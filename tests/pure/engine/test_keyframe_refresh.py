"""When a keyframe is sent because no picture comes back."""

from __future__ import annotations

from itertools import pairwise

import pytest

from decart_widget.engine.keyframe_refresh import KeyframeRefresh


def after_pictures(fps: float, count: int = 60) -> tuple[KeyframeRefresh, float]:
    """Pictures at a rate; the time of the last one."""
    refresh = KeyframeRefresh()
    for number in range(count):
        refresh.received(number / fps)
    return refresh, (count - 1) / fps


def due_times(refresh: KeyframeRefresh, begin_s: float, seconds: float) -> list[float]:
    """The times since ``begin_s`` at which a keyframe is due, looked at 100 times a second."""
    looks = (number / 100 for number in range(int(seconds * 100)))
    return [look for look in looks if refresh.is_due(begin_s + look)]


def test_while_pictures_come_no_keyframe_is_due() -> None:
    refresh = KeyframeRefresh()
    for number in range(200):
        refresh.received(number / 30)
        assert not refresh.is_due(number / 30 + 0.03)


@pytest.mark.parametrize(("fps", "first_s"), [(30, 0.1), (60, 0.1), (10, 0.3), (2, 1.5)])
def test_the_first_is_due_when_three_pictures_are_missing(fps: float, first_s: float) -> None:
    refresh, last_s = after_pictures(fps)
    assert due_times(refresh, last_s, 3)[0] == pytest.approx(first_s, abs=0.011)


def test_they_become_rarer_while_nothing_comes() -> None:
    refresh, last_s = after_pictures(30)
    times = due_times(refresh, last_s, 10)
    assert len(times) == 5
    for before, after in pairwise(times):
        assert 2 * before + 0.3 <= after + 1e-6 < 2 * before + 0.3 + 0.02


def test_a_picture_begins_it_anew() -> None:
    refresh, last_s = after_pictures(30)
    due_times(refresh, last_s, 2)
    for number in range(30):
        refresh.received(last_s + 2 + number / 30)
    first_s = due_times(refresh, last_s + 2 + 29 / 30, 2)[0]
    assert first_s < 0.4


def test_before_pictures_come_none_is_due() -> None:
    refresh = KeyframeRefresh()
    assert due_times(refresh, 0, 5) == []
    refresh.received(5.0)
    assert due_times(refresh, 5.0, 5) == []
