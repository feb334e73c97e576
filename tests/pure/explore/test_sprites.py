"""Sprites: the moments of a cell in one picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from decart_widget.errors import InvalidOptionError
from decart_widget.explore import sprites


def plain(level: int, width: int = 640, height: int = 360) -> np.ndarray:
    return np.full((height, width, 3), (level, 20, 200), np.uint8)


def size(data: bytes) -> tuple[int, int]:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture.shape[1], picture.shape[0]


def test_moments_stand_side_by_side_in_their_order() -> None:
    data = sprites.sprite([plain(level) for level in (0, 80, 160, 240)])
    assert size(data) == (4 * 320, 180)
    for index, level in enumerate((0, 80, 160, 240)):
        picture = sprites.moment(data, index, 4)
        assert np.abs(picture.mean(axis=(0, 1)) - (level, 20, 200)).max() < 4


def test_a_long_clip_gives_moments_that_stand_evenly_apart_with_both_ends() -> None:
    assert sprites.spread(5) == (0, 1, 2, 3, 4)
    chosen = sprites.spread(75)
    assert (chosen[0], chosen[-1], len(chosen)) == (0, 74, sprites.MOMENTS)
    steps = np.diff(chosen)
    assert steps.max() - steps.min() <= 1
    assert sprites.spread(9, 1) == (4,)


def test_upright_and_small_pictures_keep_their_shape_and_are_not_enlarged() -> None:
    assert sprites.moment_size(360, 640) == (180, 320)
    assert sprites.moment_size(64, 48) == (64, 48)
    assert size(sprites.sprite([plain(9, 360, 640)] * 2)) == (2 * 180, 320)


def test_no_sprite_is_wider_than_browsers_draw() -> None:
    data = sprites.sprite([plain(9)] * 60, area=sprites.LARGE_AREA, limit=60)
    assert size(data)[0] <= sprites.MAX_WIDTH


@pytest.mark.parametrize(("data", "index"), [(b"none", 0), (b"", 0), (None, 2)])
def test_bytes_that_are_no_sprite_with_that_moment_are_refused(
    data: bytes | None, index: int
) -> None:
    with pytest.raises(InvalidOptionError, match="no sprite"):
        sprites.moment(sprites.sprite([plain(1)] * 2) if data is None else data, index, 2)
    with pytest.raises(InvalidOptionError, match="needs a frame"):
        sprites.sprite([])
