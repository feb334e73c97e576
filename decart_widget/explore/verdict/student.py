"""Student's t distribution, which small samples need, without SciPy."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

_TINY: Final = 1e-300
"""In place of a denominator of 0 in the continued fraction."""

_STEPS: Final = 500
"""Terms of the continued fraction at most; fewer than 100 are needed up to 10,000 degrees of
freedom."""

LARGEST_T: Final = 1e9
"""Quantiles are looked for up to this; with one degree of freedom it leaves out 3e-10."""


def t_below(t: float, freedom: float) -> float:
    """Returns the probability that a value of Student's distribution is below ``t``.

    Args:
        t: The value; may be infinite.
        freedom: Degrees of freedom, more than 0; not necessarily whole.
    """
    if math.isinf(t):
        return 0.0 if t < 0 else 1.0
    tail = 0.5 * _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))
    return tail if t < 0 else 1 - tail


@lru_cache(maxsize=256)
def t_quantile(share: float, freedom: float) -> float:
    """Returns the value below which a share of Student's distribution lies.

    Args:
        share: From 0.5 to below 1.
        freedom: Degrees of freedom, more than 0.
    """
    low, high = 0.0, 1.0
    while t_below(high, freedom) < share and high < LARGEST_T:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        if t_below(middle, freedom) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Returns the regularized incomplete beta function (DLMF 8.17)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):  # where the fraction converges fast
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Returns the continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, _safe(1 - (a + b) * x / (a + 1))
    d = 1 / d
    value = d
    for m in range(1, _STEPS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _safe(1 + term * d)
            c = _safe(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 1e-13:
            break
    return value


def _safe(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
