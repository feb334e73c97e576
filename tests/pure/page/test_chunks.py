"""js/chunks.json, the kernel and the README agree on chunks and browsers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from decart_widget.errors import DecartError
from decart_widget.page import bundle, chunks

ROOT = Path(__file__).parents[3]
BUILD = json.loads((ROOT / "js" / "chunks.json").read_text(encoding="utf-8"))


def test_the_kernel_knows_every_chunk_that_the_build_makes_and_no_other() -> None:
    # The loader isn't sent in a message: every widget has it in the trait `_esm`.
    assert {chunk["name"] for chunk in BUILD["chunks"]} - {"loader"} == set(chunks.CHUNKS)


def test_a_widget_names_only_chunks_that_exist() -> None:
    named = {
        name
        for transport in ("livekit", "webrtc")
        for viewer in (False, True)
        for name in chunks.names(transport, viewer=viewer)
    }
    assert named | set(chunks.sheet_names()) == set(chunks.CHUNKS)


def test_a_front_end_that_is_older_than_a_chunk_is_one_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "STATIC", tmp_path)
    chunks.chunk.cache_clear()
    for name in ("main", "loader"):
        with pytest.raises(DecartError, match=f"no {name}.js.*make setup") as missing:
            chunks.chunk(name)
        assert missing.value.code == "front-end-not-built"
    (tmp_path / "main.js").write_text("")
    assert chunks.chunk("main").source == b""
    chunks.chunk.cache_clear()


def test_the_readme_names_the_browsers_that_the_build_promises() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    promised = BUILD["browsers"]
    assert f"chrome or edge {promised['chrome']}, " in readme
    assert f"firefox {promised['firefox']} or safari {promised['safari']}." in readme
