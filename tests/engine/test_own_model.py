"""A model of the user's in place of the effects, with frames from Python."""

from __future__ import annotations

from typing import Any

import pytest

from decart_widget import Session, TestPattern
from decart_widget.errors import InvalidTransformError
from decart_widget.inputs.sources import marker
from decart_widget.models import RealtimeModel
from decart_widget.sandbox import serve
from decart_widget.session.media import Transport

MODEL = RealtimeModel("lucy-2.1", fps=30, width=320, height=180)


class Invert:
    batch_size = 4

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def transform_batch(self, frames: Any) -> Any:
        self.sizes.append(len(frames))
        return 255 - frames


@pytest.mark.parametrize("transport", ["webrtc", "livekit"])
def test_batches_keep_order_and_identity_of_frames(transport: Transport) -> None:
    model = Invert()
    with (
        serve(model, marker=True) as server,
        Session(
            MODEL,
            source=TestPattern(duration=2.0),
            endpoint=server,
            transport=transport,
        ) as running,
    ):
        seen = []
        for frame in running.frames(every=True):
            assert frame.index is not None
            seen.append(frame.index)
            assert frame.exact
            assert marker.read(frame.array.mean(axis=2).astype("uint8")) == frame.index
        assert server.last_error is None
    assert len(seen) > 10
    assert seen == sorted(set(seen))


def test_an_endpoint_that_is_no_model_is_refused_at_once() -> None:
    with pytest.raises(InvalidTransformError, match="can't be called with frames"):
        Session(source=TestPattern(), endpoint=lambda: None)
