"""The engine of a widget's sessions in the kernel: its source, its media, and who watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from decart_widget.engine.media import EngineMedia
from decart_widget.engine.streams import EndOfSource
from decart_widget.runtime.kept_media import IDLE_S, KeptMedia
from decart_widget.session.media import EndReason, Preparation

if TYPE_CHECKING:
    from decart_widget.errors import DecartError
    from decart_widget.inputs.sources.reader import Source
    from decart_widget.page.watchers import Watchers


class KernelMedia(EngineMedia):
    """An engine whose attempts all pages of the widget watch.

    Args:
        source: What is sent.
        watchers: The pages.
        shape: Returns the orientation and whether the picture is mirrored, of the next attempt.

    Attributes:
        sent: The size in pixels of what is sent, and whether it is mirrored, as in ``stats``.
    """

    def __init__(
        self, source: Source, watchers: Watchers, shape: Callable[[], tuple[str, bool]]
    ) -> None:
        super().__init__(source)
        self.sent: dict[str, Any] = {}
        self._watchers = watchers
        self._shape = shape
        self.views.on_picture = watchers.picture

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        """Opens the source, makes the connection, and lets pages watch."""
        self.orientation, self.mirror = self._shape()
        size = preparation.model.width, preparation.model.height
        width, height = size if self.orientation == "landscape" else size[::-1]
        self.sent = {"width": width, "height": height, "mirrored": self.mirror}
        super().prepare(attempt, preparation)
        self._watchers.prepare(attempt, preparation)

    def end(self, attempt: int, reason: EndReason, *, keep_source: bool) -> None:
        """Ends the connection, and tells the pages."""
        super().end(attempt, reason, keep_source=keep_source)
        self._watchers.end(attempt, reason, keep_source=keep_source)


class KernelEngine(KeptMedia[KernelMedia]):
    """Makes and closes the media of one widget's sessions in the kernel.

    Use it on the background loop, but for what its docstrings say.

    Args:
        watchers: The pages that watch.
        shape: As in ``KernelMedia``.
        source_ended: Called when the source has no more frames; on a thread of the engine.
        source_failed: Called with the error of the user's code that made frames.
        is_active: Whether a session exists, or is being started.

    Attributes:
        source: What the next session sends; None: the page's own.
    """

    def __init__(
        self,
        watchers: Watchers,
        shape: Callable[[], tuple[str, bool]],
        source_ended: Callable[[], None],
        source_failed: Callable[[BaseException], None],
        is_active: Callable[[], bool],
    ) -> None:
        super().__init__(is_active)
        self.source: Source | None = None
        self._watchers = watchers
        self._shape = shape
        self._source_ended = source_ended
        self._source_failed = source_failed

    @property
    def media(self) -> KernelMedia | None:
        """The media; None before the first session in the kernel is likely."""
        return self._media

    @property
    def sent(self) -> dict[str, Any]:
        """What is sent: source, label, width and height (px), fps and mirrored; else empty."""
        if self._media is None or self.source is None:
            return {}
        label, fps = self.source.label, self._media.source_info.get("fps")
        return {"source": label, "label": label, "fps": fps, **self._media.sent}

    def choose(self, source: Source | None) -> None:
        """Sets what is sent from now on, also while a session in the kernel runs.

        Args:
            source: Already checked; None: the page's own, from the next session on.
        """
        self.source = source
        if self._media is None:
            return
        if source is not None:
            self._media.replace_source(source)
        else:
            self._close_soon()

    def warm(self, transport: str) -> None:
        """Starts the worker, because a start is likely; it ends if none follows."""
        if self.source is not None:
            self.make().warm(transport)
            self.rest(IDLE_S)

    def make(self) -> KernelMedia:
        """Returns the media for a session; the same one each time."""
        assert self.source is not None
        if self._media is None:
            self._media = KernelMedia(self.source, self._watchers, self._shape)
            self._media.on_source_failed = self._failed
            self._media.add_sink(EndOfSource(self._source_ended))
        return self._media

    def _failed(self, error: DecartError) -> None:
        if error.__cause__ is not None:
            self._source_failed(error.__cause__)
