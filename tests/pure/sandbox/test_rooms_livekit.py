"""Rooms on a LiveKit server: what needs neither the server nor a process."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import aiohttp
import numpy as np
import pytest
from livekit import api

from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.effects.picture import I420
from decart_widget.sandbox.rooms import livekit_api, livekit_child
from decart_widget.sandbox.rooms.livekit_process import how_ended
from decart_widget.sandbox.rooms.livekit_transformer import output_codec


@pytest.mark.parametrize(
    ("requested", "camera", "codec"),
    [
        (None, None, "vp8"),
        ("vp8", None, "vp8"),
        (None, "video/H264", "vp8"),
        ("h264", "video/H264", "h264"),
        ("vp8", "video/H264", "vp8"),
        ("h264", "video/H265", "h264"),
        (None, "video/VP8", "vp8"),
        ("h264", "video/vp8", "vp8"),  # a browser without H.264
        (None, "video/VP9", "vp8"),
        (None, "video/AV1", "vp8"),
    ],
)
def test_the_picture_has_a_codec_that_the_sender_of_the_camera_can_decode(
    requested: str | None, camera: str | None, codec: str
) -> None:
    assert output_codec(requested, camera) == codec


def test_a_reduced_image_colours_a_picture_like_the_image_itself() -> None:
    image = np.random.default_rng(1).integers(0, 255, (300, 500, 3), np.uint8)
    picture = I420.from_rgb(image[:64, :64])
    painted = []
    for one in (image, livekit_child.decode_image(livekit_child.encode_image(image))):
        state = EffectState()
        state.set(None, enrich=False, image=one)
        painted.append(state.paint(picture).data)
    assert np.array_equal(painted[0], painted[1])
    assert livekit_child.decode_image(livekit_child.encode_image(None)) is None


def test_every_change_of_an_effect_is_announced() -> None:
    state = EffectState()
    seen: list[str | None] = []
    state.on_change = lambda: seen.append(state.prompt)
    state.set("neon", enrich=False, image=None)
    assert seen == ["neon"]


def test_the_log_of_a_process_shows_no_token() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJ2aWRlbyI6e30.c2lnbmF0dXJl"
    record = logging.LogRecord(
        "livekit",
        logging.WARNING,
        "",
        1,
        "refused: ws://h/rtc?access_token=%s\nend",
        (token,),
        None,
    )
    text = livekit_child._Redacted("%(levelname)s %(message)s").format(record)
    assert token not in text
    assert "eyJ" not in text
    assert text.startswith("WARNING refused: ws://h/rtc?access_token=")
    assert "\n" not in text


def test_the_end_of_a_process_is_told_in_words() -> None:
    assert how_ended(-6) == "SIGABRT"
    assert how_ended(3) == "exit status 3"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (
            aiohttp.ClientConnectorError(SimpleNamespace(), OSError("refused")),  # type: ignore[arg-type]
            "can't be reached. Start it",
        ),
        (TimeoutError(), None),  # a machine that is busy; joining has a longer time-out
        (api.TwirpError("unauthenticated", "no", status=401), "refuses the key or its secret"),
        (api.TwirpError("bad_route", "no", status=404), None),
        (ValueError(), None),
    ],
)
def test_what_the_server_api_answers_names_the_cause(error: Exception, cause: str | None) -> None:
    said = livekit_api._cause(error)
    assert said is cause is None or (said is not None and cause is not None and cause in said)
