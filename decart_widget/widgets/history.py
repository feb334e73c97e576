"""What ``w.history`` gives: the prompts of a widget as records, and files of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

from decart_widget.errors import InvalidOptionError, InvalidPathError

if TYPE_CHECKING:
    from decart_widget.runtime.looks import Looks

MAX_FILE: Final = 50_000_000
"""Bytes of a file that is read: a notebook has pictures, and the records are a small part of it."""

STATE: Final = "application/vnd.jupyter.widget-state+json"
"""Where a notebook keeps the state of its widgets, in its metadata."""

REMEDY: Final = "Give a file of w.history.to_jsonl(...), or a notebook that was saved with widgets."
"""What to do about a file without records."""


class History(Sequence[dict[str, Any]]):
    """The prompts that were applied or refused, oldest first, each as a dict.

    ``number``, ``prompt``, ``enrich``, ``image`` (names the reference image), ``model``, ``at``
    (seconds since 1970), ``status`` (``"applied"`` or ``"refused"``), ``reason`` and ``code`` of a
    refusal, ``effect_s`` (seconds from the request until the picture changed; None: not seen),
    ``changed`` (whether it did; None: no page watched), ``billed_s`` (seconds billed while it was
    live), ``uses``, ``star``, ``pin`` and ``key`` (the key from 1 to 9 that switches to it).

    At most 200 are kept, and 300 kB with their thumbnails. Those without a star or pin go first.

    Args:
        looks: The looks of a widget.
        changed: Called after a change by one of these methods.
    """

    def __init__(self, looks: Looks, changed: Callable[[], None]) -> None:
        self._looks = looks
        self._changed = changed

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self.records()[index]

    def __len__(self) -> int:
        return len(self._looks)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.records())

    def records(self) -> list[dict[str, Any]]:
        """Returns the records, oldest first."""
        return self._looks.records()

    def to_frame(self) -> Any:
        """Returns the records as a pandas ``DataFrame``, one row for each, ``at`` as a time in UTC.

        Raises:
            InvalidOptionError: pandas is not installed.
        """
        try:
            pd: Any = import_module("pandas")
        except ImportError:
            raise InvalidOptionError(
                "A data frame needs pandas.", remedy="pip install pandas, or use records()."
            ) from None
        from decart_widget.runtime.looks import FIELDS

        frame = pd.DataFrame(self.records(), columns=list(FIELDS))
        frame["at"] = pd.to_datetime(frame["at"], unit="s", utc=True)
        return frame

    def to_jsonl(self, path: str | os.PathLike[str] | None = None) -> str:
        """Returns the records as JSON, one a line, and writes them where a path is given.

        Args:
            path: A file, which is replaced; None: none.

        Returns:
            The text, which has no pictures.

        Raises:
            InvalidPathError: The file can't be written.
        """
        from decart_widget.files import written_whole

        text = "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in self.records())
        if path is not None:
            try:
                with written_whole(Path(path).expanduser(), overwrite=True) as temporary:
                    temporary.write_text(text, encoding="utf-8")
            except OSError as error:
                raise InvalidPathError(
                    f"The history can't be written ({error.strerror}).",
                    remedy="Give a file in a folder that exists and that you may write to.",
                ) from None
        return text

    def load(self, path: str | os.PathLike[str]) -> int:
        """Adds the records of a file to these; prompts that are here already are left out.

        Args:
            path: A file that ``to_jsonl`` wrote, or a notebook (``.ipynb``) that was saved with the
                state of its widgets.

        Returns:
            How many were added.

        Raises:
            InvalidOptionError: The file can't be read, or has no such records.
        """
        name = Path(path).expanduser()
        try:
            with name.open("rb") as file:
                data = file.read(MAX_FILE + 1)
            if len(data) > MAX_FILE:
                raise ValueError("too large")
            records = _records(data.decode(), is_notebook=name.suffix == ".ipynb")
            added = self._looks.add(records)
        except OSError as error:
            raise InvalidOptionError(
                f"The history can't be read ({error.strerror}).", remedy=REMEDY
            ) from None
        except (ValueError, TypeError, KeyError, RecursionError):
            raise InvalidOptionError(f"{name.name} has no history.", remedy=REMEDY) from None
        self._changed()
        return added

    def mark(self, number: int, *, star: bool | None = None, pin: bool | None = None) -> None:
        """Stars or pins a record, or takes that back. The pinned one is A.

        Args:
            number: Its ``number``.
            star: Whether it is starred; None: as before.
            pin: Whether it is pinned; None: as before.

        Raises:
            InvalidOptionError: There is no such record, or its prompt was refused.
        """
        if not self._looks.mark(number, star=star, pin=pin):
            raise InvalidOptionError(
                f"No applied prompt has the number {number!r}.",
                remedy="Give the number of a record of w.history.",
            )
        self._changed()

    def thumbnail(self, number: int) -> bytes | None:
        """Returns a small JPEG file of what a prompt made of the picture; None: there is none.

        Args:
            number: The ``number`` of its record.
        """
        return self._looks.thumbnails().get(number)

    def __repr__(self) -> str:
        records = self.records()
        refused = sum(one["status"] == "refused" for one in records)
        starred = sum(one["star"] for one in records)
        return f"History({len(records)} prompts, {starred} starred, {refused} refused)"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            "<tr>"
            f"<td>{one['key'] or ''}</td>"
            f"<td style='text-align:start'>{escape(one['prompt'] or '(no prompt)')}</td>"
            f"<td>{escape(_effect(one))}</td><td>{one['billed_s']:.1f} s</td>"
            f"<td>{'★' if one['star'] else ''}{' A' if one['pin'] else ''}</td>"
            "</tr>"
            for one in reversed(self.records())
        )
        head = "<tr><th>key</th><th>prompt</th><th>effect</th><th>billed</th><th></th></tr>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _effect(record: dict[str, Any]) -> str:
    if record["status"] == "refused":
        return f"refused: {record['reason']}"
    if record["changed"] is False:
        return "no visible change"
    return "" if record["effect_s"] is None else f"after {record['effect_s']:.2f} s"


def _records(text: str, *, is_notebook: bool) -> list[dict[str, Any]]:
    """Reads records.

    Raises:
        ValueError: There are none.
    """
    if not is_notebook:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    models = json.loads(text)["metadata"]["widgets"][STATE]["state"].values()
    found = [model["state"]["_looks"] for model in models if "_looks" in model.get("state", {})]
    if not found:
        raise ValueError("none")
    return [record for records in found for record in records]
