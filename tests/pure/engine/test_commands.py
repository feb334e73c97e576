"""The messages between an engine and its worker process."""

from __future__ import annotations

from typing import Any

import pytest

from decart_widget.engine.commands import (
    COMMANDS,
    EVENTS,
    PART_BYTES,
    MessageError,
    decode,
    encode,
    part_bytes,
)
from decart_widget.engine.lines import Lines


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


PICTURE: dict[str, Any] = {
    "watcher": "p1",
    "attempt": 1,
    "stream": "output",
    "number": 0,
    "codec": "jpeg",
    "key": True,
    "config": None,
    "width": 64,
    "height": 48,
    "at": None,
    "dropped": 0,
    "index": 3,
    "captured_ns": 7,
}


class Abortable:
    aborted = False

    def abort(self) -> None:
        self.aborted = True


def read(chunks: list[bytes], *, has_parts: bool = True) -> tuple[list[tuple[bytes, bytes]], bool]:
    """What ``Lines`` makes of chunks, and whether it ended the connection."""
    came: list[tuple[bytes, bytes]] = []
    transport: Any = Abortable()
    lines = Lines(1000, lambda *both: came.append(both), lambda: None, has_parts=has_parts)
    lines.connection_made(transport)
    for chunk in chunks:
        lines.data_received(chunk)
    return came, transport.aborted


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_message_and_its_binary_part_arrive_whatever_the_chunks(size: int) -> None:
    part = bytes(range(256)) * 4
    data = encode(EVENTS, "hello") + encode(EVENTS, "picture", part, **PICTURE)
    data += encode(EVENTS, "hello")
    came, aborted = read([data[at : at + size] for at in range(0, len(data), size)])
    assert [(decode(EVENTS, line)[0], own) for line, own in came] == [
        ("hello", b""),
        ("picture", part),
        ("hello", b""),
    ]
    assert not aborted


def test_a_part_that_is_too_long_ends_the_connection() -> None:
    came, aborted = read([b'{"bytes": %d, "type": "picture"}\n' % (PART_BYTES + 1), b"rest"])
    assert (came, aborted) == ([], True)
    with pytest.raises(MessageError):
        encode(EVENTS, "picture", b"x" * (PART_BYTES + 1), **PICTURE)


def test_a_line_that_is_too_long_ends_the_connection() -> None:
    assert read([b"x" * 1001]) == ([], True)


def test_lines_of_a_log_have_no_parts() -> None:
    line = b'{"bytes": 5, "type": "picture"}'
    assert read([line + b"\nabc\n"], has_parts=False) == ([(line, b""), (b"abc", b"")], False)


def test_a_part_belongs_to_the_types_that_have_one() -> None:
    for kind, part in (("hello", b"x"), ("picture", b"")):
        with pytest.raises(MessageError):
            encode(EVENTS, kind, part, **(PICTURE if kind == "picture" else {}))
    line = encode(EVENTS, "picture", b"x", **PICTURE)[:-1]
    assert part_bytes(line) == 1
    for other in (line.replace(b'"bytes": 1, ', b""), b'{"bytes": 1, "type": "hello"}'):
        with pytest.raises(MessageError):
            decode(EVENTS, other)
