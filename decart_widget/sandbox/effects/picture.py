"""One picture in the form in which video codecs take it: I420 planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

#: An array of uint8; OpenCV's stubs promise no more than "some number", so neither does this name.
Plane = NDArray[Any]

#: Chroma of no colour.
NEUTRAL = 128


@dataclass(frozen=True, slots=True)
class I420:
    """A picture as a full-size luma plane and two half-size chroma planes (BT.601, video range).

    Working on the planes spares two conversions (3 ms a 1280x720 frame), and colour is only a
    quarter of the pixels each.

    Attributes:
        data: (height * 3 / 2, width) uint8, the planes one after the other; both sizes are even.
    """

    data: Plane

    def __post_init__(self) -> None:
        rows, width = self.data.shape
        if rows % 3 or width % 2:
            raise ValueError(f"I420 needs an even width and height, not {width}x{rows * 2 // 3}")

    @classmethod
    def blank(cls, width: int, height: int) -> I420:
        """A picture of undefined luma and no colour."""
        picture = cls(np.empty((height * 3 // 2, width), np.uint8))
        picture.data[height:] = NEUTRAL
        return picture

    @classmethod
    def like(cls, other: I420) -> I420:
        """A picture of the same size, of undefined content."""
        return cls(np.empty_like(other.data))

    @classmethod
    def from_rgb(cls, rgb: Plane) -> I420:
        """From (height, width, 3) uint8 RGB; an odd last row or column is cut off."""
        height, width = (size & ~1 for size in rgb.shape[:2])
        even = np.ascontiguousarray(rgb[:height, :width])
        return cls(cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420))

    def rgb(self) -> Plane:
        """As (height, width, 3) uint8 RGB, an array of its own."""
        return cv2.cvtColor(self.data, cv2.COLOR_YUV2RGB_I420)

    def copy(self) -> I420:
        """A picture of its own with the same content."""
        return I420(self.data.copy())

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.data.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.data.shape[0]) * 2 // 3

    @property
    def y(self) -> Plane:
        """Luma, (height, width), a view: 16 is black, 235 white."""
        return self.data[: self.height]

    @property
    def u(self) -> Plane:
        """Blue difference, (height / 2, width / 2), a view: 128 is no colour."""
        return self._chroma(0)

    @property
    def v(self) -> Plane:
        """Red difference, (height / 2, width / 2), a view."""
        return self._chroma(1)

    def _chroma(self, index: int) -> Plane:
        # A chroma row is half a data row, so a plane can begin in the middle of one: slice flat.
        width, height = self.width // 2, self.height // 2
        start = self.width * self.height + index * width * height
        return self.data.reshape(-1)[start : start + width * height].reshape(height, width)
