"""A number in the received picture is in the transformed one, too, where that is asked for."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from av import VideoFrame

from decart_widget.inputs.sources import marker
from decart_widget.sandbox.__main__ import _parser
from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.effects.registry import EFFECTS
from decart_widget.sandbox.effects.render import Renderer
from decart_widget.sandbox.server import SandboxServer

WIDTH, HEIGHT = 640, 360


def marked_frame(number: int | None) -> VideoFrame:
    ramp = np.arange(WIDTH * HEIGHT * 3 // 2) % 200 + 20
    picture = ramp.astype(np.uint8).reshape(HEIGHT * 3 // 2, WIDTH)
    if number is not None:
        marker.write(picture, number)
    frame = VideoFrame.from_ndarray(picture, format="yuv420p")
    frame.pts, frame.time_base = 90, Fraction(1, 90_000)
    return frame


def number_in(frame: VideoFrame) -> int | None:
    return marker.read(frame.to_ndarray()[: frame.height])


def state_of(prompt: str | None) -> EffectState:
    state = EffectState()
    state.set(prompt, enrich=False, image=None)
    return state


@pytest.mark.parametrize("effect", [None, *(effect.name for effect in EFFECTS)])
def test_the_number_survives_each_effect(effect: str | None) -> None:
    renderer = Renderer(keeps_marker=True)
    rendered = renderer(marked_frame(54321), state_of(effect))
    assert number_in(rendered) == 54321
    assert rendered.pts == 90
    assert renderer.errors == 0


def test_the_number_survives_a_function_of_the_user() -> None:
    def black(frame: Any, prompt: Any, image: Any) -> Any:
        return frame * 0

    renderer = Renderer(black, keeps_marker=True)
    rendered = renderer(marked_frame(7), state_of("x"))
    renderer.close()
    assert number_in(rendered) == 7
    assert rendered.to_ndarray()[0, 0] == 16  # the function's picture


def test_a_picture_without_a_number_gets_none() -> None:
    renderer = Renderer(keeps_marker=True)
    assert number_in(renderer(marked_frame(None), state_of("invert"))) is None


def test_by_default_nothing_is_read_and_nothing_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marker, "read", lambda luma: pytest.fail("read"))
    assert not Renderer().keeps_marker
    rendered = Renderer()(marked_frame(7), state_of("blur"))
    monkeypatch.undo()
    assert number_in(rendered) is None


def test_the_program_and_the_server_pass_the_wish_on() -> None:
    assert not _parser().parse_args([]).marker
    assert _parser().parse_args(["--marker"]).marker
    assert SandboxServer(marker=True).renderer.keeps_marker
    assert not SandboxServer().renderer.keeps_marker
