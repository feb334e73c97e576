"""Time stamps of sent frames, and conversions for the package livekit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit import rtc

from decart_widget.engine import frame_stamps
from decart_widget.engine.connection import OutgoingFrame
from decart_widget.engine.frame_stamps import FrameStamps
from decart_widget.engine.room_values import harmless, join_error, planes, rtc_configuration
from decart_widget.errors import MediaUnreachableError, ServiceError

TURN = {"urls": ["turn:turn.example.org:3478"], "username": "me", "credential": "p4ssw0rd"}
STUN = {"urls": "stun:stun.example.org:3478"}


def frame(index: int, captured_ns: int = 0) -> OutgoingFrame:
    return OutgoingFrame(np.zeros((96, 64), np.uint8), index, index / 30, captured_ns)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=30))
def test_whatever_the_capture_times_stamps_rise_and_find_their_frames(times: list[int]) -> None:
    stamps = FrameStamps()
    given_out = [stamps.add(frame(i, at)) for i, at in enumerate(times)]
    assert given_out[0] > 0
    assert all(a < b for a, b in pairwise(given_out))
    found = [stamps.find(stamp) for stamp in given_out]
    assert [one.index if one else None for one in found] == list(range(len(times)))


def test_stamps_have_the_distances_of_the_capture_times_and_begin_anywhere() -> None:
    begin = 10**15
    stamps = FrameStamps()
    first, second = (stamps.add(frame(i, begin + i * 40_000_000)) for i in range(2))
    assert second - first == 40_000
    assert first < 1000  # it doesn't say for how long the machine has been running


def test_the_newest_stamps_are_kept_without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_stamps, "KEPT_FRAMES", 3)
    stamps = FrameStamps()
    given_out = [stamps.add(frame(i, i * 10**6)) for i in range(5)]
    found = [stamps.find(stamp) for stamp in given_out]
    assert [one.index if one else None for one in found] == [None, None, 2, 3, 4]
    assert found[4] is not None
    assert found[4].picture.size < frame(4).picture.size
    assert stamps.find(0) is None


@pytest.mark.parametrize(("width", "height"), [(64, 48), (63, 47), (1, 1)])
def test_planes_of_any_size_are_views_of_the_data(width: int, height: int) -> None:
    half = ((height + 1) // 2, (width + 1) // 2)
    data = np.arange(width * height + 2 * half[0] * half[1], dtype=np.uint32).astype(np.uint8)
    y, u, v = planes(data, width, height)
    assert (y.shape, u.shape, v.shape) == ((height, width), half, half)
    assert np.array_equal(np.concatenate([y.ravel(), u.ravel(), v.ravel()]), data)
    assert v.base is not None


def test_ice_servers_are_passed_on_only_with_a_turn_server() -> None:
    assert rtc_configuration({}) is None
    assert rtc_configuration({"iceServers": [STUN]}) is None
    passed_on = rtc_configuration({"iceServers": [STUN, TURN]})
    assert passed_on is not None
    assert [list(server.urls) for server in passed_on.ice_servers] == [
        [STUN["urls"]],
        TURN["urls"],
    ]
    assert passed_on.ice_servers[1].username == "me"
    assert passed_on.ice_servers[1].password == "p4ssw0rd"
    assert passed_on.ice_transport_type == rtc.IceTransportType.TRANSPORT_ALL


def test_a_session_that_is_to_use_relays_only_does_so() -> None:
    configuration = rtc_configuration({"iceTransportPolicy": "relay"})
    assert configuration is not None
    assert configuration.ice_transport_type == rtc.IceTransportType.TRANSPORT_RELAY


def test_errors_show_neither_the_room_s_address_nor_its_token() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiciJ9.c2lnbmF0dXJl"
    error = rtc.ConnectError(
        f"engine: signal failure: ws://rooms.example.org/rtc?access_token={token}: {token} 401"
    )
    for text in (harmless(error), str(join_error(error))):
        assert "eyJ" not in text
        assert "rooms.example.org" not in text
        assert "401" in text
        assert len(text) < 500


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("engine: signal failure: client error: 401 Unauthorized", ServiceError),
        ("engine: signal failure: 403 Forbidden", ServiceError),
        ("engine: signal failure: ws failure: Connection refused", MediaUnreachableError),
        ("engine: connection error: wait_pc_connection timed out", MediaUnreachableError),
        ("", MediaUnreachableError),
    ],
)
def test_a_refused_token_is_told_from_a_server_that_is_not_reached(text: str, kind: type) -> None:
    error = join_error(rtc.ConnectError(text))
    assert type(error) is kind
    assert error.remedy
