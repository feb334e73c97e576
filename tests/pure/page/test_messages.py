"""Messages in both directions, checked against the examples that both ends' tests read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from decart_widget.models import MODELS
from decart_widget.options import ConnectionOptions, VideoOptions
from decart_widget.page.messages import FROM_BROWSER, MalformedError, read
from decart_widget.protocol.messages import Candidate
from decart_widget.session.media import Preparation
from tests.pure.hosts import MESSAGES, Host, active, conforms, dropped, label


def test_both_ends_read_examples_of_the_same_protocol() -> None:
    host = Host()
    host.hello()
    assert host.sent[0]["protocol"] == MESSAGES["protocol"]


@pytest.mark.parametrize("message", MESSAGES["to_kernel"], ids=label)
def test_every_example_from_the_browser_is_accepted(message: dict[str, Any]) -> None:
    fields = read(message)
    assert {name: fields[name] for name in fields if name in message} == message
    assert [fields[name] for name in fields if name not in message] == [None] * (
        len(fields) - len(message)
    )
    assert read({**message, "unheard_of": [1]})


@pytest.mark.parametrize("message", MESSAGES["malformed_to_kernel"], ids=label)
def test_every_malformed_example_is_refused_and_counted(message: Any) -> None:
    with pytest.raises(MalformedError):
        read(message)
    host = active()
    host.pages.receive(message)
    assert sum(dropped(host.pages).values()) == 1
    assert (host.events, host.sent) == ([], [])


@pytest.mark.parametrize("message", MESSAGES["to_kernel"], ids=label)
def test_an_example_without_one_of_its_fields_or_with_a_wrong_one_is_refused(
    message: dict[str, Any],
) -> None:
    for name in message.keys() - {"type", "detail", "version", "page", "message"}:
        for wrong in ({"no": "such"}, ["x"], 1 if isinstance(message[name], bool) else True, 1.5j):
            with pytest.raises(MalformedError):
                read({**message, name: wrong})


def test_the_type_of_every_example_is_in_the_table() -> None:
    known = {message["type"] for message in MESSAGES["to_kernel"]}
    assert known <= set(FROM_BROWSER)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "offer", "attempt": 3, "sdp": "x" * 200_001},
        {"type": "apply", "prompt": "x" * 200_001, "enrich": True},
        {"type": "hello", "protocol": 1, "version": "x" * 101, "page": {}},
        {
            "type": "hello",
            "protocol": 1,
            "version": "1",
            "page": dict.fromkeys(map(str, range(17))),
        },
        {"type": "heartbeat", "attempt": -1},
        {"type": "heartbeat", "attempt": 2**53},
        {"type": "stats", "attempt": 3, "fps": float("inf")},
        {"type": "stats", "attempt": 3, "fps": float("nan")},
        {"type": "stats", "attempt": 3, "bitrate": 10**400},
    ],
    ids=lambda message: message["type"],
)
def test_a_value_that_is_too_long_or_too_large_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        read({"page_id": "f1", **message})
    with pytest.raises(MalformedError):
        read({"page_id": "f" * 101, "type": "start"})


def test_everything_that_is_sent_conforms_to_the_table_and_everything_in_it_is_sent() -> None:
    host = active("f2")
    host.hello("f2")
    host.attempt = None
    host.hello("f3")
    host.say("start", "f2")
    host.attempt = 3
    connection = ConnectionOptions()
    host.pages.prepare(
        3, Preparation("webrtc", MODELS["lucy-latest"], VideoOptions(), connection.rtc(), 15.0)
    )
    host.pages.answer(3, "v=0\r\n")
    host.pages.candidate(3, Candidate("candidate:1", "0", 0))
    host.pages.candidate(3, None)
    host.pages.beat()
    host.pages.tap({"id": 6, "what": "snapshot", "which": "output"})
    host.pages.credit(6, 1)
    host.pages.switch_camera(5)
    host.pages.camera_credit(3, 2, key=True)
    host.pages.untap(6)
    host.pages.recording("saved", "clip.mp4")
    host.pages.end(3, "stopped", keep_camera=False)
    host.pages.end(3, "reconnecting", keep_camera=True)
    sent = host.take_sent()
    assert [message for message in sent if not conforms(message)] == []
    assert json.loads(json.dumps(sent, allow_nan=False)) == sent
    # Other modules send these, and have their own tests.
    expected = {message["type"] for message in MESSAGES["to_browser"]} - {
        "chunk",
        "room",
        "image-state",
        "picture",
        "look",
        "thumbnails",
    }
    assert {message["type"] for message in sent} == expected
