"""Frames of the control channel: read without raising, written with the service's names."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.protocol import messages as m
from decart_widget.protocol.codec import decode, encode

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([10**400, -(10**400), 10**15, -1]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
FIELDS = [
    "session_id",
    "sessionId",
    "status",
    "queue_position",
    "position",
    "queue_size",
    "size",
    "prompt",
    "success",
    "error",
    "message",
    "seconds",
    "reason",
    "sdp",
    "candidate",
    "livekit_url",
    "token",
    "room_name",
    "unheard_of",
]
TYPES = [
    "session_id",
    "status",
    "queue_position",
    "prompt_ack",
    "set_image_ack",
    "generation_started",
    "generation_tick",
    "generation_ended",
    "error",
    "ready",
    "answer",
    "ice-candidate",
    "livekit_room_info",
]


def decoded(**fields: Any) -> m.ServerMessage:
    return decode(json.dumps(fields))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "session_id", "session_id": "s"}, m.SessionId("s")),
        ({"type": "session_id", "sessionId": "s"}, m.SessionId("s")),
        (
            {"type": "session_id", "session_id": "s", "server_ip": "10.0.0.1", "server_port": 9},
            m.SessionId("s"),
        ),
        ({"type": "status", "status": "Entering queue"}, m.Status("Entering queue")),
        ({"type": "queue_position", "queue_position": 3, "queue_size": 9}, m.QueuePosition(3, 9)),
        ({"type": "queue_position", "position": 3, "queue_size": 9}, m.QueuePosition(3, 9)),
        ({"type": "queue_position", "position": 3}, m.QueuePosition(3, None)),
        ({"type": "queue_position", "position": 3, "queue_size": "?"}, m.QueuePosition(3, None)),
        ({"type": "queue_position", "position": 3.0, "size": 4}, m.QueuePosition(3, 4)),
        (
            {"type": "prompt_ack", "prompt": "a", "success": True, "error": None},
            m.PromptAck("a", True, None),
        ),
        (
            {"type": "prompt_ack", "prompt": "a", "success": False, "error": "flagged"},
            m.PromptAck("a", False, "flagged"),
        ),
        ({"type": "set_image_ack", "success": True}, m.SetImageAck(True, None)),
        ({"type": "set_image_ack", "success": False, "error": 7}, m.SetImageAck(False, None)),
        ({"type": "generation_started"}, m.GenerationStarted()),
        ({"type": "generation_tick", "seconds": 3}, m.GenerationTick(3.0)),
        ({"type": "generation_tick", "seconds": 2.5}, m.GenerationTick(2.5)),
        (
            {"type": "generation_ended", "seconds": 9, "reason": "done"},
            m.GenerationEnded(9.0, "done"),
        ),
        ({"type": "generation_ended"}, m.GenerationEnded(None, None)),
        ({"type": "error", "error": "Invalid API key"}, m.ServerError("Invalid API key")),
        ({"type": "error", "message": "too busy"}, m.ServerError("too busy")),
        ({"type": "error", "error": {"message": "inner"}}, m.ServerError("inner")),
        ({"type": "error"}, m.ServerError("unknown error")),
        ({"type": "answer", "sdp": "v=0"}, m.Answer("v=0")),
        (
            {
                "type": "livekit_room_info",
                "livekit_url": "wss://rooms.example.org",
                "token": "t",
                "room_name": "r",
                "session_id": "s",
            },
            m.RoomInfo("wss://rooms.example.org", "t", "r", "s"),
        ),
        ({"type": "ice-candidate", "candidate": None}, m.RemoteCandidate(None)),
        (
            {
                "type": "ice-candidate",
                "candidate": {"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0},
            },
            m.RemoteCandidate(m.Candidate("candidate:1", "0", 0)),
        ),
        (
            {"type": "ice-candidate", "candidate": {"candidate": "candidate:1", "sdpMid": 3}},
            m.RemoteCandidate(m.Candidate("candidate:1")),
        ),
        ({"type": "ice-candidate", "candidate": {"candidate": ""}}, m.RemoteCandidate(None)),
    ],
)
def test_a_frame_is_read_by_its_type(fields: dict[str, Any], message: m.ServerMessage) -> None:
    assert decoded(**fields) == message
    assert decoded(**fields, unheard_of={"deep": [1]}) == message


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "session_id"},
        {"type": "session_id", "session_id": 5},
        {"type": "status", "status": None},
        {"type": "queue_position"},
        {"type": "queue_position", "position": -1},
        {"type": "queue_position", "position": True},
        {"type": "queue_position", "position": "3"},
        {"type": "queue_position", "position": 10**400},
        {"type": "prompt_ack", "success": True},
        {"type": "prompt_ack", "prompt": "a"},
        {"type": "prompt_ack", "prompt": "a", "success": "yes"},
        {"type": "set_image_ack", "success": 1},
        {"type": "generation_tick"},
        {"type": "generation_tick", "seconds": -1},
        {"type": "generation_tick", "seconds": "3"},
        {"type": "generation_tick", "seconds": float("nan")},
        {"type": "generation_tick", "seconds": float("inf")},
        {"type": "generation_tick", "seconds": 10**400},
        {"type": "answer", "sdp": ["v=0"]},
        {"type": "livekit_room_info", "livekit_url": "wss://x", "token": "t"},
        {"type": "livekit_room_info", "livekit_url": "file:///x", "token": "t", "room_name": "r"},
        {"type": "ice-candidate", "candidate": "candidate:1"},
        {"type": "ice-candidate", "candidate": {"sdpMid": "0"}},
    ],
)
def test_a_frame_with_a_missing_or_wrong_field_is_ignored(fields: dict[str, Any]) -> None:
    ignored = decoded(**fields)
    assert isinstance(ignored, m.Ignored)
    assert ignored.reason.startswith("bad ")
    assert ignored.type == fields["type"]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"\x00\x01", "binary frame"),
        (b'{"type":"generation_started"}', "binary frame"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"type":"generation_tick","seconds":' + "9" * 5000 + "}", "not JSON"),
        ("null", "no type"),
        ("[]", "no type"),
        ('"status"', "no type"),
        ("{}", "no type"),
        ('{"type": 5}', "no type"),
        ('{"type": "fireworks"}', "unknown type"),
        ('{"type": "ready"}', "unknown type"),
        ('{"type":"error","error":"' + "x" * 1_000_000 + '"}', "frame too long"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_malformed_frame_is_ignored_with_a_reason(frame: str | bytes, reason: str) -> None:
    ignored = decode(frame)
    assert isinstance(ignored, m.Ignored)
    assert ignored.reason == reason


def test_the_first_name_of_a_field_wins_where_a_frame_has_both() -> None:
    assert decoded(type="session_id", session_id="a", sessionId="b") == m.SessionId("a")
    assert decoded(type="queue_position", queue_position=1, position=2) == m.QueuePosition(1, None)


@given(st.text() | st.binary())
def test_decode_never_raises_for_any_text_or_bytes(frame: str | bytes) -> None:
    assert isinstance(decode(frame), get_args(m.ServerMessage))


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(TYPES) | JSON}, optional=dict.fromkeys(FIELDS, JSON)
    )
    | JSON
)
def test_decode_never_raises_for_any_json(value: Any) -> None:
    message = decode(json.dumps(value))
    assert isinstance(message, get_args(m.ServerMessage))
    assert message == decode(json.dumps(value))


@given(
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(FIELDS), st.text(st.characters(codec=None), max_size=5)),
)
def test_the_repr_of_every_decoded_message_can_be_encoded(
    kind: str, fields: dict[str, str]
) -> None:
    # JSON can contain an unpaired surrogate, which UTF-8 can't encode.
    repr(decode(json.dumps({**fields, "type": kind}))).encode("utf-8")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)))
def test_an_unknown_type_is_ignored_whatever_its_fields(fields: dict[str, Any]) -> None:
    assert isinstance(decoded(**fields, type="fireworks"), m.Ignored)


def test_the_name_of_an_unknown_type_is_kept_short() -> None:
    ignored = decoded(type="x" * 10_000)
    assert isinstance(ignored, m.Ignored)
    assert len(ignored.type or "") <= 40


def test_a_candidate_that_is_too_long_is_cut() -> None:
    message = decoded(
        type="ice-candidate", candidate={"candidate": "c" * 100_000, "sdpMid": "m" * 9999}
    )
    assert isinstance(message, m.RemoteCandidate)
    assert message.candidate is not None
    assert len(message.candidate.candidate) <= 4096
    assert len(message.candidate.sdp_mid or "") <= 256


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (m.Prompt("a", True), {"type": "prompt", "prompt": "a", "enhance_prompt": True}),
        (
            m.SetImage(m.ImageData(data="QUJD"), "a", False),
            {"type": "set_image", "image_data": "QUJD", "prompt": "a", "enhance_prompt": False},
        ),
        (
            m.SetImage(m.ImageData(ref="file_1"), "a", True),
            {"type": "set_image", "image_ref": "file_1", "prompt": "a", "enhance_prompt": True},
        ),
        (
            m.SetImage(m.ImageData(data="QUJD"), None, True),
            {"type": "set_image", "image_data": "QUJD", "prompt": None},
        ),
        (m.SetImage(None, None, True), {"type": "set_image", "image_data": None, "prompt": None}),
        (
            m.LivekitJoin(True),
            # No capabilities: a page doesn't remove the trailers that "frame_timing" asks for.
            {"type": "livekit_join", "passthrough": True},
        ),
        (
            m.LivekitJoin(False, frame_timing=True),
            {
                "type": "livekit_join",
                "passthrough": False,
                "client_capabilities": {"frame_timing": True},
            },
        ),
        (m.Offer("v=0"), {"type": "offer", "sdp": "v=0"}),
        (
            m.LocalCandidate(m.Candidate("candidate:1", "0", 0)),
            {
                "type": "ice-candidate",
                "candidate": {"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0},
            },
        ),
        (m.LocalCandidate(None), {"type": "ice-candidate", "candidate": None}),
    ],
)
def test_sent_messages_have_the_service_s_names(
    message: m.ClientMessage, fields: dict[str, Any]
) -> None:
    assert json.loads(encode(message)) == fields


@given(st.text(st.characters(codec=None)))
def test_any_prompt_makes_a_frame_that_utf_8_can_encode(prompt: str) -> None:
    frame = encode(m.Prompt(prompt, True)).encode("utf-8")
    assert json.loads(frame)["prompt"] == m.sendable(prompt)


@given(st.text())
def test_text_that_utf_8_can_encode_is_sent_unchanged(prompt: str) -> None:
    assert m.sendable(prompt) == prompt


def test_a_prompt_is_sent_as_characters_and_not_as_escapes() -> None:
    assert "Ölbild 雨" in encode(m.Prompt("Ölbild 雨", True))


def test_messages_do_not_show_the_image_s_bytes() -> None:
    assert "QUJD" not in repr(m.SetImage(m.ImageData(data="QUJD"), "a", True))


def test_a_room_does_not_show_its_token() -> None:
    assert "MARKER" not in repr(m.RoomInfo("wss://x", "MARKER", "room"))
