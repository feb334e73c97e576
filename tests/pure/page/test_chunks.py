"""The chunks that the kernel sends are the chunks that the build makes."""

from __future__ import annotations

import json
from pathlib import Path

from decart_widget.page import chunks

ROOT = Path(__file__).parents[3]


def test_the_kernel_knows_every_chunk_that_the_build_makes_and_no_other() -> None:
    built = json.loads((ROOT / "js" / "chunks.json").read_text(encoding="utf-8"))["chunks"]
    # The loader is no message: every widget carries it in the trait `_esm`.
    assert {chunk["name"] for chunk in built} - {"loader"} == set(chunks.CHUNKS)


def test_a_widget_names_only_chunks_that_exist() -> None:
    named = {
        name
        for transport in ("livekit", "webrtc")
        for viewer in (False, True)
        for name in chunks.names(transport, viewer=viewer)
    }
    assert named == set(chunks.CHUNKS)
