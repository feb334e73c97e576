"""A sheet as one PNG: for readers without a kernel, such as GitHub and nbviewer, and for slides.

It shows the cells at the middle moment between the legends of their axes, below the strip of the
input. Fonts are the system's (``fonts``); one that is missing is named at the picture's foot.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from decart_widget.explore import sprites
from decart_widget.explore.views import fonts

MAX_COLUMNS: Final = 12
"""Cells side by side at most; of more, the first ones are shown, and it says so."""

MAX_ROWS: Final = 24
"""Rows of cells at most, likewise."""

CELL_WIDTH: Final = 220
"""Pixels of a cell."""

HEAD: Final = 150
"""Pixels of the legends at the side."""

GAP: Final = 12
"""Pixels between cells, and around them all."""

INK: Final = (28, 35, 48)
"""Colour of text."""

QUIET: Final = (93, 103, 120)
"""Colour of text that matters less."""

TRACK: Final = (228, 230, 234)
"""Colour of a bar's ground, and of a cell without a picture."""

ACCENT: Final = (31, 102, 214)
"""Colour of bars."""

BAD: Final = (168, 49, 58)
"""Colour of what was refused or failed."""


def png(document: Mapping[str, Any], picture: Callable[[str], bytes | None]) -> bytes:
    """Draws a sheet.

    Args:
        document: Of the sheet (``document.describe``).
        picture: Gives a sprite by its name; None where there is none.

    Returns:
        A PNG, on white.
    """
    # In 256 colours it has a third of the bytes, which a notebook keeps in base64.
    image = _Drawing(document, picture).image().quantize(256)
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return data.getvalue()


class _Drawing:
    """One picture while it is drawn.

    Args:
        document: As above.
        picture: As above.
    """

    def __init__(self, document: Mapping[str, Any], picture: Callable[[str], bytes | None]) -> None:
        self._document = document
        self._picture = picture
        self._moments = max(1, len(document["moments"]))
        self._middle = (self._moments - 1) // 2
        width, height = document["size"]
        self._height: int = max(1, round(CELL_WIDTH * height / width))
        self._missing: set[str] = set()
        self._draw: Any = None
        self._image: Any = None

    def image(self) -> Any:
        """Returns the picture, a ``PIL.Image``."""
        from PIL import Image, ImageDraw

        columns, rows, is_grid = self._layout()
        side = HEAD + GAP if is_grid else 0
        width = GAP + side + len(columns) * (CELL_WIDTH + GAP)
        row_height = self._height + (27 if is_grid else 44)
        top_height = 300 + self._height
        height = top_height + len(rows) * (row_height + GAP) + 60
        self._image = Image.new("RGB", (max(width, 520), height), "white")
        self._draw = ImageDraw.Draw(self._image)
        y: float = self._head(GAP, width)
        y = self._strip(y, GAP + side, width - GAP)
        if is_grid:
            y = self._legends(columns, y, GAP + side)
        for label, cells in rows:
            if is_grid:
                self._text((GAP, y), label, width=HEAD, lines=4, size=13)
            for place, cell in enumerate(cells):
                self._cell(cell, GAP + side + place * (CELL_WIDTH + GAP), y, named=not is_grid)
            y += row_height + GAP
        y = self._foot(y, width)
        return self._image.crop((0, 0, self._image.width, round(y) + GAP))

    def _layout(self) -> tuple[Sequence[str], list[tuple[str, list[dict[str, Any]]]], bool]:
        """Returns the labels across, the rows (label, cells), and whether there are legends."""
        axes, cells = self._document["axes"], self._document["cells"]
        if len(axes) < 2:
            count = min(6, max(1, len(cells)))
            parts = [cells[i : i + count] for i in range(0, len(cells), count)]
            return [""] * count, [("", part) for part in parts[:MAX_ROWS]], False
        rows: dict[tuple[int, ...], list[dict[str, Any]]] = {}
        for cell in cells:
            rows.setdefault(tuple(cell["place"][1:]), []).append(cell)
        named = [
            (" · ".join(axes[1 + i]["labels"][n] for i, n in enumerate(place)), row[:MAX_COLUMNS])
            for place, row in rows.items()
        ]
        return axes[0]["labels"][:MAX_COLUMNS], named[:MAX_ROWS], True

    def _head(self, y: float, width: int) -> float:
        document = self._document
        self._text((GAP, y), document["title"], size=17, width=width - 2 * GAP)
        progress = document["progress"]
        parts = [f"{len(document['cells'])} cells", f"{progress['billed']} billed"]
        if document["noise"]:
            parts.append(document["noise"])
        if document["state"] != "done":
            parts.insert(0, document["state"])
        self._text((GAP, y + 25), " · ".join(parts), size=12, fill=QUIET, width=width - 2 * GAP)
        return y + 52

    def _strip(self, y: float, left: int, right: int) -> float:
        """Draws the input's moments, with their times."""
        self._text((GAP, y), "Sent, untouched", size=12, fill=QUIET, width=HEAD)
        name = self._document["input"]
        data = None if name is None else self._picture(name)
        if data is None or left >= right:
            return y + 24
        if left == GAP:
            y += 20
        chosen = sprites.spread(self._moments, max(1, min(8, (right - left) // 90)))
        width = (right - left) // len(chosen)
        height = round(width * self._height / CELL_WIDTH)
        for place, index in enumerate(chosen):
            self._paste(data, index, (left + place * width, y), (width - 2, height))
            text = f"{self._document['moments'][index]:.1f} s"
            self._text((left + place * width + 2, y + height + 2), text, size=11, fill=QUIET)
        return y + height + 28

    def _legends(self, columns: Sequence[str], y: float, left: int) -> float:
        """Draws the labels across, ending at one height, with the mean of each."""
        score = self._document["score"]
        lines = max(len(fonts.wrap(text, 13, CELL_WIDTH, 3)) for text in columns)
        for place, text in enumerate(columns):
            x = left + place * (CELL_WIDTH + GAP)
            own = len(fonts.wrap(text, 13, CELL_WIDTH, 3))
            self._text((x, y + (lines - own) * 17.5), text, size=13, width=CELL_WIDTH, lines=3)
            shares = [
                cell["figures"][score]["share"]
                for cell in self._document["cells"]
                if cell["place"][0] == place and score in cell["figures"]
            ]
            if shares:
                self._bar(x, y + lines * 17.5 + 4, CELL_WIDTH - 40, sum(shares) / len(shares))
                mean = f"{sum(shares) / len(shares):.2f}"
                self._text((x + CELL_WIDTH - 32, y + lines * 17.5 - 3), mean, size=11, fill=QUIET)
        return y + lines * 17.5 + 18

    def _cell(self, cell: Mapping[str, Any], x: int, y: float, *, named: bool) -> None:
        name = cell["picture"]
        data = None if name is None else self._picture(name)
        if data is None:
            box = (x, y, x + CELL_WIDTH, y + self._height)
            self._draw.rectangle(box, fill=TRACK)
            bad = cell["status"] in ("refused", "failed")
            self._text(
                (x + 10, y + self._height / 3),
                cell["reason"] or cell["status"],
                size=12,
                fill=BAD if bad else QUIET,
                width=CELL_WIDTH - 20,
                lines=3,
            )
        else:
            self._paste(data, self._middle, (x, y), (CELL_WIDTH, self._height))
        y += self._height + 5
        score = self._document["score"]
        figure = cell["figures"].get(score)
        if named:
            axes = self._document["axes"]
            label = axes[0]["labels"][cell["place"][0]] if axes else ""
            self._text((x, y), label, size=12, width=CELL_WIDTH)
            y += 17
        if figure is not None:
            self._text((x, y), figure["text"], size=12)
            self._bar(x + 44, y + 6, CELL_WIDTH - 44 - 84, figure["share"])
        if cell["billed"]:
            text = f"{cell['billed']} billed"
            self._text((x, y), text, size=11, fill=QUIET, width=CELL_WIDTH, right=True)

    def _foot(self, y: float, width: int) -> float:
        """Says what the bars are, what was left out, and which fonts are missing."""
        document = self._document
        titles = {score["name"]: score["title"] for score in document["scores"]}
        texts = []
        if document["score"] in titles:
            texts.append(f"Bars: {titles[document['score']]}.")
        shown = sum(len(cells) for _, cells in self._layout()[1])
        if shown < len(document["cells"]):
            texts.append(f"{shown} of {len(document['cells'])} cells are shown.")
        if self._missing:
            texts.append(f"No font here has {', '.join(sorted(self._missing))}.")
        for text in texts:
            self._text(
                (GAP, y), text, size=11, fill=QUIET, width=max(width, 520) - 2 * GAP, lines=2
            )
            y += 17
        return y

    def _text(
        self,
        place: tuple[float, float],
        text: str,
        *,
        size: int,
        fill: Any = INK,
        width: float | None = None,
        lines: int = 1,
        right: bool = False,
    ) -> None:
        aligned = right or fonts.is_right_to_left(text)
        _, missing = fonts.draw_text(
            self._draw, place, text, size=size, fill=fill, width=width, lines=lines, right=aligned
        )
        self._missing |= missing

    def _bar(self, x: float, y: float, width: float, share: float) -> None:
        self._draw.rounded_rectangle((x, y, x + width, y + 4), 2, fill=TRACK)
        if share > 0.02:
            self._draw.rounded_rectangle((x, y, x + width * min(1, share), y + 4), 2, fill=ACCENT)

    def _paste(
        self, data: bytes, index: int, place: tuple[float, float], size: tuple[int, int]
    ) -> None:
        from PIL import Image

        moment = Image.fromarray(sprites.moment(data, index, self._moments)).resize(size)
        self._image.paste(moment, (round(place[0]), round(place[1])))
