"""The schema of the messages between kernel and pages that show a sheet of an exploration.

It goes on where ``page.messages`` ends: ``read(content, FROM_SHEET)`` checks a page's message.
``tests/vectors/page_messages.json`` holds examples of each, which the tests of both sides read.
"""

from __future__ import annotations

from typing import Any, Final

from decart_widget.page.checks import is_text, is_whole
from decart_widget.page.messages import FROM_BROWSER, Check

RANK_ANSWERS: Final = frozenset({"begin", "left", "right", "tie", "undo", "close"})
"""What a page says in a blind ranking."""

MAX_KEY: Final = 100
"""Characters of a cell's key, or of a picture's name."""

MAX_PICTURES: Final = 8
"""Pictures of a sheet that a page asks for in one message."""


def _is_key(value: Any) -> bool:
    return is_text(value, MAX_KEY)


FROM_SHEET: Final[dict[str, dict[str, Check]]] = {
    **{name: FROM_BROWSER[name] for name in ("hello", "need", "pagehide")},
    # Sprites by name; the answers are ``sheet-picture``.
    "sheet-pictures": {
        "names": lambda v: (
            isinstance(v, list) and 0 < len(v) <= MAX_PICTURES and all(map(_is_key, v))
        )
    },
    # Of what the plan says, that many cells; whatever a page says, no more than its budget allows.
    "sweep-start": {"cells": is_whole},
    "sweep-stop": {},
    "sweep-cancel": {},
    "sweep-retry": {"key": _is_key},
    "sheet-star": {"key": _is_key, "on": lambda v: isinstance(v, bool)},
    "sheet-live": {"key": _is_key},
    "sheet-save": {},
    "sheet-compare": {"key": _is_key, "against": _is_key, "score": _is_key},
    # ``number``: of the question that is answered, so that a click too many answers no other one.
    "sheet-rank": {"answer": lambda v: v in RANK_ANSWERS, "number": is_whole},
}
"""The same for pages that show a sheet (``explore.view``)."""


def sheet(page_id: str | None, number: int, at: int, total: int, *, patch: bool) -> dict[str, Any]:
    """Sends a piece of a sheet's document in JSON, or of a change of it; its binary part (< 1 MB).

    Args:
        page_id: The page; None for all.
        number: Names the whole that it is a piece of.
        at: Where the piece belongs in it.
        total: Bytes of the whole.
        patch: Whether it is a change of the document that was sent before.
    """
    return {
        "type": "sheet",
        "page_id": page_id,
        "number": number,
        "at": at,
        "total": total,
        "patch": patch,
    }


def sheet_picture(page_id: str, name: str, at: int, total: int) -> dict[str, Any]:
    """Sends a page a piece of a sheet's picture; its binary part (< 1 MB).

    Args:
        page_id: The page.
        name: Of the picture.
        at: Where the piece belongs in it.
        total: Bytes of the picture; 0: there is none of that name.
    """
    return {"type": "sheet-picture", "page_id": page_id, "name": name, "at": at, "total": total}
