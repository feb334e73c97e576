"""Which modules an import loads in a fresh interpreter: only those that are needed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import decart_widget

HEAVY = {"aiortc", "aioice", "av", "cv2", "h11", "httpx", "jwt", "livekit", "websockets", "PIL"}
NOTEBOOK = {"numpy", "ipywidgets", "anywidget", "traitlets", "IPython"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after the statement."""
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=25
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_importing_the_package_loads_no_large_module() -> None:
    loaded = loaded_by("import decart_widget")
    assert "decart_widget" in loaded
    assert loaded & (HEAVY | NOTEBOOK) == set()


def test_importing_the_widget_loads_no_media_and_no_network() -> None:
    loaded = loaded_by("from decart_widget import DecartWidget")
    assert "anywidget" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize(
    "statement",
    [
        "from decart_widget import MODELS, RealtimeModel, ConnectionOptions, VideoOptions",
        "from decart_widget import DecartError; import decart_widget.errors",
        "from decart_widget import explore; explore.Cell, explore.template",
        "from decart_widget import sandbox",
        "from decart_widget import Frames, TestPattern, VideoFile; VideoFile('x.mp4')",
        "from decart_widget import Camera; Camera(0), Camera('rtsp://camera/1')",
        "import decart_widget.protocol.machine, decart_widget.session.session",
    ],
)
def test_imports_that_need_no_notebook_load_none_of_its_modules(statement: str) -> None:
    assert loaded_by(statement) & (HEAVY | NOTEBOOK) == set()


@pytest.mark.parametrize("name", decart_widget.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert getattr(decart_widget, name) is not None
    assert name in dir(decart_widget)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Decart_Widget"):
        _ = decart_widget.Decart_Widget


def test_the_versions_of_package_and_metadata_agree() -> None:
    from importlib.metadata import version

    assert decart_widget.__version__ == version("decart-widget")
