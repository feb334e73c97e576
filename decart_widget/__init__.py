"""Decart's realtime video models in a notebook cell.

``DecartWidget(model="lucy-latest", prompt="watercolour")`` shows the camera, transformed live.
The public names are imported on first use, so that importing the package is fast.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any, Final

from decart_widget._version import __version__

if TYPE_CHECKING:
    from decart_widget import explore as explore
    from decart_widget import sandbox as sandbox
    from decart_widget.errors import DecartError as DecartError
    from decart_widget.headless.session import Session as Session
    from decart_widget.headless.transform import transform as transform
    from decart_widget.inputs.sources.camera import Camera as Camera
    from decart_widget.inputs.sources.frames import Frames as Frames
    from decart_widget.inputs.sources.pattern import TestPattern as TestPattern
    from decart_widget.inputs.sources.video_file import VideoFile as VideoFile
    from decart_widget.inputs.sources.webcam import Webcam as Webcam
    from decart_widget.models import MODELS as MODELS
    from decart_widget.models import RealtimeModel as RealtimeModel
    from decart_widget.options import ConnectionOptions as ConnectionOptions
    from decart_widget.options import VideoOptions as VideoOptions
    from decart_widget.session.frame import Frame as Frame
    from decart_widget.widgets.viewer import DecartViewer as DecartViewer
    from decart_widget.widgets.widget import DecartWidget as DecartWidget

# Without a handler, Python would print warnings in the output of whichever cell ran last.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_HOME: Final = {
    "Camera": "inputs.sources.camera",
    "ConnectionOptions": "options",
    "DecartError": "errors",
    "DecartViewer": "widgets.viewer",
    "DecartWidget": "widgets.widget",
    "Frame": "session.frame",
    "Frames": "inputs.sources.frames",
    "MODELS": "models",
    "RealtimeModel": "models",
    "Session": "headless.session",
    "TestPattern": "inputs.sources.pattern",
    "VideoFile": "inputs.sources.video_file",
    "VideoOptions": "options",
    "Webcam": "inputs.sources.webcam",
    "transform": "headless.transform",
}
"""The public names and the modules that define them."""

__all__ = [
    "MODELS",
    "Camera",
    "ConnectionOptions",
    "DecartError",
    "DecartViewer",
    "DecartWidget",
    "Frame",
    "Frames",
    "RealtimeModel",
    "Session",
    "TestPattern",
    "VideoFile",
    "VideoOptions",
    "Webcam",
    "__version__",
    "explore",
    "sandbox",
    "transform",
]


def __getattr__(name: str) -> Any:
    if name in ("explore", "sandbox"):
        return importlib.import_module(f"decart_widget.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"decart_widget.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
