"""Whether one cell's score is better than another's, or the two are not to be told apart."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from decart_widget.errors import InvalidOptionError
from decart_widget.explore.verdict.intervals import (
    Interval,
    check_level,
    finite,
    mean_and_variance,
)
from decart_widget.explore.verdict.student import t_below, t_quantile

Word = Literal["better", "worse", "more", "less", "not to be told apart"]
"""What is said of a cell against another. ``"more"`` and ``"less"`` stand for scores of which
neither is better, such as the change of the colours."""

SAME: Final = "not to be told apart"
"""The verdict when the difference may be chance, or is too small to be seen."""

LEVEL: Final = 0.97
"""How often two cells that are the same shall be called so: of 200 pairs of such cells, 6 are told
apart, and more than 10 in one case of 20 at most. At 0.95 that would happen every second time."""


@dataclass(frozen=True)
class Verdict:
    """What the repeats of two cells say about one score.

    Attributes:
        word: Of the first cell: ``"better"``, ``"worse"``, ``"more"``, ``"less"`` or ``"not to be
            told apart"``.
        probability: That the first cell's true mean is the better one (the greater one, where
            neither is better), given these values and no other knowledge: 0.5 is undecided. None
            with fewer than two values on a side.
        difference: The first cell's mean less the second's, in the score's unit; None without
            values.
        interval: Of that difference, at the level of the verdict.
        reason: Why they are not to be told apart; empty where they are.
    """

    word: Word
    probability: float | None
    difference: float | None
    interval: Interval
    reason: str = ""

    def __str__(self) -> str:
        if self.probability is None:
            return f"{self.word} ({self.reason})"
        percent = 100 * max(self.probability, 1 - self.probability)
        shown = (
            ">99.9" if percent > 99.9 else f"{percent:.1f}" if percent > 99 else f"{percent:.0f}"
        )
        return f"{self.word} ({shown} %)" if not self.reason else f"{self.word} ({self.reason})"


def compare(
    a_values: Iterable[float | None],
    b_values: Iterable[float | None],
    *,
    better: Literal["more", "less"] | None = "more",
    floor: float = 0.0,
    level: float = LEVEL,
    comparisons: int = 1,
) -> Verdict:
    """Compares one score of two cells by its values in their repeats.

    It is Welch's test, which doesn't presume that both vary alike: the cells are told apart where
    the interval of the difference doesn't contain 0 and the difference exceeds ``floor``.

    A verdict is about one pair that was chosen beforehand. Who looks at all pairs of nine cells and
    picks the clearest makes 36 comparisons, and finds one by chance: give ``comparisons=36``, or
    run the two again and compare the new values.

    Args:
        a_values: The first cell's score in each of its repeats.
        b_values: The second cell's.
        better: Whether more or less is better; None where neither is.
        floor: The least difference that is worth a word, in the score's unit (``Scale.least``). It
            is also taken for twice the least standard deviation: values that agree by rounding are
            no proof.
        level: How often two cells that are the same shall be called so.
        comparisons: How many comparisons are looked at together; the level then holds for all of
            them (Bonferroni).

    Returns:
        The verdict.

    Raises:
        InvalidOptionError: An option is out of range.
    """
    check_level(level)
    if not floor >= 0 or math.isinf(floor):
        raise InvalidOptionError(f"The floor is {floor!r}.", remedy="Give 0 or more.")
    if isinstance(comparisons, bool) or not isinstance(comparisons, int) or comparisons < 1:
        raise InvalidOptionError(
            f"The number of comparisons is {comparisons!r}.", remedy="Give 1 or more."
        )
    a, b = finite(a_values), finite(b_values)
    difference = math.fsum(a) / len(a) - math.fsum(b) / len(b) if a and b else None
    count = min(len(a), len(b))
    if difference is None or count < 2:
        reason = f"{count} value{'' if count == 1 else 's'} of a cell: run it with repeats"
        return Verdict(SAME, None, difference, Interval(difference, None, None, count), reason)
    error, freedom = _standard_error(a, b, floor)
    tail = (1 - level) / comparisons / 2
    half = t_quantile(1 - tail, freedom) * error
    found = Interval(difference, difference - half, difference + half, count)
    above = t_below(difference / error, freedom) if error else 0.5 + math.copysign(0.5, difference)
    if difference == 0:
        above = 0.5
    probability = 1 - above if better == "less" else above
    if abs(difference) <= floor:
        return Verdict(SAME, probability, difference, found, "the difference is too small to see")
    if abs(difference) <= half:
        return Verdict(SAME, probability, difference, found, "the difference may be chance")
    word: Word
    if better is None:
        word = "more" if difference > 0 else "less"
    else:
        word = "better" if (difference > 0) == (better == "more") else "worse"
    return Verdict(word, probability, difference, found)


def _standard_error(a: list[float], b: list[float], floor: float) -> tuple[float, float]:
    """Returns the standard error of the difference of two means, and its degrees of freedom.

    Args:
        a: Two values at least.
        b: Likewise.
        floor: Twice the least standard deviation.
    """
    least = (floor / 2) ** 2
    part_a = max(least, mean_and_variance(a)[1]) / len(a)
    part_b = max(least, mean_and_variance(b)[1]) / len(b)
    both = part_a + part_b
    if not both:
        return 0.0, float(len(a) + len(b) - 2)
    # In shares, as squares of small parts would be 0.
    share_a, share_b = part_a / both, part_b / both
    freedom = 1 / (share_a**2 / (len(a) - 1) + share_b**2 / (len(b) - 1))
    return math.sqrt(both), freedom
