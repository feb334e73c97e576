from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
import pytest

from decart_widget.errors import SourceError
from decart_widget.inputs.sources import marker
from decart_widget.inputs.sources.opening import open_reader
from decart_widget.inputs.sources.pattern import KINDS, TestPattern
from decart_widget.inputs.sources.reader import Target

SMALL: Final = Target(320, 180, 30)


def frames_of(pattern: TestPattern, target: Target = SMALL) -> list[Any]:
    reader = open_reader(pattern.describe(), target)
    frames = []
    while (frame := reader.read()) is not None:
        frames.append(frame)
    return frames


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mirror", [False, True])
def test_each_frame_carries_its_index_and_differs_from_the_one_before(
    kind: str, mirror: bool
) -> None:
    frames = frames_of(TestPattern(kind, duration=0.5), Target(320, 180, 30, mirror=mirror))
    assert [frame.index for frame in frames] == list(range(15))
    assert [marker.read(frame.picture[:180]) for frame in frames] == list(range(15))
    assert frames[3].source_time == pytest.approx(0.1)
    outside = [frame.picture[:180].copy() for frame in frames]
    for picture in outside:
        picture[60:120, 130:190] = 0  # the marker
    assert all((a != b).any() for a, b in pairwise(outside))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", ["landscape", "portrait", "auto"])
def test_a_picture_has_the_target_s_size(kind: str, orientation: str) -> None:
    (frame,) = frames_of(TestPattern(kind, duration=0.01), Target(320, 180, 30, orientation))
    height, width = (320, 180) if orientation == "portrait" else (180, 320)
    assert frame.picture.shape == (height * 3 // 2, width)
    assert frame.picture.dtype == np.uint8
    assert frame.picture.flags.c_contiguous


def test_it_gives_no_more_frames_than_the_target_takes() -> None:
    reader = open_reader(TestPattern(fps=60, duration=2).describe(), Target(64, 64, 30))
    assert reader.fps == 30
    assert reader.frame_count == 60
    reader = open_reader(TestPattern(fps=10).describe(), Target(64, 64, 30))
    assert (reader.fps, reader.frame_count, reader.duration_s) == (10, None, None)


def test_a_picture_too_small_for_a_marker_has_none() -> None:
    assert len(frames_of(TestPattern(duration=0.2), Target(32, 16, 30))) == 6


def test_a_closed_reader_has_ended() -> None:
    reader = open_reader(TestPattern().describe(), Target(64, 64, 30))
    reader.close()
    reader.close()
    assert reader.read() is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "snow"}, "no test pattern 'snow'"),
        ({"fps": 0}, "fps is 0"),
        ({"fps": float("nan")}, "fps is nan"),
        ({"fps": 1e9}, "fps is 1000000000"),
        ({"fps": True}, "fps is True"),
        ({"fps": "30"}, "fps is '30'"),
        ({"duration": 0}, "duration is 0"),
        ({"duration": float("inf")}, "duration is inf"),
    ],
)
def test_wrong_arguments_are_refused_with_a_remedy(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        TestPattern(**arguments)
    assert caught.value.remedy


def test_a_description_of_another_kind_is_refused() -> None:
    with pytest.raises(SourceError, match="'frames'"):
        open_reader({"kind": "frames"}, Target(64, 64, 30))
