"""A sheet as one HTML file."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import numpy as np
import pytest

from decart_widget.errors import DecartError
from decart_widget.explore import sprites
from decart_widget.explore.views import export
from decart_widget.page import chunks

DOCUMENT = {"title": "a </script><b> & clip", "moments": [0, 1]}


def test_the_file_holds_document_and_pictures_and_runs_only_its_own_script() -> None:
    text = export.page(DOCUMENT, {"sent": b"\xff\xd8jpeg"})
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    found = json.loads(data[1])
    assert found["document"] == DOCUMENT
    assert base64.b64decode(found["pictures"]["sent"]) == b"\xff\xd8jpeg"
    script = re.search(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src &#x27;sha256-{digest}&#x27;" in text
    assert "default-src &#x27;none&#x27;" in text
    assert "<title>a &lt;/script&gt;&lt;b&gt; &amp; clip</title>" in text


def test_nothing_in_the_file_is_loaded_from_elsewhere() -> None:
    text = export.page(DOCUMENT, {})
    assert re.findall(r"""(?:src|href)=["'][^"']*["']|@import|url\(["']?http""", text) == []


def test_a_front_end_that_shows_no_file_is_refused(monkeypatch) -> None:
    other = chunks.Chunk("explore", "0", b"export{a as default};")
    monkeypatch.setattr(chunks, "chunk", lambda _name: other)
    with pytest.raises(DecartError, match="can't be written into a file"):
        export.page(DOCUMENT, {})


def test_pictures_are_made_smaller_until_they_fit() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8)
    data = sprites.sprite([noise] * 2, area=sprites.LARGE_AREA)
    pictures = {"a": data, "b": data}
    assert export.fitted(pictures, 2, limit=2 * len(data)) == pictures
    found = export.fitted(pictures, 2, limit=len(data))
    assert sum(map(len, found.values())) <= len(data)
    assert sprites.moment(found["b"], 1, 2).shape[1] < 640
