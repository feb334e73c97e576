"""A moving test picture whose frames carry their number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from decart_widget.errors import SourceError
from decart_widget.inputs.sources import marker
from decart_widget.inputs.sources.checks import checked_fps, checked_seconds
from decart_widget.inputs.sources.reader import ReadFrame, Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS: Final = ("bars", "texture", "marker")
"""The patterns: colour bars above a ramp that moves; a picture with fine detail that pans, which is
as hard to encode as a camera's; a plain ramp that moves, which is the cheapest."""

_BARS: Final = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1))
"""Red, green and blue of the bars from left to right (EBU Tech. 3325); a black one follows."""

_BAR_LEVEL: Final = 191
"""Level of the bars' colours: 75 % of 255."""

_STEP_PX: Final = 4
"""Pixels by which a ramp moves in each frame; even, as chroma needs."""

_PAN_SHARE: Final = 0.1
"""How far the texture moves to and fro, as a share of the picture's shorter side."""


@dataclass(frozen=True)
class TestPattern:
    """A moving test picture of the model's size, drawn in the process that sends it.

    In the middle of each frame is a marker with the frame's index, which
    `decart_widget.inputs.sources.marker.read` reads.

    Args:
        kind: ``"bars"``, ``"texture"`` or ``"marker"``; see `KINDS`.
        fps: Frames/s; None: as many as the model takes.
        duration: Seconds until it ends; None: it has no end.

    Raises:
        SourceError: The kind isn't known, or a number is out of range.
    """

    __test__: ClassVar[bool] = False  # it isn't a test, as pytest takes the name to mean

    kind: str = "bars"
    fps: float | None = None
    duration: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SourceError(
                f"There is no test pattern {self.kind!r}.",
                remedy=f"Give one of {', '.join(KINDS)}.",
            )
        checked_fps(self.fps)
        checked_seconds(self.duration, "duration")

    @property
    def label(self) -> str:
        """What the source is, for people."""
        return f"test pattern ({self.kind})"

    def check(self) -> None:
        """Does nothing: a pattern needs neither disk nor device."""

    def describe(self) -> Mapping[str, Any]:
        """Returns the description from which the worker opens the source, as JSON values."""
        return {
            "kind": "pattern",
            "pattern": self.kind,
            "fps": checked_fps(self.fps),
            "duration": checked_seconds(self.duration, "duration"),
        }


class PatternReader:
    """Draws the frames of a `TestPattern`.

    Args:
        description: What `TestPattern.describe` returned.
        target: The picture that is drawn.

    Attributes:
        label: As `TestPattern.label`.
        is_live: False.
        fps: Frames/s.
        duration_s: Length in seconds; None without an end.
        frame_count: How many frames there are; None without an end.
    """

    is_live = False

    def __init__(self, description: Mapping[str, Any], target: Target) -> None:
        pattern = TestPattern(
            description["pattern"], description.get("fps"), description.get("duration")
        )
        self.label = pattern.label
        self.fps: float | None = min(pattern.fps or target.fps, target.fps)
        self._fps = self.fps
        self.duration_s = pattern.duration
        self.frame_count = (
            None if pattern.duration is None else max(1, round(pattern.duration * self._fps))
        )
        size = target.width, target.height
        self._width, self._height = size[::-1] if target.orientation == "portrait" else size
        self._mirror = target.mirror
        self._kind = pattern.kind
        self._index = 0
        self._closed = False
        self._planes: tuple[NDArray[Any], ...] = ()

    def read(self) -> ReadFrame | None:
        """Returns the next frame; None at the end."""
        index = self._index
        if self._closed or (self.frame_count is not None and index >= self.frame_count):
            return None
        self._index += 1
        picture = self._draw(index)
        if min(self._width, self._height) >= marker.SMALLEST_PX:
            marker.write(picture, index & marker.LARGEST)
        return ReadFrame(picture, index, index / self._fps)

    def close(self) -> None:
        """Ends it."""
        self._closed = True

    def _draw(self, index: int) -> NDArray[np.uint8]:
        import numpy as np

        width, height = self._width, self._height
        if not self._planes:
            planes = {"texture": _texture, "bars": _bars, "marker": _grey}[self._kind](
                width, height
            )
            step = -1 if self._mirror else 1
            self._planes = tuple(np.ascontiguousarray(plane[:, ::step]) for plane in planes)
        if self._kind == "texture":
            steps = self._planes[1].shape[0] - height // 2
            x, y = (steps - abs(at % (2 * steps) - steps) for at in (index, index * 2 // 3))
            return _joined(self._planes, x, y, width, height)
        picture = _joined(self._planes, 0, 0, width, height)
        top = 0 if self._kind == "marker" else _bars_height(height)
        ramp = 16 + (np.arange(width) + index * _STEP_PX) % width * 219 // width
        picture[top:height] = ramp[:: -1 if self._mirror else 1].astype(np.uint8)
        return picture


def _joined(
    planes: tuple[NDArray[Any], ...], x: int, y: int, width: int, height: int
) -> NDArray[np.uint8]:
    """Returns a part of a picture as I420.

    Args:
        planes: Y, U and V; the last two have half the size.
        x: Left edge of the part in pixels, halved: it is even.
        y: Upper edge, likewise.
        width: Of the part, in pixels; even.
        height: Likewise.
    """
    import numpy as np

    picture = np.empty((height * 3 // 2, width), np.uint8)
    luma, *chroma = planes
    picture[:height] = luma[2 * y : 2 * y + height, 2 * x : 2 * x + width]
    halves = picture.reshape(-1)[width * height :].reshape(2, height // 2, width // 2)
    for half, plane in zip(halves, chroma, strict=True):
        half[:] = plane[y : y + height // 2, x : x + width // 2]
    return picture


def _bars_height(height: int) -> int:
    return height * 3 // 8 * 2


def _grey(width: int, height: int) -> tuple[NDArray[Any], ...]:
    """Returns the planes of a grey picture."""
    import numpy as np

    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    return np.full((height, width), 128, np.uint8), chroma, chroma.copy()


def _bars(width: int, height: int) -> tuple[NDArray[Any], ...]:
    """Returns the planes of eight colour bars above grey."""
    import cv2
    import numpy as np

    rgb = np.zeros((2, 16, 3), np.uint8)
    rgb[:, :14] = np.repeat(np.array(_BARS, np.uint8) * _BAR_LEVEL, 2, axis=0)
    colours = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420).ravel()
    luma, *chroma = planes = _grey(width, height)
    luma[: _bars_height(height)] = colours[:16:2][np.arange(width) * 8 // width]
    for at, plane in enumerate(chroma):
        bars = colours[32 + 8 * at : 40 + 8 * at][np.arange(width // 2) * 8 // (width // 2)]
        plane[: _bars_height(height) // 2] = bars
    return planes


def _texture(width: int, height: int) -> tuple[NDArray[Any], ...]:
    """Returns the planes of noise that has the spectrum of photographs; larger than the picture."""
    import numpy as np

    margin = max(2, round(min(width, height) * _PAN_SHARE / 2) * 2)
    rows, columns = height + margin, width + margin
    random = np.random.default_rng(1)
    luma = _noise(random, rows, columns, finest_px=1) * 15 + 126
    chroma = [_noise(random, rows // 2, columns // 2, finest_px=4) * 4 + 128 for _ in range(2)]
    return tuple(np.clip(plane, 16, 235).astype(np.uint8) for plane in (luma, *chroma))


def _noise(random: np.random.Generator, rows: int, columns: int, *, finest_px: int) -> NDArray[Any]:
    """Returns octaves of equal strength: a power spectrum of 1/f^2."""
    import cv2
    import numpy as np

    total = np.zeros((rows, columns), np.float32)
    cell = 256
    while cell >= finest_px:
        shape = (rows // cell + 2, columns // cell + 2)
        octave = random.standard_normal(shape, np.float32)
        total += cv2.resize(octave, (columns, rows), interpolation=cv2.INTER_LINEAR)
        cell //= 2
    return total
