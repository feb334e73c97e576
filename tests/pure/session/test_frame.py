"""A frame is an array wherever one is taken, and says what it was made from."""

from __future__ import annotations

import math
import time

import cv2
import numpy as np
import pytest

from decart_widget.engine.received import ReceivedFrame
from decart_widget.session.frame import Frame


def frame(**changes: object) -> Frame:
    rgb = np.zeros((16, 32, 3), np.uint8)
    rgb[:, 16:] = (200, 40, 60)
    now = time.monotonic_ns()
    values: dict[str, object] = {
        "picture": np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420), np.uint8),
        "index": 7,
        "source_time": 0.25,
        "captured_ns": now - 50_000_000,
        "received_ns": now,
        "exact": True,
        "generation": 0,
        "attempt": 1,
    }
    return ReceivedFrame(**{**values, **changes}).as_frame()  # type: ignore[arg-type]


def test_the_picture_is_rgb() -> None:
    made = frame()
    assert made.shape == (16, 32, 3) == made.array.shape
    assert np.abs(made.array[8, 24].astype(int) - (200, 40, 60)).max() < 8
    assert made.array[8, 4].max() < 8
    assert made.array is made.image is made.array


def test_numpy_pillow_and_dlpack_take_a_frame() -> None:
    made = frame()
    assert np.asarray(made).shape == (16, 32, 3)
    assert np.asarray(made, dtype=np.float32).dtype == np.float32
    assert np.array(made, copy=True) is not made.array
    assert made.to_image().size == (32, 16)
    assert np.from_dlpack(made).shape == (16, 32, 3)


def test_a_copy_that_is_needed_and_forbidden_is_refused() -> None:
    with pytest.raises(ValueError, match="copied"):
        frame().__array__(np.float32, copy=False)


def test_identity_and_times_are_those_of_the_frame_that_was_sent() -> None:
    made = frame()
    assert (made.index, made.source_time, made.exact, made.attempt) == (7, 0.25, True, 1)
    assert made.latency == pytest.approx(0.05)
    assert made.capture_time is not None
    assert made.time - made.capture_time == pytest.approx(0.05, abs=1e-4)
    assert repr(made) == "<Frame 7: 32x16>"


def test_an_unknown_identity_is_none_and_an_estimate_says_so() -> None:
    made = frame(index=-1, source_time=math.nan, captured_ns=0, exact=False)
    assert (made.index, made.source_time, made.capture_time, made.latency) == (None,) * 4
    assert repr(made) == "<Frame ? (estimated): 32x16>"


def test_a_frame_is_a_pair_of_picture_and_time() -> None:
    made = frame()
    image, when = made
    assert image is made.array
    assert when == made.time


def test_a_decoded_picture_is_a_frame_as_well() -> None:
    picture = np.full((16, 32, 3), 9, np.uint8)
    made = Frame(picture, 12.5, is_rgb=True)
    assert made.array is picture
    assert (made.width, made.height, made.time) == (32, 16, 12.5)
    assert (made.index, made.latency, made.exact) == (None, None, False)
