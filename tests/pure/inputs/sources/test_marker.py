from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.inputs.sources import marker
from decart_widget.inputs.sources.pattern import PatternReader, TestPattern
from decart_widget.inputs.sources.reader import Target
from tests.pure.inputs.sources.clips import through_codec

SIZES = [(1280, 720), (1280, 704), (640, 360), (320, 180), (720, 1280), (64, 64), (98, 130)]


def written(width: int, height: int, number: int, *, grey: int = 90) -> Any:
    """The luma of a grey picture with a number in it."""
    picture = np.full((height * 3 // 2, width), grey, np.uint8)
    marker.write(picture, number)
    return picture[:height]


@given(st.sampled_from(SIZES), st.integers(0, marker.LARGEST))
def test_a_number_is_read_as_it_was_written(size: tuple[int, int], number: int) -> None:
    assert marker.read(written(*size, number)) == number


@given(st.sampled_from(SIZES), st.integers(0, marker.LARGEST))
def test_it_is_read_inverted_mirrored_turned_and_paler(size: tuple[int, int], number: int) -> None:
    luma = written(*size, number)
    pale = (luma.astype(np.float32) * 0.4 + 100).astype(np.uint8)
    for changed in (255 - luma, luma[:, ::-1], luma[::-1], luma[::-1, ::-1], pale, 255 - pale):
        assert marker.read(changed) == number


@given(st.integers(0, marker.LARGEST))
def test_it_is_read_after_crops_and_scaling(number: int) -> None:
    wide, tall = written(1280, 720, number), written(720, 1280, number)
    to_portrait = cv2.resize(wide[:, 437:842], (720, 1280), interpolation=cv2.INTER_LINEAR)
    to_landscape = cv2.resize(tall[437:842], (1280, 720), interpolation=cv2.INTER_LINEAR)
    from_4_to_3 = cv2.resize(written(640, 480, number)[60:420], (1280, 720))
    quarter = cv2.resize(wide, (320, 180), interpolation=cv2.INTER_AREA)
    assert [marker.read(a) for a in (to_portrait, to_landscape, from_4_to_3, quarter)] == [
        number
    ] * 4


@pytest.mark.parametrize("codec", ["libx264", "libvpx"])
@pytest.mark.parametrize("kind", ["bars", "texture"])
def test_every_number_survives_a_codec_at_half_a_megabit(codec: str, kind: str) -> None:
    reader = PatternReader(TestPattern(kind).describe(), Target(1280, 720, 30))
    pictures: list[Any] = []
    for index in range(10):
        frame = reader.read()
        assert frame is not None
        marker.write(frame.picture, index * 100_003 % marker.LARGEST)
        pictures.append(frame.picture)
    received = [marker.read(luma) for luma in through_codec(pictures, codec, 500_000)]
    assert received == [index * 100_003 % marker.LARGEST for index in range(10)]


@given(st.integers(0, 2**32 - 1), st.integers(1, 64))
def test_a_picture_without_a_marker_has_no_number(seed: int, cell: int) -> None:
    random = np.random.default_rng(seed)
    noise = random.integers(0, 256, (90 // cell + 1, 160 // cell + 1), np.uint8)
    luma = cv2.resize(noise, (160, 90), interpolation=cv2.INTER_NEAREST)
    assert marker.read(luma) is None


@pytest.mark.parametrize("level", [0, 16, 128, 255])
def test_a_plain_picture_has_no_number(level: int) -> None:
    assert marker.read(np.full((720, 1280), level, np.uint8)) is None


def test_the_picture_around_the_marker_stays() -> None:
    picture = np.full((1080, 1280), 90, np.uint8)
    marker.write(picture, 5)
    changed = picture[:720] != 90
    rows, columns = np.nonzero(changed)
    assert rows.min() >= 250
    assert rows.max() < 470
    assert columns.min() >= 530
    assert columns.max() < 750


@pytest.mark.parametrize("number", [-1, marker.LARGEST + 1])
def test_a_number_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="holds 0 to"):
        written(640, 360, number)


def test_a_picture_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="62x62"):
        written(62, 62, 1)
