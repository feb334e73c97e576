"""A recording has the colours that were recorded, for players and for `VideoFile`."""

from __future__ import annotations

import threading
from pathlib import Path

import av
import pytest

from decart_widget.engine.connection import OutgoingFrame
from decart_widget.engine.recorder import Recorder
from decart_widget.inputs.sources.fit import Fitter
from decart_widget.inputs.sources.opening import open_reader
from decart_widget.inputs.sources.reader import Target
from decart_widget.inputs.sources.video_file import VideoFile
from tests.pure.inputs.sources.clips import bar_errors, bars


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_colours_are_the_same_after_recording_and_reading(tmp_path: Path, suffix: str) -> None:
    target = Target(1280, 720, 30)
    picture = Fitter(target).picture(bars(1280, 720))
    done = threading.Event()
    path = tmp_path / f"clip.{suffix}"
    recorder = Recorder(
        path,
        "input",
        every=True,
        fps=30,
        sound=None,
        room_came=lambda: None,
        done=lambda error: done.set(),
    )
    for index in range(3):
        recorder.sent(OutgoingFrame(picture, index, index / 30, 0))
    recorder.stop()
    assert done.wait(30)
    with av.open(str(path)) as file:
        context = file.streams.video[0].codec_context
        assert (int(context.colorspace), int(context.color_range)) == (6, 1)
    reader = open_reader(VideoFile(path).describe(), target)
    frame = reader.read()
    reader.close()
    assert frame is not None
    assert max(bar_errors(frame.picture)) <= 4
