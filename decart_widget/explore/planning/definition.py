"""The definition of a sweep: its clip, its axes and its cells, each with a key that stays."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from decart_widget.errors import InvalidOptionError
from decart_widget.explore.planning.axes import Choice, Design
from decart_widget.explore.planning.clip import Clip
from decart_widget.explore.planning.session_options import SessionOptions
from decart_widget.explore.records import Axis, Cell
from decart_widget.explore.sprites import MOMENTS

KEY_VERSION: Final = 1
"""Rises when the same arguments would give other pictures; then no old cell is taken for a new."""

DEFAULT_SECONDS: Final = 3.0
"""Seconds of the clip that a cell covers where the call doesn't say it."""

LEAST_SECONDS: Final = 0.2
"""Seconds that a cell covers at least: flicker needs a few frames one after the other."""

MAX_REPEATS: Final = 50
"""Runs of one cell; an interval hardly narrows with more."""

MAX_CELL_BYTES: Final = 3_000_000_000
"""Bytes of one cell's frames in memory, as they were sent and as they came back: 18 s of 720p."""


@dataclass(frozen=True)
class Span:
    """The part of the clip that each cell covers.

    Attributes:
        first_s: Where it begins, in seconds of the source.
        seconds: Its length.
        moments: Times in the source at which a sheet shows its cells, in seconds, ascending.
    """

    first_s: float
    seconds: float
    moments: tuple[float, ...]


@dataclass(frozen=True)
class Definition:
    """All that decides what a sweep runs and shows.

    Attributes:
        clip: What is sent.
        span: Which part of it.
        axes: Of the sheet.
        cells: Each place as often as it is repeated, and a control cell for each model, in the
            order of their places.
        images: The files of the reference images by key.
        models: The models by name.
        options: Of the sessions.
        repeats: Runs of each place.
        seed: Of the order of running.
        duplicates: Prompts that were given again and are left out.
    """

    clip: Clip
    span: Span
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    images: Mapping[str, bytes]
    models: Mapping[str, Any]
    options: SessionOptions
    repeats: int
    seed: int
    duplicates: int

    @property
    def base(self) -> str:
        """16 hex digits of what all cells have in common: clip, span and options."""
        return _digest(_common(self.clip, self.span, self.options))

    @property
    def digest(self) -> str:
        """8 hex digits of the whole; another order of labels is another sweep."""
        axes = [[axis.name, *axis.labels] for axis in self.axes]
        keys = [[cell.key, *cell.place] for cell in self.cells]
        return _digest([axes, keys])[:8]


def define(
    clip: Clip, design: Design, span: Span, options: SessionOptions, *, repeats: int, seed: int
) -> Definition:
    """Makes the definition of a sweep.

    Args:
        clip: What is sent.
        design: Axes and choices.
        span: The part of the clip that each cell covers.
        options: Of the sessions.
        repeats: Runs of each place.
        seed: Of the order of running.

    Returns:
        The definition.

    Raises:
        InvalidOptionError: Repeats or seed are none, or a cell needs too much memory.
    """
    _whole("repeats", repeats, 1, MAX_REPEATS)
    _whole("seed", seed, 0, 2**63)
    for model in design.models.values():
        size = clip.fps * span.seconds * model.width * model.height * 3 * 2
        if size > MAX_CELL_BYTES:
            most = MAX_CELL_BYTES / size * span.seconds
            raise InvalidOptionError(
                f"A cell of {span.seconds:g} s has {size / 1e9:.1f} GB of frames.",
                remedy=f"Take {most:.0f} s at most, or fewer frames a second "
                "(VideoFile(..., fps=10)).",
            )
    common = _common(clip, span, options)
    controls = [Choice(None, (), False, None, name, False, ()) for name in design.models]
    cells = [_cell(choice, 0, common, design.models, is_control=True) for choice in controls]
    for repeat in range(repeats):
        cells += [_cell(choice, repeat, common, design.models) for choice in design.choices]
    return Definition(
        clip,
        span,
        design.axes,
        tuple(cells),
        design.images,
        design.models,
        options,
        repeats,
        seed,
        design.duplicates,
    )


def span_of(at: Any, seconds: Any, clip: Clip) -> Span:
    """Returns the part of a clip that cells cover.

    Args:
        at: Times in the clip at which the sheet shows its cells, in seconds; None: spread evenly.
        seconds: Length of the part, from the clip's begin; None: to the last moment, or 3 s.
        clip: The clip.

    Returns:
        The part.

    Raises:
        InvalidOptionError: They are no times, or the clip is shorter.
    """
    moments = _moments(at)
    length, tick = clip.length_s, 1 / clip.fps
    if seconds is not None:
        seconds = _seconds(seconds)
    last = moments[-1] if moments else (0.0 if seconds is None else seconds - tick)
    if length is not None and last > length - tick / 2:
        what = f"the last moment is {last:g} s" if moments else f"{seconds:g} s of it are asked for"
        raise InvalidOptionError(
            f"{clip.label} has {length:.2f} s, and {what}.",
            remedy="Give earlier moments, or a longer clip."
            if moments
            else f"Give seconds={math.floor(length * 100) / 100:g} at most.",
        )
    if not moments:
        whole = DEFAULT_SECONDS if seconds is None else seconds
        whole = whole if length is None else min(whole, length)
        count = min(MOMENTS, max(1, round(whole * clip.fps)))
        step = (whole - tick) / max(1, count - 1)
        return Span(0.0, round(whole, 6), tuple(round(i * step, 6) for i in range(count)))
    if seconds is not None:
        if last >= seconds:
            raise InvalidOptionError(
                f"The last moment is {last:g} s, and a cell covers {seconds:g} s.",
                remedy="Leave seconds= out, or give earlier moments.",
            )
        return Span(0.0, seconds, moments)
    first = moments[0]
    if length is not None:
        first = max(0.0, min(first, length - LEAST_SECONDS))
    covered = max(LEAST_SECONDS, math.ceil((last - first) * clip.fps + 1) / clip.fps)
    if length is not None:
        covered = min(covered, length - first)
    return Span(round(first, 6), round(covered, 6), moments)


def in_order(cells: Iterable[Cell], seed: int) -> tuple[Cell, ...]:
    """Returns cells in the order of running: controls first, the others shuffled.

    The order is the same for the same seed, and each key occurs once. Places in a row would run at
    about the same time, and a slow drift of the model or the connection would look like an effect.

    Args:
        cells: What is to run.
        seed: Of the order.
    """
    unique = list({cell.key: cell for cell in cells}.values())
    others = sorted((cell for cell in unique if not cell.is_control), key=lambda cell: cell.key)
    random.Random(seed).shuffle(others)
    return (*(cell for cell in unique if cell.is_control), *others)


def spread_over(cells: Sequence[Cell], count: int) -> tuple[Cell, ...]:
    """Returns so many cells, spread evenly over the sheet; controls come with them.

    Args:
        cells: In any order.
        count: How many, controls not counted.
    """
    controls = [cell for cell in cells if cell.is_control]
    others = sorted(
        (cell for cell in cells if not cell.is_control), key=lambda cell: (cell.repeat, cell.place)
    )
    if count >= len(others):
        return tuple(cells)
    if count <= 0:
        return ()
    # A step without a common divisor with the count doesn't stay in one row or column.
    step = next(
        step
        for step in range(max(1, round(len(others) * 0.618)), 2 * len(others) + 2)
        if math.gcd(step, len(others)) == 1
    )
    chosen = {others[index * step % len(others)].key for index in range(count)}
    return (
        tuple(cell for cell in cells if cell.is_control or cell.key in chosen)
        if controls
        else (tuple(cell for cell in cells if cell.key in chosen))
    )


def _common(clip: Clip, span: Span, options: SessionOptions) -> dict[str, Any]:
    return {
        "version": KEY_VERSION,
        "clip": clip.sha256,
        "fps": round(clip.fps, 3),
        "first_s": span.first_s,
        "seconds": span.seconds,
        "moments": list(span.moments),
        "options": dict(options.described),
    }


def _cell(
    choice: Choice,
    repeat: int,
    common: Mapping[str, Any],
    models: Mapping[str, Any],
    *,
    is_control: bool = False,
) -> Cell:
    prompt, changes = _in_span(choice, common["first_s"], common["seconds"])
    decides = [
        common,
        asdict(models[choice.model]),
        prompt,
        changes,
        choice.enrich,
        choice.image,
        choice.fresh,
        repeat,
    ]
    return Cell(
        prompt=prompt,
        enrich=choice.enrich,
        image=choice.image,
        model=choice.model,
        fresh=choice.fresh,
        repeat=repeat,
        place=choice.place,
        is_control=is_control,
        key=_digest(decides),
        changes=changes,
    )


def _in_span(
    choice: Choice, first_s: float, seconds: float
) -> tuple[str | None, tuple[tuple[float, str | None], ...]]:
    """Returns the prompt at the begin of the part that is played, and the changes in it."""
    if not choice.changes:
        return choice.prompt, ()
    before = [prompt for at_s, prompt in choice.changes if at_s <= first_s]
    end_s = first_s + seconds
    later = tuple(change for change in choice.changes if first_s < change[0] < end_s)
    return (before[-1] if before else None), later


def _digest(values: Any) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _moments(at: Any) -> tuple[float, ...]:
    if at is None:
        return ()
    given = [at] if isinstance(at, int | float) else at
    try:
        times = sorted({_time(time) for time in given})
    except TypeError:
        raise _no_moments(at) from None
    if not times or len(times) > MOMENTS:
        raise InvalidOptionError(
            f"at has {len(times)} moments.", remedy=f"Give 1 to {MOMENTS} times in seconds."
        )
    return tuple(times)


def _time(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        raise _no_moments(value)
    return float(value)


def _no_moments(value: Any) -> InvalidOptionError:
    return InvalidOptionError(
        f"at has {value!r}.", remedy="Give seconds from the clip's begin, as in at=[0.5, 1.5]."
    )


def _seconds(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not LEAST_SECONDS <= value < 1e6:
        raise InvalidOptionError(
            f"seconds is {value!r}.", remedy=f"Give {LEAST_SECONDS:g} or more seconds of the clip."
        )
    return float(value)


def _whole(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidOptionError(
            f"{name} is {value!r}.", remedy=f"Give a whole number, {low:,} to {high:,}."
        )
