"""When a look has come in: the output is compared with itself, at the same frame of the clip.

While a look comes in, the end of the clip is played; later the cell's own take ends with the same
frames. What the lead-in differs from these is what had not come in yet; the distance between the
former cell's frames and this one's is the scale. Small pictures are compared, so that the codec's
noise hardly counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH_PX: Final = 64
"""Width of the pictures that are compared; as high as their shape wants it."""

VISIBLE: Final = 2.0
"""Levels of 255 between two looks below which no change can be seen: a codec alone makes up to
0.8 at this size."""

NOISE: Final = 0.8
"""Levels that two pictures of one look may differ: what a codec makes of them at this size."""

LEFT: Final = 0.05
"""Part of the change that may be missing from a look that has come in."""

BEGUN: Final = 0.1
"""Part of the change from which on a look begins to come in."""

TAIL: Final = 3
"""Samples at the end of a lead-in that must be alike."""

UNLIKE: Final = 0.35
"""Part of the change by which two plays of one look may differ: models add noise of their own."""


class Sample(NamedTuple):
    """One frame that came back after a prompt was changed.

    Attributes:
        number: Of the frame as it was played.
        position: Its place in the clip.
        sent_s: When it was sent, in seconds from the prompt's acknowledgement; before it: negative.
        small: The picture, see `small_picture`.
    """

    number: int
    position: int
    sent_s: float
    small: NDArray[np.float32]


class Settling(NamedTuple):
    """How a look came in.

    Attributes:
        is_visible: Whether the look differs from the former one; without that nothing is known.
        is_settled: Whether it had come in before the samples end; True where nothing is known.
        settled: The first sample with the whole look; None: not seen.
        began: The first sample that differs from the former look; None: not seen.
    """

    is_visible: bool
    is_settled: bool
    settled: Sample | None
    began: Sample | None


UNKNOWN: Final = Settling(is_visible=False, is_settled=True, settled=None, began=None)
"""Nothing could be compared."""


def small_picture(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Returns a picture as it is compared.

    Args:
        picture: ``(height * 3 / 2, width)`` uint8, I420.

    Returns:
        Its planes, scaled down, as one row of float32.
    """
    import cv2
    import numpy as np

    rows, width = picture.shape
    height = rows * 2 // 3
    size = (WIDTH_PX, max(2, round(WIDTH_PX * height / width)))
    flat = picture.reshape(-1)[width * height :].reshape(2, height // 2, width // 2)
    planes = [cv2.resize(picture[:height], size, interpolation=cv2.INTER_AREA)]
    half = (size[0] // 2, max(1, size[1] // 2))
    planes += [cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in flat]
    return np.concatenate([plane.ravel() for plane in planes]).astype(np.float32)


def distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Returns the mean difference of two small pictures, in levels of 255."""
    import numpy as np

    if one.shape != other.shape:
        return 255.0
    return float(np.abs(one - other).mean())


def settling(
    samples: Sequence[Sample],
    now: Mapping[int, NDArray[np.float32]],
    former: Mapping[int, NDArray[np.float32]],
) -> Settling:
    """Finds when a look came in.

    Args:
        samples: What came back since the prompt was changed, in order, before the newest play of
            its place in the clip.
        now: The newest small picture of each place, with the new look.
        former: The same with the former look.

    Returns:
        When it began and when it was whole.
    """
    import numpy as np

    known = [s for s in samples if s.position in now and s.position in former]
    if not known:
        return _against_itself(samples, now)
    scale = float(np.median([distance(now[s.position], former[s.position]) for s in known]))
    if scale < VISIBLE:
        return UNKNOWN
    missing = [distance(s.small, now[s.position]) for s in known]
    gone = [distance(s.small, former[s.position]) for s in known]
    began = next(
        (s for s, far in zip(known, gone, strict=True) if far > max(1.5 * NOISE, BEGUN * scale)),
        None,
    )
    settled = _settled(known, missing, scale)
    return Settling(True, settled is not None, settled, began)


def _against_itself(samples: Sequence[Sample], now: Mapping[int, NDArray[np.float32]]) -> Settling:
    """Of the first look of a session, for which there is no former one."""
    known = [s for s in samples if s.position in now]
    if not known:
        return UNKNOWN
    missing = [distance(s.small, now[s.position]) for s in known]
    if max(missing) < VISIBLE:
        return UNKNOWN
    settled = _settled(known, missing, max(missing))
    return Settling(False, settled is not None, settled, None)


def _settled(known: Sequence[Sample], missing: Sequence[float], scale: float) -> Sample | None:
    """Returns the first sample from which on nothing is missing; None if the end isn't alike."""
    import numpy as np

    if len(known) < TAIL:
        return None if missing[-1] > max(NOISE, LEFT * scale) * 2 else known[-1]
    tail = float(np.median(missing[-TAIL:]))
    limit = max(NOISE, LEFT * scale, 1.3 * tail)
    if tail > UNLIKE * scale + NOISE or _falls(missing, scale):
        return None
    at = len(missing)
    while at and missing[at - 1] <= limit:
        at -= 1
    return known[at] if at < len(known) - 1 else None


def _falls(missing: Sequence[float], scale: float) -> bool:
    """Whether what is missing still gets less at the end."""
    import numpy as np

    end = np.asarray(missing[-2 * TAIL :])
    drop = float(np.mean(end[: len(end) // 2]) - np.mean(end[len(end) // 2 :]))
    left = float(np.mean(missing[-TAIL:]))
    return drop > max(NOISE, LEFT * scale) and left > max(NOISE, LEFT * scale)
