"""``score_all``: every score of a cell in one pass over its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from decart_widget.errors import InvalidOptionError
from decart_widget.explore.scores.own import ScoreFunction, run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def score_all(
    frames: Sequence[NDArray[np.uint8]],
    sent: Sequence[NDArray[np.uint8]],
    times: Sequence[float],
    extra: Mapping[str, ScoreFunction] | None = None,
) -> tuple[dict[str, float], dict[str, str]]:
    """Scores what came back of a clip against what was sent.

    Each frame is read once and three small pictures are kept, so ``frames`` and ``sent`` may be
    sequences that decode a frame when it is asked for.

    Args:
        frames: What came back: uint8 RGB ``(height, width, 3)``. Another size than that of ``sent``
            is brought to it.
        sent: What was sent, for the same source frames.
        times: Of each frame in the source, in seconds. Flicker and swim come from frames that
            follow each other within 0.15 s.
        extra: Functions of the user's by name, called with lists of read-only arrays.

    Returns:
        Scores by name (see ``SCALES`` for their units), and the reasons of those of the user's that
        are missing. Left out is what these frames can't show: ``flicker`` and ``swim`` without
        three frames in a row, or across a cut; ``judder`` where nothing that was sent moved; all
        of them without a frame.

    Raises:
        InvalidOptionError: The lengths differ, or a frame is no such array.
    """
    if not len(frames) == len(sent) == len(times):
        raise InvalidOptionError(
            f"There are {len(frames)} frames, {len(sent)} sent frames and {len(times)} times.",
            remedy="Give each frame with the one that was sent, and its time.",
        )
    scores: dict[str, float] = {}
    if len(frames):
        scores = _of_pictures(frames, sent, times)
    own, reasons = run(extra or {}, frames, sent)
    return {**scores, **own}, reasons


def _of_pictures(
    frames: Sequence[NDArray[np.uint8]], sent: Sequence[NDArray[np.uint8]], times: Sequence[float]
) -> dict[str, float]:
    """Returns the package's own scores of one frame at least.

    Raises:
        InvalidOptionError: A frame is no array of RGB.
    """
    from decart_widget.explore.scores import pictures, stills
    from decart_widget.explore.scores.motion import Motion

    motion = Motion()
    size: tuple[int, int] | None = None
    sums = {"structure": 0.0, "change": 0.0, "sharpness": 0.0}
    for frame, sent_frame, time in zip(frames, sent, times, strict=True):
        shown, given = pictures.checked(frame), pictures.checked(sent_frame)
        size = size or pictures.small_size(given)
        small, small_sent = pictures.resized(shown, size), pictures.resized(given, size)
        grey_sent = motion.add(small_sent, small, time)
        sums["structure"] += stills.structure(grey_sent, pictures.grey(small))
        sums["change"] += stills.change(small_sent, small)
        sums["sharpness"] += stills.sharpness(given, shown)
    return {**motion.scores(), **{name: total / len(frames) for name, total in sums.items()}}
