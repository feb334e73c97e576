"""The picture gets the brightness and colours of a reference image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.effects.palette import Palette
from decart_widget.sandbox.effects.picture import I420, Plane
from tests.pure.sandbox.test_effects import colourfulness, scene


def two_tone(dark: tuple[int, int, int], light: tuple[int, int, int]) -> Plane:
    image = np.full((90, 120, 3), dark, np.uint8)
    image[:, 60:] = light
    return image


def chroma(rgb: Plane) -> tuple[float, float]:
    planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb).reshape(-1, 3).mean(axis=0)
    return float(planes[2]), float(planes[1])


@pytest.mark.parametrize(
    "image",
    [
        two_tone((20, 40, 90), (250, 190, 90)),
        two_tone((10, 60, 20), (180, 240, 160)),
        two_tone((60, 0, 40), (255, 120, 200)),
    ],
)
def test_the_picture_gets_the_images_mean_chroma(image: Plane) -> None:
    picture = I420.from_rgb(scene())
    before = np.hypot(*np.subtract(chroma(picture.rgb()), chroma(image)))
    after = np.hypot(*np.subtract(chroma(Palette(image).paint(picture).rgb()), chroma(image)))
    assert after < max(8.0, before / 2)


def test_dark_and_light_parts_get_the_colours_of_the_images_dark_and_light_parts() -> None:
    image = two_tone((20, 20, 120), (255, 220, 60))
    ramp = np.repeat(np.linspace(0, 255, 320, dtype=np.uint8)[None], 180, axis=0)
    painted = Palette(image).paint(I420.from_rgb(np.dstack([ramp] * 3))).rgb().astype(int)
    assert painted[90, 30, 2] > painted[90, 30, 0] + 20
    assert painted[90, 300, 0] > painted[90, 300, 2] + 40


def test_the_picture_gets_the_images_brightness() -> None:
    dark = Palette(np.full((40, 40, 3), 40, np.uint8)).paint(I420.from_rgb(scene()))
    light = Palette(np.full((40, 40, 3), 220, np.uint8)).paint(I420.from_rgb(scene()))
    assert light.y.mean() > dark.y.mean() + 60


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (300, 7), (1280, 1280)])
def test_images_of_any_size_are_accepted(size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    painted = Palette(image).paint(I420.from_rgb(scene()))
    assert painted.data.shape == (270, 320)


def test_the_effect_is_applied_after_the_images_colours() -> None:
    state = EffectState()
    picture = I420.from_rgb(scene())
    assert state.is_passthrough
    assert state.paint(picture) is picture
    image = two_tone((20, 40, 90), (250, 190, 90))
    state.set("greyscale", enrich=False, image=image)
    assert colourfulness(state.paint(picture).rgb()) < 4, "greyscale comes last"
    assert state.effect == "greyscale"
    state.set(None, enrich=False, image=image)
    assert not state.is_passthrough
    assert np.array_equal(state.paint(picture).data, Palette(image).paint(picture).data)
    state.set(None, enrich=False, image=None)
    assert state.is_passthrough
