"""A sheet without a session, for tests and pictures: the local server's effects on moving frames.

It looks like the one of a sweep of ``styles`` by ``lights``: some cells are done, with real scores;
one was refused, one runs, and one waits, where ``state`` is "running".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import cv2
import numpy as np

from decart_widget.explore import sprites
from decart_widget.explore.records import Axis, Cell, CellResult
from decart_widget.explore.scores import score_all
from decart_widget.explore.views.document import INPUT, Contents, PlanSums, State, describe
from decart_widget.explore.views.shown_sheet import LARGE
from decart_widget.sandbox.effects.picture import I420
from decart_widget.sandbox.effects.registry import effect_for

STYLES: Final = (
    ("watercolour on wet, deckled paper, visible pigment blooms, soft edges", "watercolour"),
    ("浮世絵の木版画、藍と朱、太い輪郭線", "cartoon"),
    ("نافذة من الزجاج المعشّق بألوان دافئة", "stained glass"),
    ("neon sign 🌃 at midnight, glowing tubes on black", "neon"),
    ("charcoal on grey paper", "charcoal"),
)
"""Prompts in several scripts, and the effect that stands in for each."""

LIGHTS: Final = (
    ("as it is", ""),
    ("golden hour, long shadows, a warm haze over the lake", "sunset"),
    ("first snow ❄ and a frozen lake, blue morning", "frozen"),
    ("an old photograph", "sepia"),
    ("black and white", "greyscale"),
)
"""Further words, and the effect that stands in for them."""

SIZE: Final = (640, 360)
FPS: Final = 5
PRICE: Final = 0.02


@dataclass(frozen=True)
class MadeSheet:
    """A sheet's contents, and its sprites by name."""

    contents: Contents
    pictures: dict[str, bytes]


def scene(moments: int, photograph: Any = None) -> list[Any]:
    """A slow pan over a photograph, or over a drawn picture: RGB frames of ``SIZE``."""
    width, height = SIZE
    picture = _drawn() if photograph is None else photograph
    scale = max(1.25 * width / picture.shape[1], 1.25 * height / picture.shape[0])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    spare_x, spare_y = picture.shape[1] - width, picture.shape[0] - height
    frames = []
    for index in range(moments):
        share = index / max(1, moments - 1)
        x, y = round(spare_x * share), round(spare_y * (0.3 + 0.2 * share))
        frames.append(np.ascontiguousarray(picture[y : y + height, x : x + width]))
    return frames


def _drawn() -> Any:
    """A picture with edges, gradients and colours."""
    rows, columns = np.mgrid[0:480, 0:800]
    picture = np.dstack(
        [60 + columns / 5, 90 + rows / 4, 200 - columns / 8 + 20 * np.sin(rows / 9)]
    ).clip(0, 255)
    picture = np.ascontiguousarray(picture.astype(np.uint8))
    for index, colour in enumerate(((230, 70, 40), (250, 200, 60), (30, 110, 70), (240, 240, 235))):
        cv2.circle(picture, (130 + 180 * index, 160 + 90 * (index % 2)), 70, colour, -1)
        cv2.rectangle(picture, (60 + 190 * index, 300), (160 + 190 * index, 470), colour, 6)
    return picture


@cache
def _painter(words: str) -> Any:
    return effect_for(words, enrich=False).paint


def painted(frames: Sequence[Any], *effects: str) -> list[Any]:
    """The frames with effects one after another."""
    found = [I420.from_rgb(frame) for frame in frames]
    for words in filter(None, effects):
        found = [_painter(words)(frame) for frame in found]
    return [frame.rgb() for frame in found]


def made(
    columns: int = 4,
    rows: int = 3,
    *,
    moments: int = 6,
    state: State = "done",
    photograph: Any = None,
    scored: bool = True,
    repeats: int = 1,
    large: bool = False,
) -> MadeSheet:
    """Makes a sheet.

    Args:
        columns: Styles, at most five.
        rows: Lights, at most five.
        moments: Frames of each cell.
        state: With "planned" nothing has run; with "running" the last cells haven't.
        photograph: RGB picture to pan over; None for a drawn one.
        scored: Whether the scores are measured; else they are made up.
        repeats: Runs of each cell; all show the same picture.
        large: Whether there are pictures with more pixels, too.
    """
    sent = scene(moments, photograph)
    times = tuple(round(0.2 + index / FPS, 3) for index in range(moments))
    styles, lights = STYLES[:columns], LIGHTS[:rows]
    axes = (
        Axis("style", tuple(words for words, _ in styles)),
        Axis("light", tuple(words for words, _ in lights)),
    )
    cells = [
        Cell(
            prompt=f"{style}, {light}",
            enrich=True,
            image=None,
            model="lucy-latest",
            fresh=False,
            repeat=repeat,
            place=(column, row),
            is_control=False,
            key=hashlib.sha256(f"{style} {light} {repeat}".encode()).hexdigest()[:16],
        )
        for row, (light, _) in enumerate(lights)
        for column, (style, _) in enumerate(styles)
        for repeat in range(repeats)
    ]
    results: dict[str, CellResult] = {}
    pictures = {INPUT: sprites.sprite(sent)}
    if large:
        pictures[INPUT + LARGE] = sprites.sprite(sent, area=sprites.LARGE_AREA)
    running: dict[str, tuple[float, str]] = {}
    for index, cell in enumerate(cells):
        column, row = cell.place
        is_refused = (column, row) == (2, 1)
        if state == "planned":
            continue
        if state == "running" and index >= len(cells) - 2:
            if index == len(cells) - 2:
                running[cell.key] = (0.46, "taking")
            continue
        if is_refused:
            reason = "Refused by moderation. Not billed."
            results[cell.key] = CellResult(cell.key, "refused", reason=reason, code="moderation")
            continue
        effects = (styles[column][1], lights[row][1])
        frames = painted(sent, *effects)
        scores = _scores(frames, sent, times, scored=scored, seed=index)
        pictures[cell.key] = sprites.sprite(frames)
        if large:
            pictures[cell.key + LARGE] = sprites.sprite(frames, area=sprites.LARGE_AREA)
        results[cell.key] = CellResult(
            cell.key,
            "done",
            times=times,
            settled_s=0.28 + 0.03 * ((index * 7) % 9),
            billed_s=2.6,
            cost=2.6 * PRICE,
            scores=scores,
            files={"sprite": f"cells/{cell.key}.jpg"},
        )
    plan = PlanSums(
        cells=len(axes[0].labels) * len(axes[1].labels),
        cell_s=2.6 * repeats,
        fixed_s=3.6,
        price_per_s=PRICE,
        budget_s=60.0 * repeats,
        used_s=8.4,
        sessions=2,
        open_s=1.0,
        wall_cell_s=1.45,
        rows=(
            ("Cells", f"{columns} styles × {rows} lights, all new"),
            ("Sessions", "2 side by side, each for many cells"),
            ("Control", "the untouched clip once, for the noise of codec and path"),
            ("Moments", f"{moments} of each cell, {times[0]} to {times[-1]} s"),
            ("Model", "lucy-latest, 640×360, enrich on"),
            ("Noticed", "1 prompt stood there twice, it runs once"),
        ),
    )
    contents = Contents(
        title="temple.mp4",
        state=state,
        axes=axes,
        cells=cells,
        results=results,
        moments=times,
        size=sprites.moment_size(*SIZE),
        plan=plan,
        running=running,
        stars=frozenset({cells[columns * repeats].key} if rows > 1 else ()),
        has_input=True,
        left_s=5.0 if state == "running" else None,
        took_s=23.0 if state == "done" else None,
        folder="sweeps/temple-1409ab3c",
    )
    return MadeSheet(contents, pictures)


def _scores(
    frames: Sequence[Any], sent: Sequence[Any], times: Sequence[float], *, scored: bool, seed: int
) -> dict[str, float]:
    if scored:
        found, _ = score_all(frames, sent, [index / 10 for index in range(len(times))])
        return dict(found)
    noise = np.random.default_rng(seed)
    return {
        "flicker": float(noise.uniform(0, 2)),
        "swim": float(noise.uniform(0, 20)),
        "structure": float(noise.uniform(0.3, 0.95)),
        "change": float(noise.uniform(5, 60)),
        "sharpness": float(noise.uniform(0.1, 2)),
    }


class MadeSource:
    """A made sheet behind a real view; what pages ask for is not done.

    Args:
        sheet: The sheet.
    """

    def __init__(self, sheet: MadeSheet) -> None:
        self._sheet = sheet
        self._document = describe(
            sheet.contents, can={"use_live": True, "rank": True, "save": True}
        )

    def document(self) -> dict[str, Any]:
        return self._document

    def picture(self, name: str) -> bytes | None:
        return self._sheet.pictures.get(name)

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None
