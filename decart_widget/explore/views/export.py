"""A sheet as one HTML file that needs neither kernel nor network.

It contains the chunk ``explore``, the same code that shows the sheet in a notebook, its document
and its pictures. The page may run that code and nothing else, and makes no request.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from decart_widget.errors import DecartError

MAX_PICTURES: Final = 5_600_000
"""Bytes of all pictures at most; in base64, and with everything else, the file stays below 8 MB."""

STEPS: Final = ((480 * 270, 80), (320 * 180, 80), (320 * 180, 66), (240 * 135, 66), (160 * 90, 60))
"""Pixels of a moment and JPEG quality that are tried in turn where the pictures are too large."""

_EXPORTS: Final = re.compile(r"export\s*\{(?P<names>[^{}]*)\};?\s*$")
"""What the chunk ends with: its local names and those under which it exports them."""

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
html {{ color-scheme: light dark; background: light-dark(#fff, #0e1014); }}
body {{ max-width: 1100px; margin: 12px auto; padding: 0 8px; }}
</style>
</head>
<body>
<main id="sheet"><noscript>This page needs its own script, which makes no request.</noscript></main>
<script type="application/json" id="data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def page(document: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """Makes the file.

    Args:
        document: Of the sheet (``document.describe``).
        pictures: Sprites in JPEG by the names that the document has.

    Returns:
        HTML.
    """
    encoded = {name: base64.b64encode(data).decode() for name, data in pictures.items()}
    # Text that ends the element, or begins a comment in it, is written with escapes.
    data = json.dumps({"document": document, "pictures": encoded}, allow_nan=False)
    script = _script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src blob:; base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        policy=html.escape(policy, quote=True),
        title=html.escape(str(document.get("title") or "Sheet")),
        data=data.replace("<", "\\u003c"),
        script=script,
    )


def fitted(
    pictures: Mapping[str, bytes], moments: int, limit: int = MAX_PICTURES
) -> dict[str, bytes]:
    """Makes sprites smaller until all of them together are within a limit.

    Args:
        pictures: Sprites in JPEG by name.
        moments: How many moments each has.
        limit: Bytes.

    Returns:
        As many sprites, all made smaller in the same way; unchanged where they fit. Where even the
        smallest are too large, these.
    """
    from decart_widget.explore.sprites import shrunk

    found = dict(pictures)
    for area, quality in STEPS:
        if sum(map(len, found.values())) <= limit:
            break
        found = {
            name: shrunk(data, moments, area=area, quality=quality)
            for name, data in pictures.items()
        }
    return found


def _script() -> str:
    """Returns the chunk's code, with a call that shows the sheet in place of its exports.

    Raises:
        DecartError: The front end is no build of this version.
    """
    from decart_widget.page.chunks import chunk

    code = chunk("explore").source.decode()
    found = _EXPORTS.search(code)
    names = {}
    for pair in (found["names"] if found else "").split(","):
        local, _, name = pair.strip().partition(" as ")
        names[name or local] = local
    if found is None or "openFile" not in names or "</script" in code.lower():
        raise DecartError(
            "The front end of this installation can't be written into a file.",
            remedy="Install decart-widget again; from a clone: make setup.",
        )
    call = 'document.getElementById("sheet"),document.getElementById("data").textContent'
    return f"{code[: found.start()]}{names['openFile']}({call});"
