"""Scores of made clips whose truth is known."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from decart_widget.errors import InvalidOptionError
from decart_widget.explore.scores import score_all
from tests.pure.explore.made_clips import Clip, each, jumping, moving, negative, textured, times


def scores(frames: Clip, sent: Clip) -> dict[str, float]:
    found, reasons = score_all(frames, sent, times(len(sent)))
    assert reasons == {}
    return found


@pytest.mark.parametrize("step", [0, 3, 8])
def test_a_calm_look_of_a_scene_that_moves_does_not_flicker_and_a_jumping_one_does(step) -> None:
    sent = moving(step)
    calm = scores(each(sent, negative), sent)
    jumps = scores(jumping(sent), sent)
    assert calm["flicker"] <= 0.5
    assert jumps["flicker"] >= max(20 * calm["flicker"], 5.0)
    assert calm["swim"] < 0.5


def test_a_texture_that_stands_on_the_glass_swims_but_does_not_flicker() -> None:
    sent = moving(6)
    grain = textured(640, seed=9) / 2.0
    # The scene gives the light, the grain the lines: as in a halftone or a mosaic.
    found = scores(each(sent, lambda f: grain + cv2.GaussianBlur(f, (0, 0), 20) / 2.0), sent)
    assert found["swim"] > 5
    assert found["flicker"] < 1


def test_a_look_that_comes_in_slowly_does_not_flicker() -> None:
    sent = moving(4, count=10)
    fade = [(frame * (1 - 0.08 * i)).astype(np.uint8) for i, frame in enumerate(sent)]
    assert scores(fade, sent)["flicker"] < 0.5


def test_a_cut_in_the_clip_is_no_flicker() -> None:
    sent = moving(4, count=4) + moving(4, count=4, seed=7)
    assert scores(each(sent, negative), sent)["flicker"] < 0.5


def test_repeated_frames_are_judder_and_no_flicker() -> None:
    sent = moving(6, count=12)
    look = each(sent, negative)
    held = [look[i - i % 3] for i in range(12)]  # two of three are repeated
    found = scores(held, sent)
    assert found["judder"] == pytest.approx(8 / 11)
    assert found["flicker"] < 0.5
    assert scores(look, sent)["judder"] == 0


def test_output_that_stands_still_judders_altogether() -> None:
    sent = moving(6)
    assert scores([sent[0]] * len(sent), sent)["judder"] == 1


def test_a_scene_that_stands_still_tells_nothing_about_judder() -> None:
    sent = moving(0)
    assert "judder" not in scores(sent, sent)


def test_outlines_are_kept_by_a_negative_and_not_by_another_scene() -> None:
    sent = moving(4)
    assert scores(each(sent, negative), sent)["structure"] > 0.98
    assert abs(scores(moving(4, seed=5), sent)["structure"]) < 0.2


def test_change_is_the_distance_of_the_colours() -> None:
    grey = [np.full((90, 160, 3), 119, np.uint8)] * 3
    lighter = [np.full((90, 160, 3), 144, np.uint8)] * 3
    found = scores(lighter, grey)
    assert found["change"] == pytest.approx(9.7, abs=0.3)  # L* 50.03 and 59.7
    assert scores(grey, grey)["change"] == 0


def test_sharpness_is_relative_to_what_was_sent_whatever_the_size() -> None:
    sent = moving(4)
    assert scores(sent, sent)["sharpness"] == pytest.approx(1)
    assert scores(each(sent, lambda f: cv2.GaussianBlur(f, (0, 0), 3)), sent)["sharpness"] < 0.5
    enlarged = each(sent, lambda f: cv2.resize(f, (1280, 720)))
    assert scores(enlarged, sent)["sharpness"] == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("size", [(320, 180), (1280, 704), (704, 360)])
def test_frames_of_another_size_are_brought_to_that_of_what_was_sent(size) -> None:
    sent = moving(4)
    found = scores(each(sent, lambda f: cv2.resize(f, size, interpolation=cv2.INTER_AREA)), sent)
    assert found["flicker"] < 0.5
    assert found["structure"] > 0.6
    assert found["change"] < 5


def test_two_frames_have_no_flicker_and_one_has_no_judder() -> None:
    sent = moving(4)
    assert set(scores(sent[:2], sent[:2])) == {"judder", "structure", "change", "sharpness"}
    assert set(scores(sent[:1], sent[:1])) == {"structure", "change", "sharpness"}
    assert scores([], []) == {}


def test_frames_that_are_far_apart_have_no_flicker() -> None:
    sent = moving(4, count=4)
    found, _ = score_all(jumping(sent), sent, [0.5, 1.0, 1.5, 2.0])
    assert set(found) == {"structure", "change", "sharpness"}


def test_pictures_without_detail_have_defined_scores() -> None:
    sent, black = moving(4), [np.zeros((360, 640, 3), np.uint8)] * 8
    for frames, given in ((black, sent), (sent, black), (black, black)):
        found = scores(frames, given)
        assert all(np.isfinite(value) for value in found.values())
    assert scores(black, black)["structure"] == 1
    assert scores(black, sent)["structure"] == 0
    assert "judder" not in scores(black, sent)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 2000, 3), (700, 20, 3), (33, 17, 3)])
def test_pictures_of_any_shape_are_scored(shape) -> None:
    random = np.random.default_rng(2)
    clip = [random.integers(0, 256, shape, dtype=np.uint8) for _ in range(4)]
    assert all(np.isfinite(value) for value in scores(clip, clip).values())


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        "frame",
    ],
)
def test_what_is_no_frame_is_refused(wrong: Any) -> None:
    right = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(InvalidOptionError, match="frame that is to be scored"):
        score_all([wrong], [right], [0.0])
    with pytest.raises(InvalidOptionError, match="1 frames, 2 sent frames and 1 times"):
        score_all([right], [right, right], [0.0])


def test_a_frame_is_read_once_and_not_kept() -> None:
    class Decoded(list[Any]):
        reads = 0

        def __iter__(self) -> Any:
            for frame in super().__iter__():
                Decoded.reads += 1
                yield frame.copy()

    sent = moving(2, count=6)
    score_all(Decoded(sent), Decoded(sent), times(6))
    assert Decoded.reads == 12
