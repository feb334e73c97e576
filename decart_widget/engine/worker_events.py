"""What an engine does about its worker's reports; see ``engine.commands.EVENTS``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from decart_widget.engine.recordings import Recorded
from decart_widget.engine.reported_errors import connection_error, source_error
from decart_widget.errors import ConnectionLostError, DecartError

if TYPE_CHECKING:
    from decart_widget.engine.figures import Figures
    from decart_widget.engine.frame_rings import FrameRings
    from decart_widget.engine.recordings import Recordings
    from decart_widget.engine.source_sender import SourceSender
    from decart_widget.engine.view_link import ViewLink
    from decart_widget.session.media import MediaListener

NO_NEW_FRAME: Final = "No new frame has come back from the service."
"""Why a connection that seems to work counts as lost."""


class WorkerEvents:
    """The part of ``EngineMedia`` that handles events; its attributes are described there."""

    listener: MediaListener | None
    recordings: Recordings
    views: ViewLink
    counts: dict[str, int]
    source_info: dict[str, Any]
    on_source: Callable[[dict[str, Any]], None] | None
    _attempt: int
    _closed: bool
    _figures: Figures
    _rings: FrameRings
    _sources: SourceSender

    if TYPE_CHECKING:

        def _source_failed(self, generation: int, error: DecartError) -> None:
            """Ends the session with the error of its source."""

    def _event(self, kind: str, fields: dict[str, Any]) -> None:
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None and not self._closed:
            handler(**fields)

    def _on_beat(self, **counts: int) -> None:
        self.counts = counts

    def _on_offer(self, attempt: int, sdp: str) -> None:
        if self.listener is not None:
            self.listener.offer_made(attempt, sdp)
            self.listener.candidate_found(attempt, None)

    def _on_state(self, attempt: int, state: Any) -> None:
        if self.listener is not None:
            self.listener.media_changed(attempt, state)

    def _on_stalled(self, attempt: int) -> None:
        if self.listener is not None and attempt == self._attempt:
            self.listener.media_lost(ConnectionLostError(NO_NEW_FRAME))

    def _on_refused(self, attempt: int, error: dict[str, str]) -> None:
        if self.listener is not None:
            self.listener.media_refused(attempt, connection_error(error))

    def _on_source_opened(self, generation: int, **info: Any) -> None:
        if generation != self._sources.generation:
            return
        self._sources.opened()
        self.source_info = info
        if self.on_source is not None:
            self.on_source(info)

    def _on_source_failed(self, generation: int, error: dict[str, str]) -> None:
        self._source_failed(generation, source_error(error))

    def _on_source_ended(self, generation: int, number: int) -> None:
        if self._rings.delivery is not None and generation == self._sources.generation:
            self._rings.delivery.notify(number, lambda sink: sink.source_ended())

    def _on_sent(self, generation: int, indices: list[int]) -> None:
        if generation == self._sources.generation:
            self._sources.sent(indices)

    def _on_lost(self, generation: int, indices: list[int], number: int) -> None:
        if self._rings.delivery is not None and generation == self._sources.generation:
            self._sources.lost(indices)
            self._rings.delivery.notify(number, lambda sink: sink.lost(indices))

    def _on_recorded(self, number: int, **result: Any) -> None:
        self.recordings.recorded(number, Recorded(**result))

    def _on_figures(self, request: int, figures: dict[str, Any]) -> None:
        self._figures.answered(request, figures)

    def _on_picture(self, watcher: str, attempt: int, part: bytes, **about: Any) -> None:
        self.views.came(watcher, attempt, about, part)
