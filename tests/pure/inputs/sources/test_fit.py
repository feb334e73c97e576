from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.inputs.sources.fit import Fitter, Turn, crop, flattened
from decart_widget.inputs.sources.reader import Target
from tests.pure.inputs.sources.clips import bar_errors, bars

CROPS: Final = json.loads((Path(__file__).parents[3] / "vectors" / "crops.json").read_text())

HD: Final = Target(320, 180, 30)

QUARTERS: Final = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


def luma_of(picture: Any) -> Any:
    return picture[: picture.shape[0] * 2 // 3]


def rgb_of(picture: Any) -> Any:
    return cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420)


def corners(width: int, height: int) -> Any:
    """Black, with levels of 60, 120, 180 and 240 in the corners, clockwise from the top left."""
    picture = np.zeros((height, width, 3), np.uint8)
    half = height // 2, width // 2
    picture[: half[0], : half[1]] = 60
    picture[: half[0], half[1] :] = 120
    picture[half[0] :, half[1] :] = 180
    picture[half[0] :, : half[1]] = 240
    return picture


def levels(picture: Any) -> list[int]:
    """The levels of an I420 picture's corners, clockwise from the top left."""
    rgb = rgb_of(picture)
    h, w = rgb.shape[:2]
    places = (h // 4, w // 4), (h // 4, w * 3 // 4), (h * 3 // 4, w * 3 // 4), (h * 3 // 4, w // 4)
    return [round(int(rgb[y, x].mean()) / 60) * 60 for y, x in places]


@pytest.mark.parametrize("case", CROPS, ids=lambda case: str(case["picture"]))
def test_the_crop_is_the_page_s(case: dict[str, Any]) -> None:
    assert list(crop(*case["picture"], *case["shape"])) == case["part"]


@given(*[st.integers(16, 4096)] * 2, *[st.integers(8, 1000).map(lambda n: 2 * n)] * 2)
def test_a_crop_is_even_inside_the_picture_and_in_its_middle(
    width: int, height: int, shape_width: int, shape_height: int
) -> None:
    x, y, part_width, part_height = crop(width, height, shape_width, shape_height)
    assert {side % 2 for side in (x, y, part_width, part_height)} == {0}
    assert 0 <= x <= x + part_width <= width
    assert 0 <= y <= y + part_height <= height
    assert abs(width - part_width - 2 * x) <= 4
    assert abs(height - part_height - 2 * y) <= 4
    assert width - part_width < 2 or height - part_height < 2


@given(
    *[st.integers(16, 200)] * 2,
    st.sampled_from(["landscape", "portrait", "auto"]),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from([1.0, 4 / 3, 16 / 11, 0.5]),
)
def test_every_picture_becomes_one_of_the_target_s_size(
    width: int, height: int, orientation: str, mirror: bool, quarters: int, stretch: float
) -> None:
    fitter = Fitter(Target(64, 36, 30, orientation, mirror))
    rgb = np.full((height, width, 3), 120, np.uint8)
    turn = Turn(quarters)
    frame = VideoFrame.from_ndarray(rgb[: height & ~1, : width & ~1], format="rgb24")
    fitted = [
        fitter.picture(rgb, turn, stretch=stretch),
        fitter.picture(rgb[..., 0], turn, stretch=stretch),
        fitter.frame(frame, turn, stretch=stretch),
        fitter.frame(frame.reformat(format="yuv420p"), turn, stretch=stretch),
    ]
    shown = width * stretch, height
    is_tall = shown[0] < shown[1] if quarters % 2 == 0 else shown[1] < shown[0]
    is_portrait = orientation == "portrait" or (orientation == "auto" and is_tall)
    for picture in fitted[:2] if orientation == "auto" else fitted:
        assert picture.shape == ((96, 36) if is_portrait else (54, 64))
    for picture in fitted:
        assert picture.dtype == np.uint8
        assert picture.flags.c_contiguous
        assert np.abs(rgb_of(picture).astype(int) - 120).max() <= 3


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (160, 90)])
@pytest.mark.parametrize(
    ("pixels", "matrix", "full_range"),
    [
        ("yuv420p", 6, False),
        ("yuv420p", 1, False),
        ("yuv420p", 1, True),
        ("yuv420p", 6, True),
        ("yuv420p", 9, False),
        ("yuvj420p", 6, True),
        ("yuv444p", 1, False),
        ("yuv422p10le", 1, False),
        ("yuvj444p", 5, True),
        ("nv12", 1, False),
    ],
)
def test_colours_stay_whatever_matrix_range_and_format(
    pixels: str, matrix: int, full_range: bool, size: tuple[int, int]
) -> None:
    frame = encoded_bars(*size, pixels, matrix, full_range)
    assert max(bar_errors(Fitter(HD).frame(frame))) <= 3


def encoded_bars(width: int, height: int, pixels: str, matrix: int, full_range: bool) -> VideoFrame:
    """Colour bars in a format, converted by the standards' formulas."""
    shares = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}.get(matrix, (0.299, 0.114))
    rgb = bars(width, height).astype(float) / 255
    luma = rgb @ np.array((shares[0], 1 - sum(shares), shares[1]))
    u = (rgb[..., 2] - luma) / (2 - 2 * shares[1])
    v = (rgb[..., 0] - luma) / (2 - 2 * shares[0])
    scale = (255, 255, 0) if full_range else (219, 224, 16)
    planes = [luma * scale[0] + scale[2], u * scale[1] + 128, v * scale[1] + 128]
    full = np.stack([plane.round() for plane in planes]).astype(np.uint8)
    frame = VideoFrame.from_ndarray(full, format="yuvj444p" if "j" in pixels else "yuv444p")
    if pixels != frame.format.name:
        flags = 2 if full_range else 1
        frame = frame.reformat(format=pixels, src_color_range=flags, dst_color_range=flags)
    frame.colorspace, frame.color_range = matrix, 2 if full_range else 1
    return frame


def test_a_large_picture_that_names_no_matrix_is_taken_for_bt709_and_a_small_one_for_bt601() -> (
    None
):
    for size, matrix in (((1280, 720), 1), ((640, 360), 6)):
        frame = encoded_bars(*size, "yuv420p", matrix, full_range=False)
        frame.colorspace = 2
        assert max(bar_errors(Fitter(HD).frame(frame))) <= 3


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (160, 180)])
@pytest.mark.parametrize("pixels", ["yuvj420p", "yuvj444p"])
def test_formats_of_full_range_need_not_say_so(pixels: str, size: tuple[int, int]) -> None:
    frame = encoded_bars(*size, pixels, 6, full_range=True)
    frame.color_range = 0
    picture = Fitter(HD).frame(frame)
    assert abs(int(picture[90, 20]) - (16 + round(191 * 219 / 255))) <= 2  # the white bar


def test_colours_of_rgb_stay() -> None:
    for size in ((320, 180), (640, 360), (160, 90)):
        assert max(bar_errors(Fitter(HD).picture(bars(*size)))) <= 3


def test_chroma_is_the_mean_of_its_pixels() -> None:
    stripes = np.zeros((180, 320, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)
    picture = Fitter(HD).picture(stripes)
    chroma = picture[180:]
    assert abs(int(chroma[45:, :].mean()) - (240 + 128) // 2) <= 2  # V of half red


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (Turn(), [60, 120, 180, 240]),
        (Turn(1), [240, 60, 120, 180]),
        (Turn(2), [180, 240, 60, 120]),
        (Turn(3), [120, 180, 240, 60]),
        (Turn(0, is_mirrored=True), [120, 60, 240, 180]),
        (Turn(1, is_mirrored=True), [60, 240, 180, 120]),
    ],
)
def test_a_picture_is_turned_then_mirrored(turn: Turn, expected: list[int], mirror: bool) -> None:
    if mirror:
        expected = [expected[1], expected[0], expected[3], expected[2]]
    fitter = Fitter(Target(320, 180, 30, "auto", mirror))
    rgb = corners(320, 180)
    yuv = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
    for picture in (fitter.picture(rgb, turn), fitter.frame(yuv, turn)):
        assert levels(picture) == expected
        assert picture.shape == ((480, 180) if turn.quarters % 2 else (270, 320))


def test_the_middle_is_cut_out() -> None:
    rgb = np.zeros((180, 320, 3), np.uint8)
    rgb[:, 110:210] = 200  # 100 of 320 columns; a portrait has 101
    yuv = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
    fitter = Fitter(Target(320, 180, 30, "portrait"))
    for picture in (fitter.picture(rgb), fitter.frame(yuv)):
        assert luma_of(picture)[:, 8:-8].min() > 150


def test_wide_pixels_are_shown_wide() -> None:
    # 4:3 of 704x576 with pixels of 12:11 has a square of 100 lines where 92 columns are.
    rgb = np.zeros((576, 704, 3), np.uint8)
    rgb[238:338, 306:398] = 255
    picture = luma_of(Fitter(Target(640, 480, 30)).picture(rgb, stretch=12 / 11))
    rows, columns = np.nonzero(picture > 128)
    assert abs(int(np.ptp(rows)) - int(np.ptp(columns))) <= 2


def test_transparent_parts_are_black() -> None:
    rgba = np.full((180, 320, 4), 200, np.uint8)
    rgba[..., 3] = 255
    assert (flattened(rgba) == 200).all()
    rgba[:, :160, 3] = 0
    rgba[:, 160:, 3] = 128
    assert (flattened(rgba)[:, :160] == 0).all()
    assert np.abs(flattened(rgba)[:, 160:].astype(int) - 100).max() <= 1
    picture = Fitter(HD).frame(VideoFrame.from_ndarray(rgba, format="rgba"))
    assert luma_of(picture)[:, :150].max() == 16


@pytest.mark.parametrize("pixels", ["gray", "gray10le", "pal8", "gbrp", "rgb24", "yuva420p"])
def test_other_formats_are_read(pixels: str) -> None:
    rgb = np.full((180, 320, 3), 150, np.uint8)
    frame = VideoFrame.from_ndarray(rgb, format="rgb24")
    if pixels == "pal8":
        frame = VideoFrame.from_ndarray(np.full((180, 320), 7, np.uint8), format="gray")
        frame = palette_frame()
    elif pixels != "rgb24":
        frame = frame.reformat(format=pixels)
    assert np.abs(rgb_of(Fitter(HD).frame(frame)).astype(int) - 150).max() <= 3


def palette_frame() -> VideoFrame:
    frame = VideoFrame(320, 180, "pal8")
    frame.planes[0].update(bytes([3]) * frame.planes[0].buffer_size)
    frame.planes[1].update(bytes([150, 150, 150, 255]) * 256)
    return frame
