"""What a preview gives: its plan, the picture of each prompt, and how a notebook shows them."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from decart_widget.errors import DecartError

THUMBNAIL_PX: Final = 240
"""Longer side in pixels of a picture in a notebook; 100 of them take 1.5 MB."""

_STYLE: Final = (
    "display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:8px;font-size:12px"
)
"""Of the pictures side by side, as many as fit."""


@dataclass(frozen=True)
class PreviewPlan:
    """What a preview takes.

    Attributes:
        pictures: One for each prompt.
        resolution: ``"480p"`` or ``"720p"``.
        cost: US dollars; None where no price is known.
        prices_as_of: Year and month of the list price.
        duplicates: Prompts that were given again, and are left out.
    """

    pictures: int
    resolution: str
    cost: float | None
    prices_as_of: str
    duplicates: int

    def __str__(self) -> str:
        money = "no price known" if self.cost is None else f"${self.cost:.2f}"
        again = f", {self.duplicates} given again" if self.duplicates else ""
        what = "picture" if self.pictures == 1 else "pictures"
        date = "" if self.cost is None else f" (list prices of {self.prices_as_of})"
        return f"{self.pictures} {what} at {self.resolution}: {money}{date}{again}"


@dataclass(frozen=True)
class Screened:
    """One prompt of a preview.

    Attributes:
        number: From 0.
        prompt: The text.
        picture: The file that the service answered (JPEG, PNG or WebP); None: not there (yet).
        error: Why there is none; None where there was no attempt.
        is_refused: Whether the service refused this prompt, which is not asked again.
        scores: ``change``, ``structure`` and ``sharpness``, as those of a cell, of one frame.
        thumbnail: A small JPEG of the picture; empty where there is none.
    """

    number: int
    prompt: str
    picture: bytes | None = None
    error: DecartError | None = None
    is_refused: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    thumbnail: bytes = b""

    @property
    def is_over(self) -> bool:
        """Whether it needs no further request."""
        return self.picture is not None or self.is_refused

    def __repr__(self) -> str:
        state = "a picture" if self.picture is not None else str(self.error or "not asked yet")
        return f"Screened({self.number}, {self.prompt!r}, {state})"


def page(plan: PreviewPlan, results: Sequence[Screened], state: str, cost: float | None) -> str:
    """Returns a preview as HTML, with small pictures in it.

    Args:
        plan: What it takes.
        results: Its prompts.
        state: Of the preview.
        cost: US dollars so far.
    """
    done = sum(each.picture is not None for each in results)
    if state == "planned":
        words = f"{plan}. Nothing is billed before <code>start()</code>."
    else:
        money = "" if cost is None else f", ${cost:.2f}"
        words = f"{done} of {plan.pictures} pictures{money} ({state})"
    figures = "".join(_figure(each) for each in results if each.picture is not None or each.error)
    return f'<p>{words}</p><div style="{_STYLE}">{figures}</div>'


def _figure(each: Screened) -> str:
    prompt = html.escape(each.prompt)
    if each.thumbnail:
        data = base64.b64encode(each.thumbnail).decode()
        shown = (
            f'<img alt="{prompt}" src="data:image/jpeg;base64,{data}" '
            'style="width:100%;border-radius:7px">'
        )
    else:
        shown = f"<div>{html.escape(str(each.error or 'The picture can not be read.'))}</div>"
    scores = ", ".join(f"{name} {value:.2f}" for name, value in each.scores.items())
    return (
        f'<figure style="margin:0">{shown}<figcaption><b>{each.number}</b> {prompt}'
        f"<br><small>{scores}</small></figcaption></figure>"
    )
