"""Sessions through an engine with the transport ``webrtc``."""

from __future__ import annotations

from decart_widget.engine.received import ReceivedFrame
from decart_widget.inputs.sources import marker
from decart_widget.sandbox import Sandbox
from tests.engine.conftest import Collected, running


def shown(frame: ReceivedFrame) -> int | None:
    """The number in a frame's picture."""
    return marker.read(frame.picture[: frame.picture.shape[0] * 2 // 3])


async def test_each_frame_that_comes_back_names_the_frame_that_it_was_made_from(
    sandbox: Sandbox,
) -> None:
    async with running(sandbox, sink=Collected(keep=shown), prompt="greyscale") as run:
        await run.until(lambda: len(run.sink.frames) >= 40)
    frames = run.sink.frames
    assert all(frame.exact for frame in frames)
    assert [frame.index for frame in frames] == run.sink.kept
    assert all(frame.received_ns > frame.captured_ns > 0 for frame in frames)
    assert frames[0].picture.shape == (270, 320)
