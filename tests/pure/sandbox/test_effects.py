"""Words of a prompt select an effect, and each effect does what its name says."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from decart_widget.sandbox.effects.picture import I420, NEUTRAL, Plane
from decart_widget.sandbox.effects.registry import EFFECTS, effect_for, normalise

SIZES = [(320, 180), (640, 360), (322, 182), (2, 2), (16, 8), (180, 320)]


def scene(width: int = 320, height: int = 180) -> Plane:
    """A test picture with gradients, flat areas, edges, texture and strong colours."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    rgb = np.empty((height, width, 3), np.float32)
    rgb[..., 0] = 255 * x / width
    rgb[..., 1] = 255 * y / height
    rgb[..., 2] = 128 + 100 * np.sin(x / 9) * np.cos(y / 7)
    cv2.circle(rgb, (width // 3, height // 2), height // 4, (230, 190, 150), -1)
    cv2.rectangle(rgb, (width // 2, height // 4), (width - 8, height // 2), (30, 40, 160), -1)
    return rgb.astype(np.uint8)


def colourfulness(rgb: Plane) -> float:
    return float(np.mean(rgb.max(axis=2).astype(int) - rgb.min(axis=2)))


def painted_rgb(prompt: str, rgb: Plane | None = None, *, enrich: bool = False) -> Plane:
    picture = I420.from_rgb(scene() if rgb is None else rgb)
    return effect_for(prompt, enrich=enrich).paint(picture).rgb()


# --- words ----------------------------------------------------------------------------------------


def test_there_are_effects_and_no_word_selects_two() -> None:
    assert len(EFFECTS) >= 12
    names = [effect.name for effect in EFFECTS]
    exact = [word for effect in EFFECTS for word in effect.exact]
    near = [word for effect in EFFECTS for word in effect.near]
    assert len(set(names)) == len(names)
    assert len(set(exact + near)) == len(exact + near)
    assert all(normalise(word) == word for word in exact + near), (
        "a word that isn't normalised would never match"
    )
    assert all(effect.name in effect.exact for effect in EFFECTS)


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_every_word_selects_its_effect(effect) -> None:
    for word in effect.exact:
        for enrich in (False, True):
            assert effect_for(f"Please, {word.upper()}!", enrich=enrich) is effect
    for phrase in effect.near:
        assert effect_for(f"make it {phrase}", enrich=True) is effect, phrase
        assert effect_for(f"make it {phrase}", enrich=False).name.startswith("derived"), phrase


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("like a charcoal drawing", "charcoal"),
        ("in black and white", "greyscale"),
        ("as if van gogh had painted me", "impressionist"),
        ("what an infrared camera sees", "thermal"),
        ("a 1970s polaroid", "vintage"),
        ("turn me into an anime character", "cartoon"),
        ("watercolor", "watercolour"),
        ("waterclour", "watercolour"),
        ("grayscael", "greyscale"),
        ("night vision goggles", "night vision"),
        ("neon, then sepia", "neon"),
        ("sepia, then neon", "sepia"),
    ],
)
def test_with_enrich_phrases_and_misspelt_words_select_an_effect(prompt: str, name: str) -> None:
    assert effect_for(prompt, enrich=True).name == name


@pytest.mark.parametrize("prompt", ["edgesy", "unblurred", "oily", "sepiatone", "cartoonish", ""])
def test_parts_of_words_select_nothing_without_enrich(prompt: str) -> None:
    assert effect_for(prompt, enrich=False).name.startswith("derived")


# --- pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_every_effect_is_visible_and_keeps_the_size_and_its_source(effect) -> None:
    for size in SIZES:
        picture = I420.from_rgb(scene(*size))
        before = picture.data.copy()
        painted = effect.paint(picture)
        assert painted.data.shape == picture.data.shape
        assert painted.data.dtype == np.uint8
        assert not np.shares_memory(painted.data, picture.data)
        assert np.array_equal(picture.data, before), "other effects use the same source"
    large = I420.from_rgb(scene())
    assert np.mean(cv2.absdiff(effect.paint(large).rgb(), large.rgb())) > 4


def test_effects_differ_from_each_other() -> None:
    pictures = {effect.name: painted_rgb(effect.name) for effect in EFFECTS}
    for (one, a), (other, b) in itertools.combinations(pictures.items(), 2):
        assert np.mean(cv2.absdiff(a, b)) > 3, (one, other)


@pytest.mark.parametrize("name", ["greyscale", "noir", "pencil sketch", "charcoal", "edges"])
def test_monochrome_effects_have_no_colour(name: str) -> None:
    assert colourfulness(scene()) > 60
    assert colourfulness(painted_rgb(name)) < 4


def test_greyscale_keeps_the_luma() -> None:
    picture = I420.from_rgb(scene())
    painted = effect_for("greyscale", enrich=False).paint(picture)
    assert np.array_equal(painted.y, picture.y)


def test_sepia_is_brown() -> None:
    red, green, blue = painted_rgb("sepia").mean(axis=(0, 1))
    assert red > green > blue


def test_invert_twice_gives_the_original() -> None:
    once = painted_rgb("invert")
    assert np.mean(cv2.absdiff(painted_rgb("invert", once), scene())) < 12


def test_pixelate_makes_blocks() -> None:
    painted = effect_for("pixelate", enrich=False).paint(I420.from_rgb(scene(640, 360)))
    assert np.mean(painted.y[:, 1:] != painted.y[:, :-1]) < 0.2


def test_blur_removes_detail() -> None:
    def detail(rgb: Plane) -> float:
        return float(cv2.Laplacian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())

    assert detail(painted_rgb("blur")) < detail(scene()) / 20


def test_posterise_leaves_few_luma_levels() -> None:
    ramp = np.repeat(np.linspace(0, 255, 640, dtype=np.uint8)[None], 360, axis=0)
    painted = effect_for("posterise", enrich=False).paint(I420.from_rgb(np.dstack([ramp] * 3)))
    counts = np.bincount(painted.y.reshape(-1), minlength=256)
    assert np.sort(counts)[-5:].sum() > 0.8 * painted.y.size


def test_edges_draws_lines_at_edges_only() -> None:
    card = np.zeros((180, 320, 3), np.uint8)
    card[:, 160:] = 255
    painted = painted_rgb("edges", card)
    assert painted[:, 150:170].max() > 200
    assert painted[:, :120].max() < 20
    assert painted[:, 200:].max() < 20


def test_thermal_is_blue_in_dark_parts_and_red_in_light_ones() -> None:
    card = np.zeros((180, 320, 3), np.uint8)
    card[:, 160:] = 190
    painted = painted_rgb("thermal", card).astype(int)
    assert painted[90, 40, 2] > painted[90, 40, 0]
    assert painted[90, 280, 0] > painted[90, 280, 2] + 80


# --- other prompts --------------------------------------------------------------------------------

OTHERS = [
    "a robot in space",
    "make me a king",
    "a red dragon",
    "a blue dragon",
    "medieval knight",
    "turn the room into a jungle",
    "add sunglasses",
    "zombie apocalypse",
    "Substitute the character in the video with the person in the reference image.",
    "un château au bord de la mer",
    "宇宙飛行士",
    "",
    "!!!",
]


def test_other_prompts_have_visible_effects_that_differ() -> None:
    seen = {prompt: painted_rgb(prompt) for prompt in OTHERS if normalise(prompt)}
    for prompt, picture in seen.items():
        assert np.mean(cv2.absdiff(picture, scene())) > 6, prompt
    for (one, a), (other, b) in itertools.combinations(seen.items(), 2):
        assert np.mean(cv2.absdiff(a, b)) > 5, (one, other)


def test_a_derived_effect_depends_on_the_words_alone() -> None:
    assert np.array_equal(painted_rgb("A red dragon!"), painted_rgb("a  red DRAGON"))
    code = (
        "from tests.pure.sandbox.test_effects import painted_rgb, OTHERS; import hashlib;"
        "print([hashlib.sha256(painted_rgb(p).tobytes()).hexdigest() for p in OTHERS])"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_colour_words_set_the_hue() -> None:
    grey = np.full((180, 320, 3), 150, np.uint8)
    for word, channel in (("red", 0), ("green", 1), ("blue", 2)):
        mean = painted_rgb(f"a {word} dragon", grey).mean(axis=(0, 1))
        assert int(np.argmax(mean)) == channel, (word, mean)


# --- planes ---------------------------------------------------------------------------------------


def test_planes_are_views_of_one_picture() -> None:
    picture = I420.from_rgb(scene(322, 182))
    assert picture.y.shape == (182, 322)
    assert picture.u.shape == picture.v.shape == (91, 161)
    picture.u[:] = NEUTRAL
    picture.v[:] = NEUTRAL
    assert colourfulness(picture.rgb()) < 2


def test_an_odd_last_row_and_column_are_cut_off() -> None:
    picture = I420.from_rgb(scene(321, 181))
    assert (picture.width, picture.height) == (320, 180)
    with pytest.raises(ValueError, match="even"):
        I420(np.zeros((180, 321), np.uint8))
