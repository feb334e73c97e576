"""Twins: cells whose pictures are the same to the eye, so that their prompts make no difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from decart_widget.errors import InvalidOptionError
from decart_widget.explore.scores.pictures import checked, lab, lab_distance, resized, small_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

TWINS_DE: Final = 3.0
"""Mean distance in CIE Lab below which two cells are the same picture: a codec alone makes 1.3 to
2.5 of one picture, and the two effects of the sandbox that are most alike are 4.3 apart."""

MOMENTS: Final = 3
"""Frames of a cell that are compared: the first, the middle and the last one."""

MAX_CELLS: Final = 1000
"""Cells that are compared with each other."""

BLOCKS: Final = 8
"""Blocks, across and down, whose means tell most pairs apart before the pictures are compared."""


@dataclass(frozen=True)
class Twin:
    """Two cells that are the same picture to the eye.

    Attributes:
        first: Name of the cell that came first.
        second: Name of the other one.
        distance: Mean distance in CIE Lab.
    """

    first: Any
    second: Any
    distance: float


def fingerprint(frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.float16]:
    """Returns what ``twins`` compares of a cell, 0.3 MB of it.

    Args:
        frames: Of the cell: uint8 RGB ``(height, width, 3)``. At least one, and at the same moments
            as in every other cell.

    Returns:
        CIE Lab of up to three frames: float16 ``(frames, height, width, 3)``, half as wide and high
        as pictures are scored.

    Raises:
        InvalidOptionError: There is no frame, or one is no such array.
    """
    if not len(frames):
        raise InvalidOptionError("There is no frame.", remedy="Give one frame at least.")
    last = len(frames) - 1
    places = sorted({round(last * part / (MOMENTS - 1)) for part in range(MOMENTS)})
    width, height = small_size(checked(frames[0]))
    size = (max(1, width // 2), max(1, height // 2))
    return np.stack([lab(resized(checked(frames[at]), size)) for at in places]).astype(np.float16)


def twins(prints: Mapping[Any, NDArray[np.float16]], threshold: float = TWINS_DE) -> list[Twin]:
    """Finds cells whose pictures are the same to the eye.

    Args:
        prints: What ``fingerprint`` gave for each cell, by the cell's name. Cells of other sizes or
            numbers of frames are not compared.
        threshold: Mean distance in CIE Lab below which two are the same.

    Returns:
        The pairs, the most alike first.

    Raises:
        InvalidOptionError: There are more than 1000 cells.
    """
    if len(prints) > MAX_CELLS:
        raise InvalidOptionError(
            f"There are {len(prints)} cells; {MAX_CELLS} at most are compared.",
            remedy="Compare a part of them.",
        )
    coarse = {name: _blocks(each) for name, each in prints.items()}
    found = []
    for first, second in combinations(prints, 2):
        a, b = prints[first], prints[second]
        # The distance of means is at most the mean of distances.
        if a.shape != b.shape or lab_distance(coarse[first], coarse[second]) >= threshold:
            continue
        apart = lab_distance(_pixels(a), _pixels(b))
        if apart < threshold:
            found.append(Twin(first, second, apart))
    return sorted(found, key=lambda twin: twin.distance)


def _pixels(each: NDArray[np.float16]) -> NDArray[np.float32]:
    """Returns a fingerprint as one picture, one frame below the other."""
    return each.reshape(-1, *each.shape[2:]).astype(np.float32)


def _blocks(each: NDArray[np.float16]) -> NDArray[np.float32]:
    """Returns the means of equal blocks of a fingerprint."""
    frames = each.astype(np.float32)
    _, height, width, _ = frames.shape
    across, down = min(BLOCKS, width), min(BLOCKS, height)
    cut = frames[:, : height - height % down, : width - width % across]
    rows, columns = cut.shape[1] // down, cut.shape[2] // across
    blocks = cut.reshape(-1, down, rows, across, columns, 3).mean(axis=(2, 4))
    found: NDArray[np.float32] = blocks.reshape(-1, across, 3)
    return found
