"""What a service would have put on the bill: the sessions of a local server, and their prompts."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol

from decart_widget.sandbox.generation import Generation

KEPT: Final = 1000
"""Entries that are kept; older ones are forgotten."""

PROMPTS_KEPT: Final = 1000
"""Prompts of one session that are kept."""


class Entry(Protocol):
    """Something that is billed; it may still grow."""

    def as_json(self) -> dict[str, Any]:
        """Returns what is billed so far, as JSON values."""


class SessionBill:
    """What is billed of one session.

    Args:
        session: The session's id.
        model: Name of its model.
        generation: Its billed part.
    """

    def __init__(self, session: str, model: str, generation: Generation) -> None:
        self._session = session
        self._model = model
        self._generation = generation
        self._prompts: deque[dict[str, Any]] = deque(maxlen=PROMPTS_KEPT)

    def note(self, asked: dict[str, Any], refused: str | None) -> None:
        """Notes a prompt state that was applied or refused.

        Args:
            asked: The request.
            refused: Why it was refused; None: it was not.
        """
        at_s = round(self._generation.billed_s, 3)
        self._prompts.append({**asked, "at_s": at_s, "refused": refused})

    def as_json(self) -> dict[str, Any]:
        """Returns what is billed so far, as JSON values."""
        return {
            "kind": "session",
            "id": self._session,
            "model": self._model,
            "seconds": round(self._generation.billed_s, 3),
            "prompts": list(self._prompts),
        }


class Ledger:
    """The entries of one server, oldest first; use it on the server's loop."""

    def __init__(self) -> None:
        self._entries: deque[Entry | dict[str, Any]] = deque(maxlen=KEPT)

    def add(self, entry: Entry | dict[str, Any]) -> None:
        """Adds something that is billed, or will be.

        Args:
            entry: One that may grow, or all that there is to say, as JSON values.
        """
        self._entries.append(entry)

    def close(self, entry: Entry) -> None:
        """Keeps what an entry says now, instead of the entry, which has ended."""
        for at, own in enumerate(self._entries):
            if own is entry:
                self._entries[at] = entry.as_json()

    def entries(self) -> list[dict[str, Any]]:
        """Returns all entries as JSON values."""
        return [entry if isinstance(entry, dict) else entry.as_json() for entry in self._entries]
