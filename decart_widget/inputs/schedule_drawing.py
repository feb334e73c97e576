"""Draws a schedule as HTML: a time line with a block for each prompt, for any notebook viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil
from typing import Final, Protocol

LEAST_END_S: Final = 2.0
"""Seconds that are drawn after the last change at least, where the length isn't known."""

MAX_TICKS: Final = 10
"""Labels of the time axis at most."""

TEXT: Final = (
    "color:var(--jp-ui-font-color1,#1c2330);"
    "font:12px/1.3 var(--jp-ui-font-family,system-ui,sans-serif)"
)
LANE: Final = "position:relative;height:42px;margin:2px 0 6px"
BLOCK: Final = (
    "position:absolute;top:0;bottom:0;box-sizing:border-box;padding:5px 8px 0;overflow:hidden;"
    "border-left:3px solid var(--jp-brand-color1,#1f66d6);border-radius:4px;white-space:nowrap;"
    "text-overflow:ellipsis;"
    "background:color-mix(in srgb,var(--jp-brand-color1,#1f66d6) 14%,transparent)"
)


class Timed(Protocol):
    """A change of a schedule."""

    @property
    def at_s(self) -> float:
        """Seconds from the begin."""

    @property
    def prompt(self) -> str | None:
        """The prompt; None leaves the picture alone."""


def drawn_length(changes: Sequence[Timed], length_s: float | None = None) -> float:
    """Returns how many seconds are drawn.

    Args:
        changes: In the order of their times.
        length_s: Of the clip in seconds; None: not known.
    """
    last_s = changes[-1].at_s
    if length_s is not None and length_s > last_s:
        return length_s
    return float(ceil(max(last_s + LEAST_END_S, last_s * 1.2)))


def as_html(
    changes: Sequence[Timed],
    length_s: float | None = None,
    *,
    title: str = "",
    strips: Mapping[str, str] | None = None,
) -> str:
    """Returns a time line.

    Args:
        changes: In the order of their times; at least one.
        length_s: Of the clip in seconds; None: not known.
        title: A line above it.
        strips: By their names, addresses of pictures whose width is the whole time.

    Returns:
        HTML without scripts or styles of its own.
    """
    whole_s = drawn_length(changes, length_s)
    ends = [change.at_s for change in changes[1:]] + [whole_s]
    blocks = "".join(
        f'<div style="{BLOCK};left:{_percent(change.at_s, whole_s)};'
        f'width:calc({_percent(end_s - change.at_s, whole_s)} - 2px)" '
        f'title="{escape(f"{change.at_s:g} s: {_name(change)}")}" dir="auto">'
        f"{escape(_name(change))}<br><small>{change.at_s:g} s</small></div>"
        for change, end_s in zip(changes, ends, strict=True)
    )
    step_s = max(1, ceil(whole_s / MAX_TICKS))
    ticks = "".join(
        f'<span style="position:absolute;left:{_percent(second, whole_s)}">{second}</span>'
        for second in range(0, int(whole_s) + 1, step_s)
        if second < whole_s * 0.97
    )
    pictures = "".join(
        f"<div>{escape(name)}</div>"
        f'<img src="{escape(address)}" alt="{escape(name)}" '
        'style="display:block;width:100%;border-radius:4px;margin:2px 0 6px">'
        for name, address in (strips or {}).items()
    )
    heading = f'<div style="font-weight:600;margin-bottom:4px">{escape(title)}</div>'
    return (
        f'<div style="max-width:760px;{TEXT}">{heading if title else ""}'
        f'<div style="position:relative;height:16px">{ticks}'
        f'<span style="position:absolute;right:0">{round(whole_s, 2):g} s</span></div>'
        f'<div style="{LANE}">{blocks}</div>{pictures}</div>'
    )


def _name(change: Timed) -> str:
    return "as it is" if change.prompt is None else change.prompt


def _percent(part_s: float, whole_s: float) -> str:
    return f"{100 * part_s / whole_s:.2f}%"
