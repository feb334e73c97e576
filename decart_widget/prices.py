"""What a second of a session costs: list prices, which move and can be overridden.

    >>> from decart_widget.prices import set_price
    >>> set_price("lucy", 0.025)                # dollars per second, for all models of the family
    >>> set_price("lucy-2.1", 0.01)             # for one model

The widget multiplies them with the billed seconds (the trait ``cost``), and converts a budget such
as ``"$2"`` into seconds with them. The invoice is the service's.
"""

from __future__ import annotations

import math
from typing import Final

from decart_widget.errors import InvalidOptionError
from decart_widget.models import RealtimeModel, family

__all__ = [
    "BATCH_PRICES",
    "IMAGE_PRICES",
    "PRICES",
    "PRICES_AS_OF",
    "batch_price",
    "image_price",
    "price",
    "set_price",
]

PRICES_AS_OF: Final = "2026-08"
"""Year and month of the prices."""

PRICES: Final[dict[str, float]] = {"lucy": 0.02, "lucy-vton": 0.02, "lucy-restyle": 0.01}
"""US dollars per second of a realtime session, by the name of a model or of a family of models
(source: Decart's published prices of ``PRICES_AS_OF``)."""

BATCH_PRICES: Final[dict[str, float]] = {"lucy": 0.04, "lucy-vton": 0.04, "lucy-restyle": 0.01}
"""US dollars per second of a clip that the batch endpoint transforms; names and source as for
``PRICES``. Assign to it to override one."""

IMAGE_PRICES: Final[dict[str, float]] = {"480p": 0.01, "720p": 0.02}
"""US dollars for one picture of the image endpoint, by resolution; source as for ``PRICES``. Assign
to it to override one."""

FAST_FACTOR: Final = 2.0
"""By how much ``speed="fast"`` multiplies the price."""

MAX_PRICE: Final = 1000.0
"""US dollars per second; a higher price is taken for a mistake."""


def price(model: RealtimeModel, speed: str | None = None) -> float | None:
    """Returns US dollars per second; None where no price is known.

    Args:
        model: The model; its own entry in ``PRICES`` counts, else that of its family.
        speed: ``"fast"`` or None.
    """
    per_s = _of_model(PRICES, model)
    if per_s is None:
        return None
    return per_s * FAST_FACTOR if speed == "fast" else per_s


def batch_price(model: RealtimeModel) -> float | None:
    """Returns US dollars per second of a clip in a batch job; None where no price is known.

    Args:
        model: As for ``price``.
    """
    return _of_model(BATCH_PRICES, model)


def image_price(resolution: str) -> float | None:
    """Returns US dollars for a picture of the image endpoint; None where no price is known.

    Args:
        resolution: ``"480p"`` or ``"720p"``.
    """
    return IMAGE_PRICES.get(resolution)


def _of_model(prices: dict[str, float], model: RealtimeModel) -> float | None:
    """Returns a model's own price, else that of its family."""
    own = prices.get(model.name)
    return prices.get(family(model.name) or "") if own is None else own


def set_price(name: str, per_s: float | None) -> None:
    """Sets a price for sessions that start from now on.

    Args:
        name: A model's name, or a family's: ``"lucy"``, ``"lucy-vton"`` or ``"lucy-restyle"``.
        per_s: US dollars per second, without ``speed="fast"``; None for no price.

    Raises:
        InvalidOptionError: The price is no number from 0 to 1000.
    """
    if per_s is None:
        PRICES.pop(name, None)
        return
    is_number = isinstance(per_s, int | float) and not isinstance(per_s, bool)
    if not is_number or not math.isfinite(per_s) or not 0 <= per_s <= MAX_PRICE:
        raise InvalidOptionError(
            f"The price is {per_s!r}.",
            remedy=f"Give US dollars per second, 0 to {MAX_PRICE:g}, or None.",
        )
    PRICES[name] = float(per_s)
