"""What a deck notes of a session, sends to pages, and does for them."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from decart_widget.diagnostics.log import Log
from decart_widget.errors import RequestRejectedError
from decart_widget.protocol.messages import ImageData
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState
from decart_widget.runtime.deck import Deck
from decart_widget.runtime.looks import Looks
from tests.pure.hosts import conforms

JPEG = b"\xff\xd8\xff\xe0 a picture"


class Table:
    """A deck, with what is around it in the hands of the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.sent: list[tuple[dict[str, Any], list[bytes] | None]] = []
        self.traits: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []
        self.sweeps: list[int] = []
        self.saves = False
        self.log = Log()
        self.prompts: Any = cast(
            "Any",
            SimpleNamespace(is_typed=False, state=PromptState("wanted"), set_and_show=self.ask),
        )
        self.deck = Deck(
            Looks(),
            lambda message, buffers=None: self.sent.append((message, buffers)),
            self.traits.update,
            self.prompts,
            self.log,
            lambda: self.saves,
            lambda: self.sweeps.append(1),
        )
        self.begin()

    async def ask(self, **changes: Any) -> str:
        self.asked.append(changes)
        return "applied"

    def begin(self) -> None:
        self.session: Any = SimpleNamespace(
            applied_in=0.0,
            error=None,
            config=SimpleNamespace(model=SimpleNamespace(name="lucy-latest")),
            machine=SimpleNamespace(
                state=ConnectionState.CONNECTING, applied=None, generation_tick=0.0
            ),
        )

    def change(self, state: ConnectionState = ConnectionState.GENERATING, **changes: Any) -> None:
        self.session.machine.state = state
        vars(self.session.machine).update(changes)
        self.deck.session_changed(self.session)

    def apply(self, prompt: str | None, **more: Any) -> None:
        self.change(applied=PromptState(prompt, **more))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [message for message, _ in self.sent]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    return Table(monkeypatch)


def test_pages_are_told_each_look_with_the_time_since_it_was_asked_for(table: Table) -> None:
    table.apply("first")
    table.session.applied_in = 0.25
    table.apply("second")
    table.change()  # nothing new
    assert [(m["number"], m["uses"], m["ago_s"]) for m in table.messages] == [
        (1, 1, None),
        (2, 1, 0.25),
    ]
    assert all(map(conforms, table.messages))
    assert table.traits["_live"] == 2
    assert [look["prompt"] for look in table.traits["_looks"]] == ["first", "second"]


def test_the_record_has_the_seconds_from_the_first_picture_on(table: Table) -> None:
    table.change(ConnectionState.CONNECTED, applied=PromptState("spring"))
    table.now += 5
    table.change()
    table.now += 2.5
    table.session.applied_in = 0.5
    table.apply("autumn", enrich=False)
    changes = [(change.at_s, change.prompt, change.enrich) for change in table.deck.record]
    assert changes == [(0, "spring", True), (2, "autumn", False)]
    table.change(ConnectionState.DISCONNECTED)
    assert len(table.deck.record) == 2
    table.begin()
    table.apply("winter")
    table.change()
    assert [change.prompt for change in table.deck.record] == ["winter"]


def test_half_a_word_that_was_typed_leaves_no_card_and_a_prompt_that_stayed_does(
    table: Table,
) -> None:
    table.prompts.is_typed = True
    table.apply("a wat")
    table.now += 0.4
    table.apply("a watercolour")
    table.now += 3
    table.apply("ink")
    assert [look["prompt"] for look in table.traits["_looks"]] == ["a watercolour", "ink"]


def test_prompts_that_code_sets_quickly_all_leave_cards(table: Table) -> None:
    for prompt in ("a", "b", "c"):
        table.apply(prompt)
    assert len(table.traits["_looks"]) == 3


def test_seconds_are_billed_until_the_end_and_then_nothing_is_live(table: Table) -> None:
    table.apply("a")
    table.change(generation_tick=3.0)
    table.apply("b")
    table.change(ConnectionState.DISCONNECTED, generation_tick=5.0)
    assert [look["billed_s"] for look in table.traits["_looks"]] == [3, 2]
    assert table.traits["_live"] is None


def test_a_refused_prompt_stays_with_its_reason(table: Table) -> None:
    table.apply("a")
    table.prompts.refused(PromptState("b"), RequestRejectedError("It names a person."))
    table.prompts.refused(PromptState("c"), ConnectionError("not a refusal"))
    refused = table.traits["_looks"][-1]
    assert (refused["prompt"], refused["status"]) == ("b", "refused")
    assert refused["reason"] == "It names a person."
    assert table.traits["_live"] == 1


def test_a_first_prompt_that_is_refused_is_noted_once(table: Table) -> None:
    table.session.error = RequestRejectedError("no")
    table.change(ConnectionState.ERROR)
    table.change(ConnectionState.ERROR)
    assert [(look["prompt"], look["uses"]) for look in table.traits["_looks"]] == [("wanted", 1)]


def test_what_a_page_saw_is_kept_and_its_picture_passed_on(table: Table) -> None:
    table.apply("a")
    table.deck.seen({"number": 1, "seconds": 0.3, "changed": True, "data": JPEG})
    assert table.traits["_looks"][0]["effect_s"] == 0.3
    message, buffers = table.sent[-1]
    assert conforms(message)
    assert (message["sizes"], buffers) == ([[1, len(JPEG)]], [JPEG])
    assert table.traits["_thumbnails"] == {}, "a picture of a person is not saved unasked"
    table.saves = True
    table.deck.show()
    assert set(table.traits["_thumbnails"]) == {"1"}
    table.deck.thumbnails_wanted()
    assert table.sent[-1][1] == [JPEG]


@pytest.mark.parametrize("data", [b"GIF89a", JPEG + bytes(20_000)])
def test_a_thumbnail_that_is_none_is_refused(table: Table, data: bytes) -> None:
    table.apply("a")
    table.deck.seen({"number": 1, "seconds": 0.3, "changed": True, "data": data})
    assert table.deck.looks.thumbnails() == {}
    assert sum(table.log.refused.values()) == 1


def test_a_page_switches_to_a_look_with_its_image_and_to_no_other(table: Table) -> None:
    picture = ImageData("QUJD")

    async def switch() -> None:
        for number in (1, 2, 3, 9):
            table.deck.switched(number)
        await asyncio.sleep(0)

    table.apply("a", image=picture)
    table.apply(None, enrich=False)
    table.prompts.refused(PromptState("c"), RequestRejectedError("no"))
    asyncio.run(switch())
    assert table.asked == [
        {"prompt": "a", "enrich": True, "image": picture},
        {"prompt": None, "enrich": False, "image": None},
    ]
    assert table.log.refused == {"page: switch to a look that can't be applied": 2}


def test_an_image_that_is_not_known_any_more_is_left_as_it_is(table: Table) -> None:
    table.deck.looks.add([{"prompt": "a", "image": "0123456789abcdef"}])

    async def switch() -> None:
        table.deck.switched(1)
        await asyncio.sleep(0)

    asyncio.run(switch())
    assert table.asked == [{"prompt": "a", "enrich": True}]


def test_marks_of_pages_are_kept_and_a_sweep_is_passed_on(table: Table) -> None:
    table.apply("a")
    table.deck.marked({"number": 1, "star": True, "pin": True})
    table.deck.marked({"number": 7, "star": True, "pin": True})
    look = table.traits["_looks"][0]
    assert (look["star"], look["pin"]) == (True, True)
    table.deck.sweep_wanted()
    assert table.sweeps == [1]
    assert sum(table.log.refused.values()) == 1
