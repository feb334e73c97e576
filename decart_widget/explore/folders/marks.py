"""What somebody thought of the cells of a sheet: stars, and a blind ranking; kept in its folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import DecartError
from decart_widget.files import written_whole

if TYPE_CHECKING:
    from decart_widget.explore.verdict.ranking import Ranking

NAME: Final = "marks.json"
"""Name of the file in the folder."""

MAX_BYTES: Final = 5_000_000
"""Bytes of the file at most."""


class Marks:
    """Stars and ranking of one sheet. A file that can't be read or written is done without.

    Args:
        folder: The sheet's; it may be missing.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._lock = threading.Lock()
        values = self._read()
        stars = values.get("stars")
        self._stars = frozenset(
            key for key in (stars if isinstance(stars, list) else ()) if isinstance(key, str)
        )
        self._ranking_values: Any = values.get("ranking")
        self._ranking: Ranking | None = None

    @property
    def stars(self) -> frozenset[str]:
        """Keys of the cells with a star."""
        return self._stars

    def star(self, keys: Iterable[str], is_starred: bool) -> None:
        """Stars cells, or takes their stars away.

        Args:
            keys: Of the cells.
            is_starred: Whether they have a star from now on.
        """
        with self._lock:
            chosen = frozenset(keys)
            self._stars = self._stars | chosen if is_starred else self._stars - chosen
        self.keep()

    def keep(self) -> None:
        """Writes stars and ranking into the folder, if that is there already."""
        with self._lock, suppress(OSError):
            values: dict[str, Any] = {"stars": sorted(self._stars)}
            if self._ranking is not None:
                values["ranking"] = self._ranking.to_json()
            elif self._ranking_values is not None:
                values["ranking"] = self._ranking_values
            if self._path.parent.is_dir():
                with written_whole(self._path, overwrite=True) as temporary:
                    temporary.write_text(json.dumps(values, indent=1), encoding="utf-8")

    def ranking(self, keys: Sequence[str]) -> Ranking:
        """Returns the ranking of cells: the one that was begun, if it was of the same cells.

        Args:
            keys: Of the cells; two at least.
        """
        from decart_widget.explore.verdict.ranking import Ranking

        with self._lock:
            if self._ranking is None and self._ranking_values is not None:
                with suppress(DecartError, KeyError, TypeError, ValueError):
                    self._ranking = Ranking.from_json(self._ranking_values)
            if self._ranking is None or set(self._ranking.items) != set(keys):
                self._ranking = Ranking(keys, seed=0)
            return self._ranking

    def _read(self) -> dict[str, Any]:
        try:
            with self._path.open("rb") as file:
                values = json.loads(file.read(MAX_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        return values if isinstance(values, dict) else {}
