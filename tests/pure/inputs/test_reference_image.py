"""Reference images from whatever callers pass: which are accepted, and what is sent."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from decart_widget.errors import (
    InvalidImageError,
)
from decart_widget.inputs.image_download import MAX_SOURCE_BYTES
from decart_widget.inputs.reference_image import load_image
from tests.pure.inputs.image_sources import PICTURE, SMOOTH, file_bytes, seen

# --- images -----------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_bytes_of_an_image_file_arrive_as_they_look(
    format_: str, kind: Callable[[bytes], Any]
) -> None:
    data = file_bytes(format_, SMOOTH)
    looks = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.abs(seen(kind(data)).astype(int) - looks).mean() <= 1


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_read(kind: Callable[[Any], Any], tmp_path: Path) -> None:
    path = tmp_path / "a cat.png"
    path.write_bytes(file_bytes())
    assert np.array_equal(seen(kind(path)), PICTURE)


def test_an_uploaded_file_is_named_and_not_sent() -> None:
    image = load_image("file_abc-123")
    assert (image.ref, image.data) == ("file_abc-123", None)


@pytest.mark.parametrize(
    "array",
    [
        PICTURE,
        PICTURE[:, ::-1],
        np.asfortranarray(PICTURE),
        PICTURE.astype(np.float64) / 255,
        PICTURE.astype(np.float32) / 255,
        Image.fromarray(PICTURE),
        Image.fromarray(PICTURE).convert("RGBA"),
    ],
    ids=["uint8", "mirrored", "fortran", "float64", "float32", "PIL", "PIL with alpha"],
)
def test_an_array_or_pil_image_arrives_with_its_colours(array: Any) -> None:
    expected = PICTURE[:, ::-1] if getattr(array, "strides", (0, 1))[1] < 0 else PICTURE
    assert np.array_equal(seen(array), expected)


@pytest.mark.parametrize("mode", ["P", "1", "L", "LA", "CMYK", "YCbCr"])
def test_a_pil_image_of_any_mode_arrives_as_it_looks(mode: str) -> None:
    image = Image.fromarray(np.full((8, 8, 3), (255, 0, 0), np.uint8)).convert(mode)
    looks = np.asarray(image.convert("RGB"))
    assert np.abs(seen(image).astype(int) - looks).max() <= 1


@pytest.mark.parametrize("shape", [(24, 32), (24, 32, 1)])
def test_a_grey_array_arrives_grey(shape: tuple[int, ...]) -> None:
    grey = PICTURE[..., 0].reshape(shape)
    assert np.array_equal(seen(grey), np.repeat(grey.reshape(24, 32, 1), 3, axis=2))


@pytest.mark.parametrize("side", [1, 4, 9])
def test_a_tiny_image_is_an_image(side: int) -> None:
    assert seen(PICTURE[:side, :side]).shape == (side, side, 3)


def pathlike(path: Path) -> Any:
    class Somewhere:
        def __fspath__(self) -> str:
            return str(path)

    return Somewhere()


def test_other_ways_to_name_a_file_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "cat.png").write_bytes(data := file_bytes())
    base64_text = base64.b64encode(data).decode()
    with (tmp_path / "cat.png").open("rb") as file:
        for source in (
            "~/cat.png",
            Path("~/cat.png"),
            pathlike(tmp_path / "cat.png"),
            f"data:image/png;base64,{base64_text}",
            f"DATA:;BASE64,{base64_text[:50]}%0A {base64_text[50:]}",
            "data:image/png," + "".join(f"%{byte:02x}" for byte in data),
            io.BytesIO(data),
            file,
        ):
            assert np.array_equal(seen(source), PICTURE), source


class Figure:
    """What matters of a figure of matplotlib."""

    def savefig(self, file: Any, *, format: str) -> None:  # noqa: A002
        Image.fromarray(PICTURE).convert("RGBA").save(file, format)


class Tensor:
    """What matters of a tensor of PyTorch that needs a gradient and is on a GPU."""

    def __init__(self, array: Any, *, is_free: bool = False) -> None:
        self.array = array
        self.is_free = is_free

    def detach(self) -> Tensor:
        return Tensor(self.array)

    def cpu(self) -> Tensor:
        return Tensor(self.array, is_free=True)

    def __array__(self, *_: Any, **__: Any) -> Any:
        if not self.is_free:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self.array


class Dlpack:
    """An array of another library that has the DLPack protocol only."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()


@pytest.mark.parametrize(
    "source",
    [
        Figure(),
        Tensor(PICTURE),
        Tensor(np.moveaxis(PICTURE, -1, 0)),
        Tensor(np.moveaxis(PICTURE, -1, 0).astype(np.float32) / 255),
        Dlpack(PICTURE),
        PICTURE.astype(np.uint16) * 257,
        PICTURE.astype(np.float16) / np.float16(255),
    ],
    ids=["figure", "tensor", "channels first", "float", "DLPack", "uint16", "float16"],
)
def test_figures_tensors_and_arrays_of_other_types_arrive_as_they_look(source: Any) -> None:
    assert np.abs(seen(source).astype(int) - PICTURE).max() <= 1


def test_an_array_of_bools_is_black_and_white() -> None:
    picture = PICTURE[..., 0] > 100
    assert np.array_equal(seen(picture)[..., 0], picture * np.uint8(255))


RAMP = np.linspace(0, 1, 24 * 32).reshape(24, 32)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray((RAMP * 65535).astype(np.uint16)),
        Image.fromarray((RAMP * 65535).astype(np.int32)),
        Image.fromarray(RAMP.astype(np.float32)),
        Image.fromarray((RAMP * 255).astype(np.uint8)).convert("LA").convert("La"),
        Image.fromarray((RAMP * 255).astype(np.uint8)).convert("PA"),
        Image.fromarray((RAMP * 255).astype(np.uint8)).convert("RGB").convert("HSV"),
    ],
    ids=lambda image: image.mode,
)
def test_a_pil_image_of_many_levels_is_neither_white_nor_black(image: Image.Image) -> None:
    grey = seen(image)[..., 1]
    assert (grey.min() <= 2, grey.max() >= 253, len(np.unique(grey)) > 200) == (True, True, True)


def test_a_16_bit_png_file_is_scaled() -> None:
    file = io.BytesIO()
    Image.fromarray((RAMP * 65535).astype(np.uint16)).save(file, "PNG")
    assert np.abs(seen(file.getvalue())[..., 0] - RAMP * 255).max() < 1


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        (np.full((4, 4), 200.0), "Divide by 255"),
        (np.linspace(-1, 1, 16).reshape(4, 4), r"\(x \+ 1\) / 2"),
        (np.full((4, 4), 1e6), "Scale the values"),
        (np.full((4, 4), 200, np.uint16), "uint8"),
        (np.full((4, 4, 3), 7, np.int64), "uint8"),
        (Image.new("F", (4, 4), 200.0), "Divide by 255"),
        (Image.fromarray(np.full((4, 4), np.nan, np.float32)), "Scale|Replace"),
        (Image.new("I", (4, 4), 70_000), "Scale them"),
        (Image.new("I", (4, 4), -5), "Scale them"),
        (Tensor(PICTURE, is_free=True).array[None], "Give"),
        (io.StringIO("text"), '"rb"'),
        (io.BytesIO(), "seek"),
        (Dlpack(object()), "CPU"),
        (__file__[:-3] + "/x.png", "runs in"),
        ("/dev/zero", "image file"),
        ("~nobody-of-that-name/x.png", "absolute|Check"),
        ("data:image/png;base64", "base64"),
        ("data:image/png;base64,a", "base64"),
    ],
    ids=lambda value: f"{type(value).__name__} {str(value)[:12]!r}",
)
def test_a_refusal_says_what_to_do(source: Any, remedy: str) -> None:
    with pytest.raises(InvalidImageError) as refused:
        load_image(source)
    assert re.search(remedy, refused.value.remedy or "")


def test_a_damaged_pil_image_and_a_figure_that_can_not_be_drawn_are_refused() -> None:
    class Broken(Figure):
        def savefig(self, file: Any, *, format: str) -> None:  # noqa: A002
            raise ZeroDivisionError

    cut = Image.open(io.BytesIO(file_bytes("JPEG", np.zeros((400, 600, 3), np.uint8))[:900]))
    for source in (cut, Broken()):
        with pytest.raises(InvalidImageError, match="can't be"):
            load_image(source)


def test_a_pipe_without_a_writer_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InvalidImageError, match="no regular file"):
        load_image(tmp_path / "pipe.png")


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"GIF89a" + bytes(100),
        b"hello, I am no image",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"\xff\xd8\xff" + bytes(100),
        file_bytes()[:60],
        b"\xff\xd8\xff" + bytes(MAX_SOURCE_BYTES),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.int32),
        np.full((4, 4, 3), 1.5),
        np.full((4, 4, 3), -0.1),
        np.full((4, 4, 3), np.nan),
        np.array([["a", "b"]]),
        None,
        5,
        3.5,
        ["cat.png"],
        object(),
        "no-such-file.png",
        "",
        "/",
        "a\0b",
        "data:image/png;base64," + "A" * 5000,
        "file_with spaces",
    ],
    ids=lambda source: f"{type(source).__name__} {str(source)[:12]!r}",
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_image_is_refused_with_a_remedy(source: Any) -> None:
    with pytest.raises(InvalidImageError) as caught:
        load_image(source)
    assert caught.value.remedy
    assert len(caught.value.message) < 400


def test_a_file_over_50_mb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(MAX_SOURCE_BYTES + 1)
    with pytest.raises(InvalidImageError, match="50 MB"):
        load_image(path)
