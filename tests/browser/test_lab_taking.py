"""Stills, frames and clips of a running session, in JupyterLab; clips are read by PyAV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import pytest

from tests.browser.conftest import OpenNotebook
from tools.notebook_page import NotebookPage
from tools.widget_view import WidgetView

WIDGET: Final = """
from decart_widget import DecartWidget
w = DecartWidget(prompt="greyscale", transport={transport!r})
w
"""
HELPERS: Final = """
import time, numpy as np
def colour(image):
    return float(np.mean(image.max(axis=2).astype(int) - image.min(axis=2)))
async def read(frames, count):
    seen = []
    async for image, at in frames:
        seen.append((image.shape, str(image.dtype), colour(image), at))
        if len(seen) == count:
            break
    await frames.aclose()
    return seen
"""


async def ask(notebook: NotebookPage, expression: str) -> Any:
    """Evaluates an expression in the kernel; its value passes as JSON."""
    return json.loads(await notebook.execute(f"import json; print(json.dumps({expression}))"))


async def generating(open_notebook: OpenNotebook, transport: str) -> NotebookPage:
    notebook = await open_notebook(WIDGET.format(transport=transport), HELPERS)
    view = WidgetView(notebook.page)
    await view.mounted()
    await view.start()
    await view.picture()
    return notebook


def probe(path: Path) -> tuple[float, list[np.ndarray], list[str]]:
    """A clip's seconds, its pictures (last the one after a seek to the middle), its codecs."""
    with av.open(path) as clip:
        assert clip.duration is not None
        seconds = clip.duration / av.time_base
        pictures = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    with av.open(path) as clip:
        stream = clip.streams.video[0]
        assert stream.time_base is not None
        clip.seek(int(seconds / 2 / stream.time_base), stream=stream)
        frame = next(clip.decode(video=0))
        assert frame.time is not None
        assert 0 <= seconds / 2 - frame.time < seconds / 2 + 0.1
        pictures.append(frame.to_ndarray(format="rgb24"))
        return seconds, pictures, [stream.codec_context.name]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def colour(picture: np.ndarray) -> float:
    return float(np.mean(picture.max(axis=2).astype(int) - picture.min(axis=2)))


@pytest.mark.parametrize("transport", ["livekit", "webrtc"])
async def test_stills_frames_and_clips_can_be_saved(
    open_notebook: OpenNotebook, tmp_path: Path, transport: str
) -> None:
    notebook = await generating(open_notebook, transport)

    await notebook.execute("shot, sent = await w.snapshot(), await w.snapshot('input')")
    assert await ask(notebook, "[shot.shape, str(shot.dtype)]") == [[720, 1280, 3], "uint8"]
    assert await ask(notebook, "colour(shot)") < 8
    assert await ask(notebook, "sent.shape[2]") == 3
    assert await ask(notebook, "colour(sent)") > 50

    await notebook.execute("seen = await read(w.frames(size=(640, 360)), 12)")
    seen = await ask(notebook, "seen")
    assert all(shape == [360, 640, 3] and kind == "uint8" for shape, kind, *_ in seen)
    assert all(grey < 8 for *_, grey, _ in seen)
    times = [at for *_, at in seen]
    assert times == sorted(set(times))
    assert abs(await ask(notebook, "time.time()") - times[-1]) < 3600, "in seconds since 1970"

    path = tmp_path / "clip.mp4"
    await notebook.execute(f"r = w.record({str(path)!r}, seconds=3)")
    await notebook.until("r.state == 'recording'")
    assert path.with_name("clip.mp4.part1").exists(), "written while it runs"
    await notebook.until("r.done()")
    assert await ask(notebook, "[r.state, repr(r._done)]") == ["saved", f"<record: {path}>"]
    seconds, pictures, _ = probe(path)
    assert seconds > 0
    assert await ask(notebook, "r.seconds") > 0
    assert all(colour(picture) < 8 for picture in pictures)
    assert pictures[0].shape == (720, 1280, 3)
    assert names_in(tmp_path) == ["clip.mp4"], "nothing but the clip is left"
