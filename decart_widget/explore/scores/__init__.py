"""Scores of a cell: figures of what came back, compared with what was sent.

``score_all(frames, sent, times)`` gives them all; ``SCALES`` says what each means. They describe
the pictures and are no opinion: whether more change is better is for the reader to say. The names
are imported on first use, because scoring needs NumPy and OpenCV.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from decart_widget.explore.scores.own import ScoreFunction as ScoreFunction
    from decart_widget.explore.scores.own import check_functions as check_functions
    from decart_widget.explore.scores.same_picture import Twin as Twin
    from decart_widget.explore.scores.same_picture import fingerprint as fingerprint
    from decart_widget.explore.scores.same_picture import twins as twins
    from decart_widget.explore.scores.scales import SCALES as SCALES
    from decart_widget.explore.scores.scales import Scale as Scale
    from decart_widget.explore.scores.scales import above_floor as above_floor
    from decart_widget.explore.scores.scales import bars as bars
    from decart_widget.explore.scores.scales import scale_of as scale_of
    from decart_widget.explore.scores.scoring import score_all as score_all

_HOME: Final = {
    "SCALES": "scales",
    "Scale": "scales",
    "ScoreFunction": "own",
    "Twin": "same_picture",
    "above_floor": "scales",
    "bars": "scales",
    "check_functions": "own",
    "fingerprint": "same_picture",
    "scale_of": "scales",
    "score_all": "scoring",
    "twins": "same_picture",
}
"""The public names and the modules that define them."""

__all__ = [
    "SCALES",
    "Scale",
    "ScoreFunction",
    "Twin",
    "above_floor",
    "bars",
    "check_functions",
    "fingerprint",
    "scale_of",
    "score_all",
    "twins",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
