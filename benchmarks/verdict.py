"""Verdicts about cells whose truth is known: false alarms, power, coverage, and blind rankings.

Simulated scores come from a normal distribution, five repeats a cell. `false_alarm` is the share of
pairs of cells with the same truth that are told apart, `power` that of pairs which differ by 2.5
standard deviations, `coverage` that of intervals at 95 % which contain the true mean. The figures
with `skewed` are the same for values from a log-normal distribution. Rankings are of nine cells, by
a judge who gives every tenth answer wrongly: Kendall's `tau` with the true order, the share `top1`
in which the best cell comes first, and the mean number of `answers`.

`false_alarm_sandbox` is the share of pairs of cells with the same prompt that are told apart after
a sweep on the local server, whose pictures have noise that differs from frame to frame: the largest
of four scores, each over 200 pairs of five repeats, drawn from 30.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import combinations
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import Figures
from decart_widget import TestPattern, explore
from decart_widget.explore.verdict import Ranking, compare, interval
from decart_widget.explore.verdict.comparison import SAME
from decart_widget.models import MODELS, RealtimeModel
from decart_widget.sandbox import serve

LIMITS: Final = {
    "false_alarm": 0.05,
    "false_alarm_skewed": 0.05,
    "false_alarm_sandbox": 0.05,
    "answers": 30.0,
}
LEAST: Final = {"power": 0.8, "coverage": 0.94, "tau": 0.9, "top1": 0.85}

REPEATS: Final = 5
PAIRS: Final = 2000
"""Pairs of cells; with 2000, the figures are within 0.01 of those of endless many."""

SHIFT: Final = 2.5
"""Standard deviations by which cells differ for `power`."""

ITEMS: Final = 9
WRONG: Final = 0.1
RANKINGS: Final = 150
"""Simulated rankings; with 150, `tau` is within 0.005 (one standard error)."""

MODEL: Final = "verdict-benchmark"
SANDBOX_REPEATS: Final = 30
SANDBOX_PAIRS: Final = 200
SANDBOX_SCORES: Final = ("flicker", "structure", "change", "sharpness")
SANDBOX_LIMIT_S: Final = 600.0
"""Seconds for the sweep; it takes a minute."""

Draw = Callable[[np.random.Generator], NDArray[np.float64]]


def normal(random: np.random.Generator) -> NDArray[np.float64]:
    """The repeats of one cell, with mean 0 and standard deviation 1."""
    return random.normal(size=REPEATS)


def skewed(random: np.random.Generator) -> NDArray[np.float64]:
    """Likewise, of a log-normal distribution: a few repeats are much worse."""
    sigma = 0.75
    mean, spread = np.exp(sigma**2 / 2), np.sqrt((np.exp(sigma**2) - 1) * np.exp(sigma**2))
    drawn: NDArray[np.float64] = (random.lognormal(0, sigma, REPEATS) - mean) / spread
    return drawn


def told_apart(draw: Draw, shift: float, random: np.random.Generator) -> float:
    """Share of pairs of which one is called better: rightly, where there is a shift."""
    count = 0
    for _ in range(PAIRS):
        word = compare(draw(random) + shift, draw(random)).word
        count += word == "better" or (word == "worse" and not shift)
    return count / PAIRS


def covered(draw: Draw, random: np.random.Generator) -> float:
    """Share of intervals that contain the true mean."""
    count = 0
    for _ in range(PAIRS):
        found = interval(draw(random))
        count += found.low is not None and found.high is not None and found.low <= 0 <= found.high
    return count / PAIRS


def kendall(order: list[int]) -> float:
    """Kendall's tau of an order, best first, with the true one, in which greater is better."""
    agreed = [1 if first > second else -1 for first, second in combinations(order, 2)]
    return sum(agreed) / len(agreed)


def ranked(random: np.random.Generator, seed: int) -> tuple[list[int], int]:
    """The order that a ranking finds, best first, and the answers that it took."""
    ranking = Ranking([str(item) for item in random.permutation(ITEMS)], seed=seed)
    while not ranking.is_done:
        left, right = ranking.next_pair()
        is_left = (int(left) > int(right)) != (random.random() < WRONG)
        ranking.answer("left" if is_left else "right")
    return [int(each.item) for each in ranking.strengths()], len(ranking.answers)


def rankings(random: np.random.Generator) -> Figures:
    found = [ranked(random, seed) for seed in range(RANKINGS)]
    return {
        "tau": round(float(np.mean([kendall(order) for order, _ in found])), 3),
        "top1": round(float(np.mean([order[0] == ITEMS - 1 for order, _ in found])), 3),
        "answers": round(float(np.mean([count for _, count in found])), 1),
    }


class Noisy:
    """A negative with more or less noise in each frame, drawn beforehand to save time."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(2)
        fields = [self._random.normal(0, sigma, (180, 320, 3)) for sigma in range(2, 9)]
        self._fields = [field.astype(np.int16) for field in fields]

    def __call__(
        self, frame: NDArray[np.uint8], prompt: str | None, image: object
    ) -> NDArray[np.uint8]:
        noise = self._fields[self._random.integers(len(self._fields))]
        return np.asarray(cv2.add(255 - frame, noise, dtype=cv2.CV_8U), np.uint8)


def same_cells() -> dict[str, list[float]]:
    """Scores of many repeats of one cell on the local server, by name."""
    MODELS[MODEL] = RealtimeModel(MODEL, fps=20, width=320, height=180)
    with tempfile.TemporaryDirectory() as folder, serve(Noisy()) as server:
        sheet = explore.sweep(
            TestPattern("texture"),
            ["negative"],
            model=MODEL,
            seconds=0.5,
            repeats=SANDBOX_REPEATS,
            folder=f"{folder}/sweep",
            endpoint=server,
            transport="webrtc",
            budget=SANDBOX_LIMIT_S,
        )
        sheet.wait(SANDBOX_LIMIT_S, progress=False)
        return {name: sheet.scores("negative", name) for name in SANDBOX_SCORES}


def sandbox_false_alarm(random: np.random.Generator) -> float:
    """The largest share of pairs of the same cell that are told apart by one score."""
    shares = []
    for values in same_cells().values():
        if len(values) < 2 * REPEATS:
            raise RuntimeError(f"only {len(values)} cells were done")
        count = 0
        for _ in range(SANDBOX_PAIRS):
            drawn = random.choice(values, 2 * REPEATS, replace=False)
            count += compare(drawn[:REPEATS], drawn[REPEATS:]).word != SAME
        shares.append(count / SANDBOX_PAIRS)
    return max(shares)


def run() -> Figures:
    random = np.random.default_rng(1)
    return {
        "false_alarm": told_apart(normal, 0.0, random),
        "false_alarm_skewed": told_apart(skewed, 0.0, random),
        "power": told_apart(normal, SHIFT, random),
        "power_skewed": told_apart(skewed, SHIFT, random),
        "coverage": covered(normal, random),
        "coverage_skewed": covered(skewed, random),
        **rankings(random),
        "false_alarm_sandbox": sandbox_false_alarm(np.random.default_rng(3)),
    }
