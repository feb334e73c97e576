"""The camera of the page, as a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Webcam:
    """The camera of the browser page that shows the widget: the widget's default source."""

    @property
    def label(self) -> str:
        """What the source is, for people."""
        return "the page's camera"

    def check(self) -> None:
        """Does nothing: the page opens the camera, and says when it can't."""

    def describe(self) -> Mapping[str, Any]:
        """Returns the description of the source, as JSON values."""
        return {"kind": "webcam"}
