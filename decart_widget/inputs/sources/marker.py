"""A number that is drawn into a picture, and read out of it again after video codecs.

It tells which frame a received picture was made from, by the picture alone: the judge of frame
identity in tests, in `TestPattern`, and in a local server that is asked to keep it.

The marker is a square in the middle of the picture, where neither a crop to another shape nor a
mirrored picture removes it: ``CELLS`` x ``CELLS`` cells, black or white. The cells in the corners
are references: three are white and the one at the bottom right is black, so that its place tells
how the picture was flipped, and its value whether it was inverted. The others hold 20 bits of the
number and 12 bits of a checksum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CELLS: Final = 6
"""Cells in a row and in a column."""

NUMBER_BITS: Final = 20
"""Bits of the number; more than nine hours of 30 frames/s."""

CHECKSUM_BITS: Final = 12
"""Bits of the checksum."""

LARGEST: Final = (1 << NUMBER_BITS) - 1
"""The largest number that a marker holds."""

CELL_SHARE: Final = 0.05
"""Side of a cell, as a share of the shorter side of the picture: 36 pixels at 1280x720. The whole
marker is as wide as 0.3 of the shorter side, and so survives the crop from 16:9 to 9:16."""

SMALLEST_PX: Final = 64
"""Shorter side of a picture in pixels for which a cell still has three."""

_WHITE: Final = 235
_BLACK: Final = 16
_NEUTRAL: Final = 128

_SCALES: Final = (16 / 9, 4 / 3, 1.0, 3 / 4)
"""Sizes of a cell that are tried, by `CELL_SHARE`: the picture cropped from landscape to portrait,
or back; from 4:3 to 16:9; as it was written; scaled without a crop from 4:3 to 16:9 on its side.
The largest first, because a square inside a larger marker has clear cells as well."""

_EXACT_FROM_PX: Final = 16
"""Side of a cell in pixels from which it doesn't matter that `write` makes it even."""

_LEAST_CONTRAST: Final = 40
"""Levels between black and white below which nothing is read: the marker has 219."""

_LARGEST_DEVIATION: Final = 0.35
"""How far a cell may be from black or white, as a share of their difference."""

_SAMPLES: Final = 8
"""Pixels that are looked at in a row and in a column of a cell."""

_LARGEST_SPREAD: Final = 0.25
"""Mean difference of a cell's samples from their mean, as a share of that difference."""

_POLYNOMIAL: Final = 0x80F
"""Of the checksum CRC-12 (3GPP TS 25.212)."""


def write(picture: NDArray[np.uint8], number: int) -> None:
    """Draws a number into a picture.

    Args:
        picture: ``(height * 3 / 2, width)`` uint8, I420, contiguous; changed in place.
        number: 0 to `LARGEST`.

    Raises:
        ValueError: The number doesn't fit, or the picture is smaller than `SMALLEST_PX`.
    """
    import numpy as np

    if not 0 <= number <= LARGEST:
        raise ValueError(f"a marker holds 0 to {LARGEST}, not {number}")
    width, height = picture.shape[1], picture.shape[0] * 2 // 3
    if min(width, height) < SMALLEST_PX:
        raise ValueError(f"a marker needs {SMALLEST_PX} pixels, not {width}x{height}")
    side = _written_side(width, height)
    bits = number << CHECKSUM_BITS | _checksum(number)
    values = [_WHITE if bits >> at & 1 else _BLACK for at in range(NUMBER_BITS + CHECKSUM_BITS)]
    cells = np.empty((CELLS, CELLS), np.uint8)
    cells[_data_cells()] = values
    cells[0, 0] = cells[0, -1] = cells[-1, 0] = _WHITE
    cells[-1, -1] = _BLACK
    x, y = (max(0, (length - CELLS * side) // 4 * 2) for length in (width, height))
    luma = picture[:height]
    square = cells.repeat(side, 0).repeat(side, 1)
    luma[y : y + CELLS * side, x : x + CELLS * side] = square
    quarter = width * height // 4
    flat = picture.reshape(-1)[width * height :]
    for plane in (flat[:quarter], flat[quarter:]):
        chroma = plane.reshape(height // 2, width // 2)
        half = CELLS * side // 2
        chroma[y // 2 : y // 2 + half, x // 2 : x // 2 + half] = _NEUTRAL


def read(luma: NDArray[Any]) -> int | None:
    """Reads the number of a picture.

    The picture may be compressed, scaled, mirrored, turned by 180 degrees, inverted, paler or
    darker than it was written, or cropped in the middle to 16:9, 9:16 or 4:3.

    Args:
        luma: ``(height, width)``, the picture's luma, or any channel of it.

    Returns:
        The number; None when there is none, or it can't be read.
    """
    height, width = luma.shape
    for scale in _SCALES:
        side = min(width, height) * CELL_SHARE * scale
        if scale == 1 and side < _EXACT_FROM_PX:
            side = _written_side(width, height)
        if side >= 2 and side * CELLS <= min(width, height):
            number = _number(_samples(luma, side))
            if number is not None:
                return number
    return None


def _written_side(width: int, height: int) -> int:
    """Returns the side of a cell in pixels; even, so that the chroma planes have whole cells."""
    return max(2, round(min(width, height) * CELL_SHARE / 2) * 2)


def _samples(luma: NDArray[Any], side: float) -> NDArray[Any]:
    """Returns samples from the inner half of each cell, ``(CELLS, CELLS, _SAMPLES ** 2)``."""
    import numpy as np

    # Positions in cells from the middle of the picture.
    inner = (np.arange(_SAMPLES) + 0.5) / _SAMPLES / 2 + 0.25
    places = (np.arange(CELLS)[:, None] + inner - CELLS / 2).ravel() * side
    rows, columns = ((length / 2 + places).astype(np.intp) for length in luma.shape)
    samples = luma[np.ix_(rows, columns)].reshape(CELLS, _SAMPLES, CELLS, _SAMPLES)
    return samples.transpose(0, 2, 1, 3).reshape(CELLS, CELLS, -1)


def _number(samples: NDArray[Any]) -> int | None:
    """Returns the number in the samples of the cells; None without a valid one."""
    import numpy as np

    cells = samples.mean(-1)
    corners = cells[np.ix_((0, -1), (0, -1))]
    odd = int(np.abs(corners - np.median(corners)).argmax())
    white = np.delete(corners.ravel(), odd).mean()
    black = corners.flat[odd]
    contrast = white - black  # below 0 when the picture is inverted
    if abs(contrast) < _LEAST_CONTRAST:
        return None
    spread = np.abs(samples - cells[..., None]).mean(-1).max()
    levels = (cells - black) / contrast
    deviation = np.minimum(np.abs(levels), np.abs(levels - 1)).max()
    if deviation > _LARGEST_DEVIATION or spread > _LARGEST_SPREAD * abs(contrast):
        return None
    row, column = divmod(odd, 2)
    values = levels[:: 1 if row else -1, :: 1 if column else -1][_data_cells()] > 0.5
    bits = sum(1 << at for at, value in enumerate(values) if value)
    number = bits >> CHECKSUM_BITS
    return number if _checksum(number) == bits & ((1 << CHECKSUM_BITS) - 1) else None


def _data_cells() -> tuple[list[int], list[int]]:
    """Returns the rows and columns of the cells that hold bits, the lowest bit first."""
    last = CELLS - 1
    places = [
        (row, column)
        for row in range(CELLS)
        for column in range(CELLS)
        if not (row in (0, last) and column in (0, last))
    ]
    return [row for row, _ in places], [column for _, column in places]


def _checksum(number: int) -> int:
    """Returns CRC-12 of the number's bits, begun with ones, so that black is no number."""
    ones = (1 << CHECKSUM_BITS) - 1
    remainder = ones
    for at in reversed(range(NUMBER_BITS)):
        carry = (remainder >> CHECKSUM_BITS - 1 ^ number >> at) & 1
        remainder = (remainder << 1 & ones) ^ (_POLYNOMIAL if carry else 0)
    return remainder
