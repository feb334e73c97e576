"""Text of any script in pictures, with the fonts that the system has.

A text is drawn in runs: each with the first font that has its letters. Letters that no font has are
drawn as boxes, and their script is named, so that somebody can install one.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_FOLDERS: Final = {
    "linux": ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts"),
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "win32": ("C:/Windows/Fonts", "~/AppData/Local/Microsoft/Windows/Fonts"),
}
"""Where fonts are, by ``sys.platform``."""

_PREFERRED: Final = (
    *("inter", "notosans-regular", "dejavusans.", "liberationsans-regular", "segoeui.", "sfns"),
    *("helvetica", "arial.", "notosans", "arial unicode", "hiragino", "pingfang", "msyh", "meiryo"),
    *("malgun", "ipagothic", "ipag.", "wqy", "droidsansfallback", "symbola", "notoemoji", "dejavu"),
)
"""Beginnings of the names of font files, in lower case, by preference; then come all others."""

_AVOIDED: Final = ("bold", "italic", "oblique", "mono", "serif", "condensed", "thin", "light")
"""Parts of the names of fonts that are taken last."""

MAX_FONTS: Final = 400
"""Font files that are looked at for a letter."""

_BOX: Final = "\uffff"
"""A letter that no font has: what a font draws for it is its sign for a missing one."""

_JOINED: Final = frozenset("\u200c\u200d\ufe0e\ufe0f")
"""Signs that belong to the letter before them and have no look of their own."""

_SCRIPTS: Final = {
    "CJK": "Chinese or Japanese (Noto Sans CJK)",
    "HIRAGANA": "Japanese (Noto Sans CJK)",
    "KATAKANA": "Japanese (Noto Sans CJK)",
    "IDEOGRAPHIC": "Chinese or Japanese (Noto Sans CJK)",
    "HANGUL": "Korean (Noto Sans CJK)",
}
"""Scripts whose name in Unicode is not what people look for, with a font that has them."""


def draw_text(
    draw: ImageDraw,
    place: tuple[float, float],
    text: str,
    *,
    size: int,
    fill: Any,
    width: float | None = None,
    lines: int = 1,
    right: bool = False,
) -> tuple[float, set[str]]:
    """Draws a text, wrapped into lines.

    Args:
        draw: Of the picture.
        place: Left and top, in pixels.
        text: In any script.
        size: Of the letters, in pixels.
        fill: Their colour.
        width: Pixels of a line; None for no limit.
        lines: At most; what doesn't fit is left out, with an ellipsis.
        right: Whether lines end at the right of ``width``, as in Arabic.

    Returns:
        The height in pixels, and the scripts of letters that no font has.
    """
    wrapped = wrap(text, size, width, lines)
    top = place[1]
    for line in wrapped:
        left = place[0]
        if right and width is not None:
            left += width - text_width(line, size)
        for run, path in _runs(line):
            font = _font(path, size)
            draw.text((left, top + size), run, font=font, fill=fill, anchor="ls")
            left += font.getlength(run)
        top += size * 1.35
    return top - place[1], missing(text)


def wrap(text: str, size: int, width: float | None, lines: int) -> list[str]:
    """Breaks a text into lines, at spaces, or between letters of scripts that have none.

    Args:
        text: The text.
        size: Of the letters, in pixels.
        width: Pixels of a line; None for no limit.
        lines: At most.

    Returns:
        The lines; the last one ends with an ellipsis where something is left out.
    """
    if width is None or text_width(text, size) <= width:
        return [text]
    found = [""]
    for word in _words(text):
        if text_width((found[-1] + word).rstrip(), size) <= width or not found[-1]:
            found[-1] += word
        else:
            found.append(word)
    found = [line.strip() for line in found]
    kept = found[:lines]
    if len(found) > lines or text_width(kept[-1], size) > width:
        while kept[-1] and text_width(kept[-1] + "…", size) > width:
            kept[-1] = kept[-1][:-1]
        kept[-1] = kept[-1].rstrip() + "…"
    return kept


def text_width(text: str, size: int) -> float:
    """Returns how wide a text in one line is, in pixels.

    Args:
        text: The text.
        size: Of the letters, in pixels.
    """
    return sum(float(_font(path, size).getlength(run)) for run, path in _runs(text))


def missing(text: str) -> set[str]:
    """Returns the scripts of the letters that no font of the system has.

    Args:
        text: In any script.
    """
    found = set()
    for letter in text:
        if letter.isspace() or letter in _JOINED or _covering(letter) is not None:
            continue
        name = unicodedata.name(letter, "").split(" ")[0].split("-")[0]
        is_sign = unicodedata.category(letter) == "So"
        found.add("emoji (Noto Emoji)" if is_sign else _SCRIPTS.get(name, name.capitalize()))
    return found - {""}


def is_right_to_left(text: str) -> bool:
    """Whether a text's first letter with a direction is of a script from right to left.

    Args:
        text: The text.
    """
    for letter in text:
        direction = unicodedata.bidirectional(letter)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


def _words(text: str) -> Iterator[str]:
    """Yields what a line is made of: words with the spaces after them, or single ideographs."""
    word = ""
    for letter in text:
        if unicodedata.east_asian_width(letter) == "W" and not letter.isspace():
            if word:
                yield word
            yield letter
            word = ""
        else:
            word += letter
            if letter.isspace():
                yield word
                word = ""
    if word:
        yield word


def _runs(text: str) -> list[tuple[str, str | None]]:
    """Splits a text into runs of letters that one font has."""
    runs: list[tuple[str, str | None]] = []
    for letter in text:
        if runs and (letter in _JOINED or letter.isspace() or _has(runs[-1][1], letter)):
            runs[-1] = runs[-1][0] + letter, runs[-1][1]
        else:
            path = _covering(letter)
            if runs and runs[-1][1] == path:
                runs[-1] = runs[-1][0] + letter, path
            else:
                runs.append((letter, path))
    return runs


@lru_cache(maxsize=20_000)
def _covering(letter: str) -> str | None:
    """Returns the first font that has a letter; None where none has."""
    return next((path for path in _paths() if _has(path, letter)), None)


@lru_cache(maxsize=50_000)
def _has(path: str | None, letter: str) -> bool:
    if path is None:
        return False
    mask = _font(path, 20).getmask(letter)
    box = _font(path, 20).getmask(_BOX)
    return bool(mask.size != box.size or bytes(mask) != bytes(box))


@lru_cache(maxsize=256)
def _font(path: str | None, size: int) -> Any:
    """Returns a font; without a path the one that Pillow brings, which has Latin letters."""
    from PIL import ImageFont

    return ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)


@cache
def _paths() -> tuple[str, ...]:
    """Returns the system's fonts that can be read, those for plain text first."""
    from PIL import ImageFont

    platform = "linux" if sys.platform not in _FOLDERS else sys.platform
    found = []
    for folder in _FOLDERS[platform]:
        for parent, _, names in os.walk(Path(folder).expanduser()):
            found += [
                os.path.join(parent, name)  # noqa: PTH118 - of many files, most are never opened
                for name in names
                if name.lower().endswith((".ttf", ".otf", ".ttc"))
            ]
    usable = []
    for path in sorted(found, key=_preference)[:MAX_FONTS]:
        try:
            ImageFont.truetype(path, 20).getmask("a")
        except (OSError, ValueError):  # damaged, or of bitmaps in one size
            continue
        usable.append(path)
    return tuple(usable)


def _preference(path: str) -> tuple[int, int, str]:
    name = Path(path).name.lower()
    place = next((i for i, start in enumerate(_PREFERRED) if name.startswith(start)), 99)
    return sum(part in name for part in _AVOIDED), place, path
