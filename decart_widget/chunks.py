"""The pieces of the front end that travel as messages: pushed once a page, never in a trait.

A trait is copied into every instance, every reload and every saved notebook; a piece that is
pushed is kept by the page under its hash, for all widgets on it.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Chunk:
    """A piece of the front end.

    Args:
        name: ``"main"`` or ``"room"``.
        digest: The first 16 hex digits of its SHA-256.
        data: Its JavaScript, gzipped.
    """

    name: str
    digest: str
    data: bytes

    def message(self) -> dict[str, str]:
        """The message that goes with the data."""
        return {"type": "chunk", "name": self.name, "hash": self.digest, "encoding": "gzip"}


@cache
def chunk(name: str) -> Chunk:
    """The piece of that name; read and packed once a process."""
    source = (STATIC / f"{name}.js").read_bytes()
    digest = hashlib.sha256(source).hexdigest()[:16]
    return Chunk(name, digest, gzip.compress(source, 9, mtime=0))
