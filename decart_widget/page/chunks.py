"""The chunks of the front end: parts of its code that travel as messages, once per page.

They are no traits, because a trait is sent for every view and reload, and saved in every notebook.
A page keeps a chunk under its hash, for all widgets on it. The first widget of a process that needs
a chunk sends it at once, because a page's request for it would wait for a busy cell. A page that
nevertheless lacks a chunk requests it.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

from decart_widget.page.bundle import bundle_file

if TYPE_CHECKING:
    from decart_widget.session.media import Transport

DIGEST_DIGITS: Final = 32
"""Hex digits of a digest: 128 bits, for which nobody finds other code."""

CHUNKS: Final = frozenset(
    {"main", "peer", "room", "capture", "tools", "take", "deck", "kernel", "explore"}
)
"""Names of the chunks (``<name>.js``): all in ``js/chunks.json`` except the loader, a trait."""

_pushed: set[str] = set()
"""Names of the chunks that this process has sent without a request."""


@dataclass(frozen=True)
class Chunk:
    """A part of the front end.

    Args:
        name: One of ``CHUNKS``.
        digest: The first ``DIGEST_DIGITS`` hex digits of its SHA-256. The page examines it.
        source: Its JavaScript.
    """

    name: str
    digest: str
    source: bytes

    @cached_property
    def data(self) -> bytes:
        """The gzipped source; the same source always yields the same bytes.

        Compressed on first use, because that takes longer than everything else in this module.
        """
        return gzip.compress(self.source, 9, mtime=0)

    def message(self) -> dict[str, str]:
        """The message whose binary part is ``data``."""
        return {"type": "chunk", "name": self.name, "hash": self.digest, "encoding": "gzip"}


@cache
def chunk(name: str) -> Chunk:
    """Reads a chunk, once per process.

    Args:
        name: One of ``CHUNKS``.

    Raises:
        DecartError: The front end that was built has no such chunk.
    """
    source = bundle_file(name).read_bytes()
    return Chunk(name, hashlib.sha256(source).hexdigest()[:DIGEST_DIGITS], source)


def requested(name: str, digest: str) -> Chunk | None:
    """Returns the chunk that a page requests; None if its bundle is of another version.

    Such a page is sent nothing, and shows the mismatch itself.
    """
    wanted = chunk(name)
    return wanted if wanted.digest == digest else None


def names(transport: Transport, *, viewer: bool = False) -> dict[str, str]:
    """Returns the chunks that a widget needs.

    Args:
        transport: Selects ``room`` or ``peer``.
        viewer: Whether it is a viewer, which needs what shows a picture alone.

    Returns:
        Names and digests.
    """
    needed = ["main", "tools", "room" if transport == "livekit" else "peer"]
    if not viewer:
        # The source, and with it the engine, may change: ``kernel`` is small.
        needed += ["capture", "take", "kernel", "deck"]
    return {name: chunk(name).digest for name in needed}


def sheet_names() -> dict[str, str]:
    """Returns the chunk that the view of a sheet needs, and its digest."""
    return {"explore": chunk("explore").digest}


def take_unsent(needed: Iterable[str]) -> list[Chunk]:
    """Returns the needed chunks that this process has not sent yet, and marks them as sent."""
    new = [name for name in needed if name not in _pushed]
    _pushed.update(new)
    return [chunk(name) for name in new]
