"""What ``Sheet.save`` writes for people: one HTML file, and one picture."""

from __future__ import annotations

from typing import Any

from decart_widget.explore.views.document import INPUT
from decart_widget.explore.views.export import fitted, page
from decart_widget.explore.views.shown_sheet import LARGE, ShownSheet
from decart_widget.explore.views.static_picture import png


def html_of(sheet: Any) -> str:
    """Makes the file of a sheet, with pictures as large as there is room for.

    Args:
        sheet: The sheet.

    Returns:
        HTML.
    """
    shown = ShownSheet(sheet)
    document = shown.document()
    names = [entry["picture"] for entry in document["cells"] if entry["picture"]]
    if document["input"]:
        names.append(INPUT)
    pictures = {
        name: data
        for name in names
        if (data := shown.picture(f"{name}{LARGE}") or shown.picture(name)) is not None
    }
    return page(document, fitted(pictures, max(1, len(document["moments"]))))


def png_of(sheet: Any) -> bytes:
    """Draws a sheet, also one without a single picture.

    Args:
        sheet: The sheet.

    Returns:
        A PNG.
    """
    shown = ShownSheet(sheet)
    return png(shown.document(), shown.picture)
