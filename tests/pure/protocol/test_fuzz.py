"""100,000 messages from service and pages, valid, mutated and random: all invariants hold.

Each example is a seed from which ``Maker`` generates the messages: it would take minutes to draw
half a million values one by one from Hypothesis.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from decart_widget import DecartWidget
from decart_widget.diagnostics.log import MAX_REASONS, SIZE, Log
from decart_widget.page.chunks import chunk
from decart_widget.page.messages import FROM_BROWSER
from decart_widget.page.pages import MAX_PAGES
from decart_widget.protocol.codec import _DECODERS, MAX_NAME, decode, encode
from decart_widget.protocol.machine import MAX_CANDIDATES, SessionMachine
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ACTIVE_STATES, ConnectionState, Phase
from decart_widget.runtime.session_log import SessionLog
from tests.pure.hosts import MESSAGES as PAGE_MESSAGES
from tests.pure.hosts import Host, conforms, dropped
from tests.pure.widget_helpers import settle

EXAMPLES = 100
MESSAGES = 500  # in each example: 100 x 500 in each direction
SECRET = "dct_MARKER0123456789"
seeds = st.integers(0, 2**32)
many = settings(max_examples=EXAMPLES)

FROM_SERVICE: list[dict[str, Any]] = [
    {"type": "session_id", "session_id": "s-1", "server_ip": "192.0.2.7", "server_port": 4000},
    {"type": "status", "status": "Entering queue"},
    {"type": "status", "status": "Ready"},
    {"type": "queue_position", "queue_position": 3, "queue_size": 9},
    {"type": "queue_position", "position": 3},
    {"type": "prompt_ack", "prompt": "a", "success": True, "error": None},
    {"type": "prompt_ack", "prompt": "a", "success": False, "error": f"bad {SECRET}"},
    {"type": "set_image_ack", "success": True},
    {"type": "generation_started"},
    {"type": "generation_tick", "seconds": 3},
    {"type": "generation_ended", "seconds": 9, "reason": f"over {SECRET}"},
    {"type": "error", "error": f"Oops {SECRET}"},
    {"type": "error", "message": {"message": "401"}},
    {"type": "answer", "sdp": "v=0\r\n"},
    {"type": "ice-candidate", "candidate": {"candidate": "candidate:1", "sdpMid": "0"}},
    {"type": "ice-candidate", "candidate": None},
    {"type": "livekit_room_info", "livekit_url": "wss://x", "token": SECRET, "room_name": "r"},
]
ODD: list[Any] = [
    None, True, 0, -1, 3, 2**53, 10**400, -0.0, 1e308, float("nan"), float("inf"), "", "x", SECRET,
    "\ud800", "\x00", "x" * 3000, [], {}, [[[]]], {"a": {"b": []}}, "__class__", "wss://x",
]  # fmt: skip


class Maker:
    """Makes messages that are valid, mutated or random."""

    def __init__(self, seed: int, examples: list[Any]) -> None:
        self.random = random.Random(seed)
        self._examples = examples

    def odd(self, depth: int = 0) -> Any:
        choice = self.random.random()
        if depth > 3 or choice < 0.7:
            return self.random.choice(ODD)
        if choice < 0.85:
            return [self.odd(depth + 1) for _ in range(3)]
        return {str(self.random.choice(ODD))[:20]: self.odd(depth + 1) for _ in range(3)}

    def message(self) -> Any:
        choice = self.random.random()
        if choice < 0.1:
            return self.odd()
        message = dict(self.random.choice(self._examples))
        if choice < 0.4:
            field = self.random.choice([*message, "extra"])
            if self.random.random() < 0.3:
                message.pop(field, None)
            else:
                message[field] = self.odd()
        return message

    def frame(self) -> str | bytes:
        choice = self.random.random()
        if choice < 0.05:
            return self.random.randbytes(30)
        if choice < 0.1:
            return self.random.randbytes(30).decode("latin-1")
        if choice < 0.11:
            return "[" * 100_000
        text = json.dumps(self.message())
        if choice < 0.15:
            return text[: self.random.randrange(len(text))]
        return text


@many
@given(seeds)
def test_no_messages_of_the_service_break_the_machine(seed: int) -> None:
    maker, machine, log = Maker(seed, FROM_SERVICE), SessionMachine(), Log()
    room = maker.random.random() < 0.5
    acts: list[Callable[[], object]] = [
        machine.socket_opened,
        lambda: machine.offer_made("v=0"),
        lambda: machine.local_candidate(None),
        machine.media_established,
        machine.media_interrupted,
        machine.lost,
        machine.reconnect,
        machine.ack_timed_out,
        lambda: machine.submit(PromptState("a"), with_image=False),
        lambda: machine.connect(PromptState("a"), room=room),
    ]
    machine.connect(PromptState("a"), room=room)
    candidates = 0
    for _ in range(MESSAGES):
        if maker.random.random() < 0.1:
            maker.random.choice(acts)()
            candidates = 0 if machine.phase is Phase.CLOSED else candidates
        machine.receive(decode(maker.frame()))
        for notice in machine.take_notices():
            error = getattr(notice, "error", None)
            assert "MARKER" not in f"{notice!r} {error} {error and error.as_trait()}"
            candidates += type(notice).__name__ == "CandidateReceived"
        for message in machine.take_outgoing():
            encode(message).encode("utf-8")
        assert machine.state in ConnectionState
        assert machine.state in ACTIVE_STATES or machine.phase is Phase.CLOSED
        assert 0 <= machine.generation_tick < 1e9
        assert len(str(machine.session_id)) <= MAX_NAME
        assert candidates <= MAX_CANDIDATES * 2
        json.dumps([machine.queue_position, machine.queue_size], allow_nan=False)
    assert len(machine.ignored) < 64
    for reason in machine.ignored:
        log.refuse(reason)
    assert "MARKER" not in log.text()


@many
@given(seeds)
def test_no_messages_of_pages_break_the_kernel_s_end(seed: int) -> None:
    maker, host = Maker(seed, PAGE_MESSAGES["to_kernel"]), Host()
    choose = maker.random
    for _ in range(MESSAGES):
        message = maker.message()
        if isinstance(message, dict) and isinstance(message.get("page_id"), str):
            message["page_id"] = f"f{choose.randrange(40)}" if choose.random() < 0.5 else "f1"
        host.pages.receive(message)
        host.now += choose.random() * 0.1
        if choose.random() < 0.05:
            host.attempt = choose.choice([None, 3, 4])
        if choose.random() < 0.05:
            host.pages.check_owner(page_messages_blocked=choose.random() < 0.5)
        assert len(host.pages.by_id) <= MAX_PAGES
        assert host.owner is None or host.owner in host.pages.by_id
        # The kernel answers one message of a page with at most three.
        assert len(host.take_sent()) <= 3
    log = host.pages.log
    assert len(dropped(host.pages)) <= 128
    assert len(log.refused) <= MAX_REASONS + 1
    assert len(log) <= SIZE
    assert sum(log.refused.values()) == sum(dropped(host.pages).values()) > MESSAGES / 10
    assert "MARKER" not in log.text()


def test_no_messages_on_its_comm_break_a_widget(make: Any) -> None:
    from decart_widget.session.background import Background

    widget: DecartWidget = make()
    maker = Maker(7, PAGE_MESSAGES["to_kernel"])
    states = [{"prompt": "x"}, {"connection_state": "generating"}, {"error": {"code": "lie"}},
              {"prompt": "x" * 10**6}, {"budget": "NaN"}, {"_esm": "alert(1)"}, {"prompt": 7},
              {"session_id": "forged"}, {"model": "no-such"}, {"no such": 1}]  # fmt: skip
    crashes: list[Any] = []
    loop = Background.get().loop
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _loop, context: crashes.append(context))
    script = widget._esm
    try:
        for _ in range(2000):
            data = maker.random.choice([
                {"method": "custom", "content": maker.message()},
                {"method": "update", "state": maker.random.choice(states), "buffer_paths": []},
                {"method": "update", "state": maker.odd(), "buffer_paths": maker.odd()},
                {"method": maker.odd()},
                maker.odd(),
            ])  # fmt: skip
            widget._handle_msg({"content": {"data": data}, "buffers": [b"stray"]})
        settle()
    finally:
        loop.set_exception_handler(handler)
    assert crashes == []
    assert widget.session_id is None
    assert widget.error.get("code") != "lie"
    assert widget.connection_state != "generating"
    assert widget._esm == script
    assert len(widget.prompt) < 20_000
    assert widget.model == "lucy-latest"
    refused = widget.log.refused
    assert refused["page: sets what it may not"] > 0
    assert refused["page: sets session_id, which only Python may"] > 0
    assert refused["page: not a message of widgets"] > 0
    assert refused["page: sets too long a text"] > 0


def test_a_full_inbox_is_counted_and_still_takes_a_stop(make: Any) -> None:
    widget: DecartWidget = make()
    widget._inbox = 500
    for _ in range(3):
        widget._from_page({"type": "start", "page_id": "f1"}, [])
    assert widget._inbox == 500
    assert widget.log.refused["page: the inbox is full"] == 3
    widget._from_page({"type": "stop", "page_id": "f1", "attempt": None}, [])
    settle()
    assert widget._inbox == 500
    assert widget.log.refused["page: the inbox is full"] == 3


def test_requests_for_chunks_of_the_front_end_are_limited() -> None:
    host = Host()
    for _ in range(1000):
        host.say("need", name="main", hash=chunk("main").digest)
    assert 0 < len([message for message in host.sent if message["type"] == "chunk"]) <= 12


def test_floods_of_starts_are_limited_but_every_stop_takes_effect() -> None:
    host = Host()
    host.hello()
    for _ in range(1000):
        host.say("start")
        host.say("stop", attempt=None)
    assert host.events.count("started") <= 10
    assert host.events.count("stopped") == 1000


def test_the_number_of_pages_is_limited() -> None:
    host = Host()
    for number in range(1000):
        host.hello(f"page {number}")
    assert len(host.pages.by_id) <= MAX_PAGES
    assert all(conforms(message) for message in host.take_sent())


def test_the_examples_include_every_type_of_message() -> None:
    assert {message["type"] for message in PAGE_MESSAGES["to_kernel"]} == set(FROM_BROWSER)
    assert {message["type"] for message in FROM_SERVICE} == set(_DECODERS)


def test_the_log_of_a_session_has_each_event_once_and_in_order(
    on_simulated_clock: Callable[[Coroutine[Any, Any, Any]], Any],
) -> None:
    class Fake:
        retry: dict[str, Any] = {}  # noqa: RUF012
        error = None
        attempt = 1
        last_outcome, applied_in, end_reason = "idle", None, "stopped"

        class config:  # noqa: N801
            transport = "livekit"

            class model:  # noqa: N801
                name = "lucy-latest"

        machine = SessionMachine()

    async def scenario() -> list[str]:
        log, session = Log(), Fake()
        session_log = SessionLog(log)
        machine = session.machine
        machine.connect(PromptState(), room=True)
        session_log.record(session)  # type: ignore[arg-type]
        machine.socket_opened()
        for message in FROM_SERVICE[-1], FROM_SERVICE[9], FROM_SERVICE[9]:
            machine.receive(decode(json.dumps(message)))
            session_log.record(session)  # type: ignore[arg-type]
        machine.disconnect()
        session_log.record(session)  # type: ignore[arg-type]
        await asyncio.sleep(0)
        return [entry.what for entry in log if entry.level == "info"]

    assert on_simulated_clock(scenario()) == ["connecting", "generating", "disconnected"]
