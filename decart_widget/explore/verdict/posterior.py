"""What answers to blind pairs say about the strengths of the items: a sample of what is possible.

The model is that of Bradley and Terry with ties (Davidson): which of two is preferred depends on
the difference of their strengths, in log-odds. Two things are added. A share of the answers are
slips: a person hits the wrong key, or didn't look. Without them one wrong answer between far items
bends all strengths: if every tenth answer is wrong, 30 answers order nine items with a Kendall's
tau of 0.85 instead of 0.92. And a prior keeps the strengths finite while an item has won, or lost,
each time.

Strengths are sampled (Gibbs' method, on a grid) rather than approximated by a normal distribution,
because with slips and few answers the distribution has several peaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPREAD: Final = 6.0
"""Standard deviation of strengths before any answer, in log-odds: most pairs of items differ so
much that only slips contradict their order."""

SLIPS: Final = 0.2
"""Share of answers that have nothing to do with the pictures; half of them are right by chance."""

TIE: Final = 0.5
"""Weight of a tie (Davidson's parameter): a fifth of the answers on two equal items."""

SLIP_TIES: Final = 0.1
"""Share of the slips that are ties."""

GRID: Final = 25
"""Values of a strength, from -2.4 to 2.4 times ``SPREAD``."""

SAMPLES: Final = 256
"""Samples, each of all strengths. With half as many Kendall's tau is lower by 0.01."""

SWEEPS: Final = 20
"""Times that each strength of each sample is drawn anew, given the others."""

BEST_FIRST: Final = 0.4
"""By how much more a pair is worth whose items may be the best one, in shares."""

Game = tuple[int, int, int]
"""Numbers of two items, and 1 if the first was preferred, -1 if the second was, 0 for a tie."""

_PLACES: Final = np.linspace(-2.4, 2.4, GRID) * SPREAD
"""The values of a strength, in log-odds."""


def _likelihoods() -> NDArray[np.float64]:
    """Returns the chances that the first is preferred, of a tie, and that the second is.

    Returns:
        ``(3, 2 * GRID - 1)``: by the difference of places on the grid, from the least one.
    """
    apart = np.arange(1 - GRID, GRID) * (_PLACES[1] - _PLACES[0])
    weights = np.stack([np.exp(apart / 2), np.full(apart.shape, TIE), np.exp(-apart / 2)])
    slips = np.array([[(1 - SLIP_TIES) / 2], [SLIP_TIES], [(1 - SLIP_TIES) / 2]])
    chances: NDArray[np.float64] = (1 - SLIPS) * weights / weights.sum(axis=0) + SLIPS * slips
    return chances


_CHANCES: Final = _likelihoods()
"""Chances of the three answers by the difference of places on the grid."""


class Posterior:
    """A sample of the strengths that agree with answers.

    Args:
        count: Number of items.
        games: The answers.
        random: Source of chance; the same source and answers give the same sample.

    Attributes:
        strengths: ``(SAMPLES, count)`` in log-odds, the mean of each sample 0.
        order: ``(SAMPLES, count)``: number of items that an item is better than.
    """

    def __init__(self, count: int, games: Sequence[Game], random: np.random.Generator) -> None:
        self._random = random
        self._places = self._sample(count, games)
        # Within a step of the grid; it also decides ties of places by chance.
        spread = random.uniform(-0.5, 0.5, self._places.shape)
        strengths = (self._places + spread) * (_PLACES[1] - _PLACES[0])
        self.strengths: NDArray[np.float64] = strengths - strengths.mean(axis=1, keepdims=True)
        self.order: NDArray[np.intp] = strengths.argsort(axis=1).argsort(axis=1)

    def best(self) -> NDArray[np.float64]:
        """Returns for each item the probability that it is the best one: ``(count,)``."""
        count = self.order.shape[1]
        return np.bincount(self.order.argmax(axis=1), minlength=count) / len(self.order)

    def agreement(self) -> float:
        """Returns Kendall's tau that can be expected of the most likely order, 0 to 1."""
        first, second = self._pairs()
        above = (self.order[:, first] > self.order[:, second]).mean(axis=0)
        return float(np.abs(2 * above - 1).mean())

    def most_telling(self, last: tuple[int, int] | None) -> tuple[int, int]:
        """Returns the pair whose answer tells most about the order of the items.

        Args:
            last: The pair that was shown last, which isn't shown again at once.
        """
        first, second = self._pairs()
        above = self.order[:, first] > self.order[:, second]
        chances = _CHANCES[:, self._places[:, first] - self._places[:, second] + GRID - 1]
        share = above.mean(axis=0)
        told = _entropy(chances.mean(axis=1))
        for part, weight in ((above, share), (~above, 1 - share)):
            of_part = (chances * part).sum(axis=1) / np.maximum(1, part.sum(axis=0))
            told -= weight * _entropy(of_part)
        best = self.best()
        told = told * (1 + BEST_FIRST * (best[first] + best[second]))
        if last is not None and len(first) > 1:
            told[(first == max(last)) & (second == min(last))] = -1
        chosen = int((told + 1e-9 * self._random.random(told.shape)).argmax())
        return int(first[chosen]), int(second[chosen])

    def _pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        first, second = np.tril_indices(self.order.shape[1], -1)
        return first, second

    def _sample(self, count: int, games: Sequence[Game]) -> NDArray[np.intp]:
        """Returns places on the grid: ``(SAMPLES, count)``."""
        prior = -0.5 * (_PLACES / SPREAD) ** 2
        weights = np.exp(prior) / np.exp(prior).sum()
        places = self._random.choice(GRID, size=(SAMPLES, count), p=weights)
        tables = _tables(count, games)
        for _ in range(SWEEPS if games else 0):
            for item in range(count):
                if not tables[item]:
                    continue
                logs = np.repeat(prior[None], SAMPLES, axis=0)
                for other, table in tables[item].items():
                    logs += table[places[:, other]]
                logs -= logs.max(axis=1, keepdims=True)
                sums = np.exp(logs, out=logs).cumsum(axis=1)
                drawn = self._random.random((SAMPLES, 1)) * sums[:, -1:]
                places[:, item] = (sums < drawn).sum(axis=1)
        return places


def _tables(count: int, games: Sequence[Game]) -> list[dict[int, NDArray[np.float64]]]:
    """Returns for each item and each other that it met: log-likelihoods of all answers.

    They are ``(GRID, GRID)``, by the place of the other and that of the item.
    """
    logs = np.log(_CHANCES)
    apart: NDArray[Any] = np.arange(GRID)[None] - np.arange(GRID)[:, None] + GRID - 1
    tables: list[dict[int, NDArray[np.float64]]] = [{} for _ in range(count)]
    for first, second, answer in games:
        for item, other, said in ((first, second, answer), (second, first, -answer)):
            table = logs[1 - said][apart]
            tables[item][other] = tables[item].get(other, 0.0) + table
    return tables


def _entropy(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the entropy of three chances, in nats."""
    at_least = np.maximum(chances, 1e-12)
    entropy: NDArray[np.float64] = -(at_least * np.log(at_least)).sum(axis=0)
    return entropy
