"""The pieces of the front end that travel as messages: pushed once a page, never in a trait.

A trait is copied into every instance, every reload and every saved notebook; a piece that is
pushed is kept by the page under its hash, for all widgets on it. The first widget that uses a piece
sends it right away, because a request from the page would wait for a busy cell; a page that lacks
it all the same asks for it.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decart_widget.session.media import Transport

STATIC: Final = Path(__file__).parents[1] / "static"

CHUNKS: Final = frozenset({"main", "peer", "room", "capture", "tools", "take"})
"""Names of all chunks: those of ``js/chunks.json`` but the loader, which is a trait."""

_pushed: set[str] = set()
"""Names of the pieces that this process has sent without being asked."""


@dataclass(frozen=True)
class Chunk:
    """A piece of the front end.

    Args:
        name: ``"main"``, ``"peer"``, ``"room"``, ``"capture"``, ``"tools"`` or ``"take"``.
        digest: The first 16 hex digits of its SHA-256.
        source: Its JavaScript.
    """

    name: str
    digest: str
    source: bytes

    @cached_property
    def data(self) -> bytes:
        """The source, gzipped when it is first sent: packing takes longer than all the rest."""
        return gzip.compress(self.source, 9, mtime=0)

    def message(self) -> dict[str, str]:
        """The message that goes with the data."""
        return {"type": "chunk", "name": self.name, "hash": self.digest, "encoding": "gzip"}


@cache
def chunk(name: str) -> Chunk:
    """The piece of that name; read once a process."""
    source = (STATIC / f"{name}.js").read_bytes()
    return Chunk(name, hashlib.sha256(source).hexdigest()[:16], source)


def names(transport: Transport, *, viewer: bool = False) -> dict[str, str]:
    """The pieces that a widget with this transport needs, and their hashes.

    A viewer has no camera, and nothing to take away.
    """
    needed = ["main", "tools", "room" if transport == "livekit" else "peer"]
    if not viewer:
        needed += ["capture", "take"]
    return {name: chunk(name).digest for name in needed}


def take_unsent(needed: Iterable[str]) -> list[Chunk]:
    """Those of the pieces that no widget of this process has sent yet; they count as sent now."""
    new = [name for name in needed if name not in _pushed]
    _pushed.update(new)
    return [chunk(name) for name in new]
