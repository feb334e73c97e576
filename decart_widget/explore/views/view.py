"""``SheetView``: a sheet in a notebook cell, live while it fills."""

from __future__ import annotations

import weakref
from typing import Any, Final

import traitlets as t

from decart_widget.explore.views.sheet_pages import SheetPages, SheetSource
from decart_widget.widgets.base import PageWidget

_VIEWS: Final[weakref.WeakKeyDictionary[Any, SheetView]] = weakref.WeakKeyDictionary()
"""The view of each sheet; one that was closed is replaced."""


def view_of(sheet: Any) -> SheetView:
    """Returns the view of a sheet: the same one each time, so that all cells show one model.

    Args:
        sheet: The sheet.
    """
    from decart_widget.explore.views.shown_sheet import ShownSheet

    view = _VIEWS.get(sheet)
    if view is None or view.is_closed:
        view = _VIEWS[sheet] = SheetView(ShownSheet(sheet))
    return view


def mimebundle(sheet: Any, **options: Any) -> Any:
    """Returns what a notebook shows of a sheet: its view, and a picture for readers of the file.

    Args:
        sheet: The sheet.
        **options: As IPython gives them.
    """
    return view_of(sheet)._repr_mimebundle_(**options)


def begin_ranking(sheet: Any) -> SheetView:
    """Returns the view of a sheet, with the first question of a blind ranking.

    Args:
        sheet: The sheet.
    """
    view = view_of(sheet)
    view.source.rank("begin", 0)
    return view


class SheetView(PageWidget):
    """Shows a sheet: its plan with Start, the run, the cells, and the opened one.

    Args:
        source: The sheet.
    """

    def __init__(self, source: SheetSource) -> None:
        from decart_widget.session.background import Background

        self._source = source
        # Set before the comm is opened, so that its first message contains them.
        self.set_trait("_kind", "sheet")
        self.set_trait("_media", {"width": 16, "height": 6})
        with self._closed_on_error():
            super().__init__()
            self._background = Background.get()
            self._pages = SheetPages(source, self._send_to_pages, self.log)
            self._listen(self._pages.receive)

    @property
    def source(self) -> SheetSource:
        """The sheet."""
        return self._source

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return bool(getattr(self, "_closed", True))

    def close(self) -> None:
        """Removes the sheet from every page; a run goes on. May be called twice."""
        if not getattr(self, "_closed", True):
            self._background.call(self._pages.close)
        super().close()

    @t.default("_chunks")
    def _needed_chunks(self) -> dict[str, str]:
        from decart_widget.page.chunks import sheet_names

        return sheet_names()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Adds a picture of the sheet for readers without a kernel, such as GitHub and nbviewer."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        picture = self._source.picture("static")
        if picture is None or data is None:
            return bundle
        return {**data, "image/png": picture}, metadata

    def __repr__(self) -> str:
        return "SheetView()"
