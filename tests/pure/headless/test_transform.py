"""What is known of a clip before it is sent."""

from __future__ import annotations

import pytest

from decart_widget.headless.transform import measured
from decart_widget.inputs.sources.pattern import TestPattern


@pytest.mark.parametrize(("fps", "frames"), [(None, 120), (60, 120), (15, 60)])
def test_frames_that_are_not_sent_are_not_counted(fps: float | None, frames: int) -> None:
    assert measured(TestPattern("bars", fps=fps, duration=4), 30.0) == (4.0, frames)
