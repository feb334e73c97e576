"""Options of connection and video: checked, immutable, and without secrets in their texts."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.errors import ConfigurationError, InvalidOptionError, InvalidURLError
from decart_widget.options import ConnectionOptions, VideoOptions

TURN = {"urls": "turn:turn.example.org", "username": "u", "credential": "MARKER"}
ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=10)
    | st.lists(st.text(max_size=5), max_size=2)
    | st.dictionaries(st.text(max_size=5), st.floats() | st.binary(max_size=2), max_size=2)
)


def test_the_defaults_are_those_of_decart_s_own_clients() -> None:
    assert VideoOptions().as_message() == {
        "preferred_codec": "VP8",
        "max_bitrate": 2_500_000,
        "min_bitrate": 300_000,
        "max_framerate": 26,
    }
    connection = ConnectionOptions()
    assert connection.rtc() == {"iceServers": [{"urls": "stun:stun.l.google.com:19302"}]}
    assert (connection.connection_timeout, connection.ack_timeout) == (15, 30)


@pytest.mark.parametrize("codec", ["vp8", "H264", "av1", "Vp9"])
def test_a_codec_may_be_written_in_any_case(codec: str) -> None:
    assert VideoOptions(preferred_codec=codec).preferred_codec == codec.upper()


def test_a_browser_that_may_choose_the_codec_prefers_the_default() -> None:
    options = VideoOptions("auto")
    assert options.preferred_codec == "AUTO"
    assert options.as_message()["preferred_codec"] == VideoOptions().preferred_codec


@pytest.mark.parametrize(
    "wrong",
    [
        {"preferred_codec": "MPEG2"},
        {"preferred_codec": None},
        {"max_bitrate": 0},
        {"max_bitrate": "2500000"},
        {"max_bitrate": True},
        {"max_bitrate": float("nan")},
        {"max_bitrate": 10**400},
        {"min_bitrate": -1},
        {"max_framerate": 0},
        {"max_framerate": float("inf")},
        {"max_framerate": None},
    ],
)
def test_a_video_option_out_of_range_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError, match=next(iter(wrong))) as caught:
        VideoOptions(**wrong)
    assert caught.value.remedy


def test_the_error_of_a_reversed_bitrate_range_recommends_swapping() -> None:
    with pytest.raises(InvalidOptionError, match="Swap") as caught:
        VideoOptions(min_bitrate=3_000_000, max_bitrate=300_000)
    assert "3,000,000" in caught.value.message


def test_both_bitrates_may_be_equal() -> None:
    assert VideoOptions(min_bitrate=500_000, max_bitrate=500_000).min_bitrate == 500_000


def test_options_are_frozen() -> None:
    for options, name in ((VideoOptions(), "max_bitrate"), (ConnectionOptions(), "ack_timeout")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(options, name, 1)


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ((), []),
        ([], []),
        ("stun:a", [{"urls": "stun:a"}]),
        (["stun:a", TURN], [{"urls": "stun:a"}, TURN]),
        (TURN, [TURN]),
        ({"urls": ["turn:a", "turns:b"]}, [{"urls": ["turn:a", "turns:b"]}]),
    ],
)
def test_ice_servers_may_be_strings_or_the_w3c_s_mappings(
    servers: Any, expected: list[Any]
) -> None:
    assert ConnectionOptions(ice_servers=servers).rtc() == {"iceServers": expected}


@pytest.mark.parametrize(
    "servers",
    [
        "http://a",
        ["stun.example.org"],
        [{}],
        [{"urls": []}],
        [{"urls": ["turn:a", "ftp:b"]}],
        [{"urls": None}],
        [5],
    ],
)
def test_an_ice_server_without_a_stun_or_turn_url_is_refused(servers: Any) -> None:
    with pytest.raises(InvalidURLError, match="stun:"):
        ConnectionOptions(ice_servers=servers)


@pytest.mark.parametrize("servers", [None, 5, [{"urls": "turn:a", "credential": object()}]])
def test_ice_servers_that_json_can_not_express_are_refused(servers: Any) -> None:
    with pytest.raises(InvalidOptionError, match="ice_servers"):
        ConnectionOptions(ice_servers=servers)


def test_turn_credentials_are_in_no_text_about_the_options() -> None:
    options = ConnectionOptions(
        ice_servers=(TURN,),
        rtc_configuration={"iceServers": [TURN]},
    )
    assert "MARKER" not in repr(options)
    with pytest.raises(InvalidURLError) as caught:
        ConnectionOptions(ice_servers=["turn//u:MARKER@host"])  # type: ignore[arg-type]
    assert "MARKER" not in str(caught.value)


def test_further_rtc_configuration_is_added_and_its_ice_servers_win() -> None:
    options = ConnectionOptions(
        rtc_configuration={"iceTransportPolicy": "relay", "iceServers": [TURN]}
    )
    assert options.rtc() == {"iceServers": [TURN], "iceTransportPolicy": "relay"}


def test_rtc_configuration_can_t_be_changed_from_outside_later() -> None:
    given_one = {"iceTransportPolicy": "relay"}
    options = ConnectionOptions(rtc_configuration=given_one)
    given_one["iceTransportPolicy"] = "all"
    assert options.rtc()["iceTransportPolicy"] == "relay"
    options.rtc()["iceTransportPolicy"] = "all"
    assert options.rtc()["iceTransportPolicy"] == "relay"


@pytest.mark.parametrize(
    "configuration",
    [5, "relay", {"a": {1, 2}}, {"a": b"x"}, {"a": float("nan")}, {"a": float("inf")}],
)
def test_rtc_configuration_must_be_json(configuration: Any) -> None:
    with pytest.raises(InvalidOptionError, match="rtc_configuration"):
        ConnectionOptions(rtc_configuration=configuration)


@pytest.mark.parametrize("name", ["connection_timeout", "ack_timeout"])
@pytest.mark.parametrize("value", [0, -1, 601, float("nan"), "15", None, True, 10**400])
def test_a_timeout_out_of_range_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidOptionError, match=name):
        ConnectionOptions(**{name: value})


def test_options_can_be_changed_one_at_a_time() -> None:
    options = ConnectionOptions(rtc_configuration={"bundlePolicy": "max-bundle"})
    changed = dataclasses.replace(options, connection_timeout=3)
    assert changed.rtc() == options.rtc()
    assert changed.connection_timeout == 3


@given(
    st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(VideoOptions)]), ANYTHING)
)
def test_any_video_options_are_either_json_or_a_configuration_error(values: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigurationError):
        json.dumps(VideoOptions(**values).as_message(), allow_nan=False)


@given(
    st.dictionaries(
        st.sampled_from([f.name for f in dataclasses.fields(ConnectionOptions)]), ANYTHING
    )
)
def test_any_connection_options_are_either_json_or_a_configuration_error(
    values: dict[str, Any],
) -> None:
    with contextlib.suppress(ConfigurationError):
        json.dumps(ConnectionOptions(**values).rtc(), allow_nan=False)
