"""The messages between an engine and its worker process."""

from __future__ import annotations

import pytest

from decart_widget.engine.commands import COMMANDS, EVENTS, MessageError, decode, encode


def test_a_message_arrives_as_it_was_sent() -> None:
    line = encode(COMMANDS, "answer", attempt=2, sdp="v=0\r\n")
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(COMMANDS, line) == ("answer", {"attempt": 2, "sdp": "v=0\r\n"})


@pytest.mark.parametrize(
    "line",
    [
        b"no JSON",
        b"[1]",
        b"{}",
        b'{"type": "unknown"}',
        b'{"type": ["answer"]}',
        b'{"type": "answer", "attempt": 1}',
        b'{"type": "answer", "attempt": 1, "sdp": "", "more": 1}',
        b'{"type": "answer", "attempt": true, "sdp": ""}',
        b'{"type": "answer", "attempt": 1, "sdp": null}',
        b'{"type": "every", "on": 1}',
        b"[" * 100_000,
        b" " * 1_000_001,
    ],
)
def test_what_the_table_lacks_is_refused(line: bytes) -> None:
    with pytest.raises(MessageError):
        decode(COMMANDS, line)


@pytest.mark.parametrize("state", ["connected", "first-frame", "failed"])
def test_the_states_of_media_are_those_of_the_port(state: str) -> None:
    assert decode(EVENTS, encode(EVENTS, "state", attempt=1, state=state))[1]["state"] == state


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(MessageError):
        encode(EVENTS, "state", attempt=1, state="happy")


def test_an_error_of_this_table_quotes_no_token() -> None:
    with pytest.raises(MessageError) as raised:
        encode(COMMANDS, "join", attempt=1, url="wss://host", token=["sec" + "ret-token"])
    assert "secret-token" not in str(raised.value)


def test_an_event_is_no_command() -> None:
    with pytest.raises(MessageError):
        decode(COMMANDS, encode(EVENTS, "hello"))
