"""One picture in whatever form callers have it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.arrays import as_pixels


def picture(level: int = 100, shape: tuple[int, ...] = (36, 64, 3)) -> Any:
    return np.full(shape, level, np.uint8)


class OnlyArray:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return picture(77)


class OnlyDLPack:
    def __dlpack__(self, **options: Any) -> Any:
        return picture(77).__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return picture(77).__dlpack_device__()


class Tensor:
    """Needs a gradient and is on a GPU, as far as its methods tell."""

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Any:
        return picture(77, (3, 36, 64))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError("on a GPU")


@pytest.mark.parametrize("value", [OnlyArray(), OnlyDLPack(), Tensor()])
def test_other_libraries_arrays_are_read(value: Any) -> None:
    assert (as_pixels(value) == 77).all()
    assert as_pixels(value).shape == (36, 64, 3)


@given(st.integers(16, 40), st.integers(16, 40), st.sampled_from([0, 1, 3, 4]), st.booleans())
def test_channels_are_where_their_number_is(
    height: int, width: int, channels: int, first: bool
) -> None:
    values = np.arange(height * width * max(1, channels)) % 251
    array = values.astype(np.uint8).reshape(height, width, max(1, channels))
    if channels == 4:
        array[..., 3] = 255
    given_array = array[..., 0] if channels == 0 else array
    if channels and first:
        given_array = np.moveaxis(array, -1, 0)
    expected = array[..., 0] if channels < 2 else array[..., :3]
    assert (as_pixels(given_array) == expected).all()


@pytest.mark.parametrize("shape", [(3, 40, 3), (4, 40, 3), (1, 40, 1)])
def test_a_shape_that_may_be_either_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SourceError, match="first or last"):
        as_pixels(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.float32(1), 255),
        (np.float16(0.5), 128),
        (np.float64(0), 0),
        (np.bool_(True), 255),
        (np.uint16(65_535), 255),
        (np.uint16(256), 1),
    ],
)
def test_values_are_scaled_to_bytes(values: Any, expected: int) -> None:
    assert (as_pixels(np.full((20, 30), values)) == expected).all()


@pytest.mark.parametrize(
    ("array", "message", "remedy"),
    [
        (np.full((20, 30), 255.0), "from 255 to 255", "Divide by 255"),
        (np.linspace(-1, 1, 600).reshape(20, 30), "from -1 to 1", r"\(x \+ 1\) / 2"),
        (np.full((20, 30), np.nan), "from nan to nan", "NaN"),
        (np.full((20, 30), 1e9), r"1e\+09", "Scale"),
        (np.full((20, 30), 200, np.uint16), "would be black", "uint8"),
        (np.zeros((20, 30), np.int32), r"int32 \(shape \(20, 30\)\)", "uint8"),
        (np.zeros((20, 30), complex), "complex128", "uint8"),
        (np.zeros((3, 30), np.uint8), "30x3 pixels", "16 pixels"),
        (np.zeros((20, 0), np.uint8), r"\(20, 0\)", "height"),
        (np.zeros((20, 30, 40, 3), np.uint8), "no picture", "height"),
        (np.broadcast_to(np.uint8(0), (40_000, 40_000)), "40000x40000", "megapixels"),
    ],
)
def test_other_values_are_refused_with_what_was_seen(array: Any, message: str, remedy: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        as_pixels(array)
    assert re.search(remedy, caught.value.remedy)


def test_transparent_pixels_become_black() -> None:
    rgba = picture(200, (36, 64, 4))
    rgba[:, :32, 3] = 0
    rgba[:, 32:, 3] = 255
    pixels = as_pixels(rgba)
    assert (pixels[:, :32] == 0).all()
    assert (pixels[:, 32:] == 200).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA"])
def test_pil_images_of_all_modes_are_read(mode: str) -> None:
    image = Image.new("RGB", (64, 36), (255, 255, 255)).convert(mode)
    assert (as_pixels(image) == 255).all()


def test_an_array_that_can_not_be_converted_keeps_the_cause() -> None:
    class Broken:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            raise RuntimeError("no")

    with pytest.raises(SourceError, match="Broken that can't be read") as caught:
        as_pixels(Broken())
    assert isinstance(caught.value.__cause__, RuntimeError)
