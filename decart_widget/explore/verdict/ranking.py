"""``Ranking``: which of several cells a person likes better, asked in blind pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from decart_widget.errors import InvalidOptionError

if TYPE_CHECKING:
    from decart_widget.explore.verdict.posterior import Posterior

Answer = Literal["left", "right", "tie"]
"""What a person says of a pair."""

ANSWERS: Final[tuple[str, ...]] = get_args(Answer)
"""The values of ``Answer``."""

MAX_ITEMS: Final = 100
"""Items of one ranking; they take 330 answers."""

ANSWERS_PER_ITEM: Final = 10 / 3
"""Answers after which a ranking is done: for nine items 30, with which the order is right but for
one or two neighbours, even if every tenth answer is wrong."""

AGREEMENT: Final = 0.97
"""Expected Kendall's tau of the order with the true one at which a ranking is done earlier."""

MOST_PER_ITEM: Final = 30
"""Answers per item that a ranking takes."""

INTERVAL: Final = 0.9
"""How likely a true strength is in its interval."""

VERSION: Final = 1
"""Of the JSON form."""

_SIDES: Final[dict[str, int]] = {"left": 1, "right": -1, "tie": 0}
"""Answers as numbers of the model."""


class Pair(NamedTuple):
    """Two items to choose from.

    Attributes:
        left: Name of the item on the left.
        right: Name of the item on the right.
    """

    left: str
    right: str


@dataclass(frozen=True)
class Strength:
    """What a ranking says about one item.

    Attributes:
        item: Its name.
        place: 1 for the best one.
        strength: In log-odds; the mean of all items is 0. Of two items with a difference of 1, the
            stronger one is preferred in 73 % of answers.
        low: Lower end of the interval that contains the true strength with a probability of 90 %.
        high: Its upper end.
        best: Probability that it is the best one.
    """

    item: str
    place: int
    strength: float
    low: float
    high: float
    best: float


class Ranking:
    """Asks for the better one of two items until their order is known.

    Each pair is the one whose answer tells most about the order, given the answers so far, and its
    sides are drawn. The same items, seed and answers give the same pairs.

    Args:
        items: Names of the items, such as the keys of cells; 2 to 100.
        seed: Of the sides and the order of pairs.

    Raises:
        InvalidOptionError: There are too few or too many items, or one occurs twice.
    """

    def __init__(self, items: Iterable[str], seed: int = 0) -> None:
        self._items = tuple(items)
        if not 2 <= len(self._items) <= MAX_ITEMS:
            raise InvalidOptionError(
                f"There are {len(self._items)} items to rank.",
                remedy=f"Give 2 to {MAX_ITEMS}; a filter leaves out those that don't matter.",
            )
        if not all(isinstance(item, str) for item in self._items) or len(set(self._items)) < len(
            self._items
        ):
            raise InvalidOptionError(
                "The items to rank are not different names.", remedy="Give each item once, as text."
            )
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InvalidOptionError(f"The seed is {seed!r}.", remedy="Give 0 or more.")
        self._seed = seed
        self._answers: list[tuple[Pair, Answer]] = []
        self._pair: Pair | None = None
        self._known: Posterior | None = None

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items."""
        return self._items

    @property
    def answers(self) -> Sequence[tuple[Pair, Answer]]:
        """The answers so far, oldest first."""
        return tuple(self._answers)

    @property
    def wanted(self) -> int:
        """Number of answers after which the ranking is done at the latest."""
        return math.ceil(ANSWERS_PER_ITEM * len(self._items))

    @property
    def is_done(self) -> bool:
        """Whether the order is known as well as it will be; more answers are taken all the same."""
        if len(self._answers) >= self.wanted:
            return True
        # Each item has been seen before an order can be known.
        seen = {item for pair, _ in self._answers for item in pair}
        return len(seen) == len(self._items) and self._posterior().agreement() >= AGREEMENT

    def next_pair(self) -> Pair:
        """Returns the pair to show; the same one until it is answered."""
        if self._pair is None:
            last = self._answers[-1][0] if self._answers else None
            shown = None if last is None else (self._number(last.left), self._number(last.right))
            first, second = self._posterior().most_telling(shown)
            pair = Pair(self._items[first], self._items[second])
            self._pair = pair if self._heads() else Pair(pair.right, pair.left)
        return self._pair

    def answer(self, said: str) -> None:
        """Takes the answer to the pair that ``next_pair`` gave.

        Args:
            said: ``"left"``, ``"right"``, or ``"tie"`` where neither is better.

        Raises:
            InvalidOptionError: It is none of these, or there are too many answers.
        """
        if said not in ANSWERS:
            raise InvalidOptionError(
                f"The answer is {said!r}.", remedy='Give "left", "right" or "tie".'
            )
        if len(self._answers) >= MOST_PER_ITEM * len(self._items):
            raise InvalidOptionError(
                f"The ranking has {len(self._answers)} answers.", remedy="Start a new ranking."
            )
        answer: Answer = "tie" if said == "tie" else "left" if said == "left" else "right"
        self._answers.append((self.next_pair(), answer))
        self._pair = self._known = None

    def undo(self) -> Pair | None:
        """Takes the last answer back.

        Returns:
            Its pair, which ``next_pair`` gives again; None if there is no answer.
        """
        if not self._answers:
            return None
        self._pair, _ = self._answers.pop()
        self._known = None
        return self._pair

    def strengths(self) -> list[Strength]:
        """Returns what the answers say about each item, the best one first."""
        import numpy as np

        posterior = self._posterior()
        margin = (1 - INTERVAL) / 2
        low, high = np.quantile(posterior.strengths, [margin, 1 - margin], axis=0)
        means, best = posterior.strengths.mean(axis=0), posterior.best()
        # By the mean place: a strength that may be anything above counts no more than it proves.
        order = np.argsort(-posterior.order.mean(axis=0), kind="stable")
        return [
            Strength(
                self._items[item],
                place,
                float(means[item]),
                float(low[item]),
                float(high[item]),
                float(best[item]),
            )
            for place, item in enumerate(map(int, order), 1)
        ]

    def to_json(self) -> dict[str, Any]:
        """Returns the ranking as JSON values, for ``from_json``."""
        answers = [[pair.left, pair.right, said] for pair, said in self._answers]
        return {
            "version": VERSION,
            "items": list(self._items),
            "seed": self._seed,
            "answers": answers,
        }

    @classmethod
    def from_json(cls, values: Any) -> Ranking:
        """Makes the ranking again that ``to_json`` described.

        Args:
            values: JSON values.

        Returns:
            The ranking, with its answers.

        Raises:
            InvalidOptionError: They are none of a ranking, or of a newer version.
        """
        if not isinstance(values, dict) or not isinstance(values.get("items"), list):
            raise _damaged("has no items")
        if values.get("version") != VERSION:
            raise _damaged(f"has the version {values.get('version')!r}, not {VERSION}")
        ranking = cls(values["items"], values.get("seed", 0))
        answers = values.get("answers")
        if not isinstance(answers, list) or len(answers) > MOST_PER_ITEM * len(ranking.items):
            raise _damaged("has no list of answers, or too many")
        for each in answers:
            if not isinstance(each, list) or len(each) != 3 or each[2] not in ANSWERS:
                raise _damaged("has an answer that can't be read")
            left, right, said = each
            if left not in ranking.items or right not in ranking.items or left == right:
                raise _damaged("has an answer about other items")
            ranking._answers.append((Pair(left, right), said))
        return ranking

    def _posterior(self) -> Posterior:
        """Returns what the answers so far say, computed when it is needed first."""
        from decart_widget.explore.verdict.posterior import Posterior

        if self._known is None:
            games = [
                (self._number(pair.left), self._number(pair.right), _SIDES[said])
                for pair, said in self._answers
            ]
            self._known = Posterior(len(self._items), games, self._random(0))
        return self._known

    def _heads(self) -> bool:
        """Tosses a coin for the sides of the next pair."""
        return bool(self._random(1).random() < 0.5)

    def _random(self, purpose: int) -> Any:
        """Returns a source of chance that depends on seed and number of answers alone."""
        import numpy as np

        return np.random.default_rng([self._seed, len(self._answers), purpose])

    def _number(self, item: str) -> int:
        return self._items.index(item)

    def __repr__(self) -> str:
        return f"Ranking({len(self._items)} items, {len(self._answers)} answers)"


def _damaged(what: str) -> InvalidOptionError:
    return InvalidOptionError(
        f"The saved ranking {what}.", remedy="Start a new ranking; the sheet is not affected."
    )
