"""An engine that sends the camera of a page."""

from __future__ import annotations

from decart_widget.engine.media import EngineMedia
from decart_widget.engine.webcam_link import WebcamLink
from decart_widget.inputs.sources.webcam import Webcam
from decart_widget.session.media import Preparation


class WebcamMedia(EngineMedia):
    """An engine whose source may be the camera of a page.

    Attributes:
        webcam: The frames of that camera.
    """

    def __init__(self, *, orientation: str = "landscape") -> None:
        super().__init__(Webcam(), orientation=orientation)
        self.webcam = WebcamLink(self._send)

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        """Lets the worker make the connection, and the page send."""
        super().prepare(attempt, preparation)
        self.webcam.begin()

    def _on_webcam_taken(self, number: int, key: bool, began_at: float | None) -> None:
        self.webcam.began_at_s = began_at
        self.webcam.taken(number, key)
