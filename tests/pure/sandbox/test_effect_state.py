"""How a look follows the prompt: at once, or over the time of the fault ``inertia_s``."""

from __future__ import annotations

import numpy as np
import pytest

from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.effects.picture import I420

DARK, LIGHT = 60, 196


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> EffectState:
    made = EffectState(clock)
    made.inertia_s = 2.0
    return made


def prompt(state: EffectState, text: str | None) -> None:
    state.set(text, enrich=False, image=None)


def level(state: EffectState) -> float:
    """Brightness of a dark picture's transformed copy."""
    picture = I420.from_rgb(np.full((36, 64, 3), DARK, np.uint8))
    painted = picture if state.is_passthrough else state.paint(picture)
    return float(painted.rgb().mean())


def test_the_first_look_is_there_at_once(state: EffectState) -> None:
    prompt(state, "invert")
    assert level(state) == pytest.approx(LIGHT, abs=4)


def test_a_later_look_comes_in_over_the_inertia(state: EffectState, clock: Clock) -> None:
    state.is_seen = True
    prompt(state, "invert")
    shown = []
    for clock.now in (0.0, 0.5, 1.0, 1.5, 2.0):
        shown.append(level(state))
    quarter = (LIGHT - DARK) / 4
    assert shown == pytest.approx([DARK + at * quarter for at in range(5)], abs=5)


def test_a_look_goes_as_slowly_when_the_prompt_is_taken_away(
    state: EffectState, clock: Clock
) -> None:
    prompt(state, "invert")
    state.is_seen = True
    prompt(state, None)
    assert level(state) == pytest.approx(LIGHT, abs=4)
    clock.now = 1.0
    assert level(state) == pytest.approx((LIGHT + DARK) / 2, abs=4)
    clock.now = 2.0
    assert level(state) == pytest.approx(DARK, abs=4)
    assert state.is_passthrough, "so that frames aren't decoded for nothing"


def test_a_change_within_a_change_begins_with_the_look_that_weighs_more(
    state: EffectState, clock: Clock
) -> None:
    prompt(state, "invert")
    state.is_seen = True
    prompt(state, None)
    clock.now = 0.4
    prompt(state, "greyscale")
    assert level(state) == pytest.approx(LIGHT, abs=4)


def test_without_inertia_a_look_changes_at_once(clock: Clock) -> None:
    state = EffectState(clock)
    state.is_seen = True
    prompt(state, "invert")
    assert level(state) == pytest.approx(LIGHT, abs=4)
