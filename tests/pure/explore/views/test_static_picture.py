"""A sheet as one picture, and its fonts."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from decart_widget.explore.views import fonts
from decart_widget.explore.views.document import describe
from decart_widget.explore.views.static_picture import ACCENT, BAD, png
from tools.made_sheet import made


def drawn(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((np.abs(picture - colour).max(axis=2) < 24).any())


def test_it_shows_pictures_bars_and_reasons_and_grows_with_the_sheet() -> None:
    small = made(2, 1, moments=2, scored=False)
    large = made(3, 2, moments=2, scored=False)
    first = drawn(png(describe(small.contents), small.pictures.get))
    second = drawn(png(describe(large.contents), large.pictures.get))
    assert second.shape[0] > first.shape[0] + 100
    assert second.shape[1] > first.shape[1] + 200
    assert has(second, ACCENT)
    assert has(second, BAD)


def test_without_a_single_picture_it_is_drawn_all_the_same() -> None:
    sheet = made(2, 2, moments=2, state="planned")
    assert drawn(png(describe(sheet.contents), lambda _name: None)).shape[1] > 300


def test_a_missing_font_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fonts._covering.cache_clear()
    monkeypatch.setattr(fonts, "_paths", lambda: ())
    try:
        assert fonts.missing("neon 浮世絵 نافذة 🌃\ufe0f") == {
            "Latin",
            "Chinese or Japanese (Noto Sans CJK)",
            "Arabic",
            "emoji (Noto Emoji)",
        }
    finally:
        fonts._covering.cache_clear()


def test_text_is_broken_at_spaces_or_between_ideographs_and_cut_with_an_ellipsis() -> None:
    lines = fonts.wrap("one two three four five six", 13, 60, 2)
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert all(fonts.text_width(line, 13) <= 60 for line in lines)
    assert "".join(fonts.wrap("浮世絵の木版画", 13, 40, 9)) == "浮世絵の木版画"
    assert fonts.wrap("short", 13, None, 1) == ["short"]


def test_arabic_and_hebrew_are_drawn_from_the_right() -> None:
    assert fonts.is_right_to_left("نافذة من الزجاج")
    assert not fonts.is_right_to_left("12 neon")
    image = Image.new("L", (300, 40), 255)
    fonts.draw_text(ImageDraw.Draw(image), (0, 0), "ab", size=20, fill=0, width=300, right=True)
    columns = np.flatnonzero((np.asarray(image) < 128).any(axis=0))
    assert columns.min() > 250
