"""What pages that show a sheet get, and what they may ask for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from decart_widget.diagnostics.log import Log
from decart_widget.errors import InvalidOptionError
from decart_widget.explore.views import sheet_pages
from decart_widget.explore.views.sheet_pages import SheetPages
from decart_widget.page.messages import MalformedError, read
from decart_widget.page.sheet_messages import FROM_SHEET
from decart_widget.session.background import Background
from tests.pure.hosts import MESSAGES, label


class FakeSource:
    """A sheet that remembers what was done to it."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {"cells": [{"key": "a"}, {"key": "b"}], "state": "planned"}
        self.pictures = {"a": b"x" * 2_000_000, "sent": b"jpeg"}
        self.done: list[tuple[Any, ...]] = []
        self.callback: Callable[[], None] | None = None

    def document(self) -> dict[str, Any]:
        return dict(self.values)

    def picture(self, name: str) -> bytes | None:
        return self.pictures.get(name)

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.callback = callback

        def unsubscribe() -> None:
            self.callback = None

        return unsubscribe

    def start(self, cells: int) -> None:
        if cells > 2:
            raise InvalidOptionError("The budget pays for 2 cells.", remedy="Start fewer.")
        self.done.append(("start", cells))

    def stop(self) -> None:
        self.done.append(("stop",))

    def cancel(self) -> None:
        self.done.append(("cancel",))

    def retry(self, key: str) -> None:
        raise RuntimeError("a bug")

    def star(self, key: str, *, on: bool) -> None:
        self.done.append(("star", key, on))

    def use_live(self, key: str) -> str:
        return f"The live widget has {key}."

    def save(self) -> str:
        return "Saved"

    def compare(self, key: str, against: str, score: str) -> None:
        self.done.append(("compare", key, against, score))

    def rank(self, answer: str, number: int) -> None:
        self.done.append(("rank", answer, number))


class Pages:
    """The pages of one view, with everything that was sent to them."""

    def __init__(self) -> None:
        self.source, self.log = FakeSource(), Log()
        self.sent: list[tuple[dict[str, Any], bytes]] = []
        self.pages = SheetPages(self.source, self._send, self.log)

    def _send(self, message: dict[str, Any], buffers: list[bytes] | None = None, /) -> None:
        self.sent.append((message, b"".join(buffers or ())))

    def say(self, kind: str, **fields: Any) -> None:
        self.pages.receive({"type": kind, "page_id": "f1", **fields})

    def hello(self) -> None:
        self.say("hello", protocol=1, version="1", page={})

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.005)

    def documents(self) -> list[Any]:
        """What was sent as documents and changes, put together: (page, patch, values)."""
        found, data = [], b""
        for message, piece in self.sent:
            if message["type"] != "sheet":
                continue
            data += piece
            if len(data) == message["total"]:
                found.append((message["page_id"], message["patch"], json.loads(data)))
                data = b""
        return found

    def picture(self, name: str) -> bytes:
        return b"".join(
            piece
            for message, piece in self.sent
            if message["type"] == "sheet-picture" and message["name"] == name
        )


@pytest.fixture
async def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    """On the test's own loop in place of the background one, without waits between changes."""
    loop = asyncio.get_running_loop()

    class Here:
        def call(self, function: Callable[..., Any], *args: Any) -> None:
            loop.call_soon_threadsafe(function, *args)

    monkeypatch.setattr(Background, "get", lambda: Here())
    monkeypatch.setattr(sheet_pages, "INTERVAL_S", 0.0)
    return Pages()


async def test_a_page_gets_the_document_once_and_then_its_changes(pages: Pages) -> None:
    pages.hello()
    await pages.until(pages.documents)
    pages.source.values["state"] = "running"
    assert pages.source.callback is not None
    await asyncio.to_thread(pages.source.callback)
    await pages.until(lambda: len(pages.documents()) == 2)
    pages.hello()
    await pages.until(lambda: len(pages.documents()) == 3)
    first, change, again = pages.documents()
    whole = {**pages.source.values, "state": "planned", "said": ""}
    assert first == (None, False, whole)
    assert change == (None, True, {"state": "running"})
    assert again == ("f1", False, {**whole, "state": "running"})


async def test_pictures_come_in_pieces_to_the_page_that_asked(pages: Pages) -> None:
    pages.say("sheet-pictures", names=["a", "none"])
    await pages.until(lambda: any(message["name"] == "none" for message, _ in pages.sent))
    assert pages.picture("a") == pages.source.pictures["a"]
    assert max(len(piece) for _, piece in pages.sent) < 1_000_000
    assert {message["page_id"] for message, _ in pages.sent} == {"f1"}
    assert pages.sent[-1][0]["total"] == 0


async def test_what_a_page_asks_for_is_done_in_order_and_an_error_is_said(pages: Pages) -> None:
    pages.hello()
    pages.say("sweep-start", cells=2)
    pages.say("sheet-star", key="a", on=True)
    pages.say("sheet-rank", answer="left", number=0)
    pages.say("sheet-compare", key="a", against="b", score="change")
    pages.say("sweep-stop")
    await pages.until(lambda: len(pages.source.done) == 5)
    assert pages.source.done == [
        ("start", 2),
        ("star", "a", True),
        ("rank", "left", 0),
        ("compare", "a", "b", "change"),
        ("stop",),
    ]
    pages.say("sweep-start", cells=3)
    said = "The budget pays for 2 cells. Start fewer."
    await pages.until(lambda: pages.documents()[-1][2].get("said") == said)
    pages.say("sheet-live", key="b")
    await pages.until(lambda: pages.documents()[-1][2].get("said") == "The live widget has b.")


async def test_a_bug_ends_nothing_and_is_in_the_log(pages: Pages) -> None:
    pages.hello()
    pages.say("sweep-retry", key="a")
    pages.say("sweep-cancel")
    await pages.until(lambda: pages.source.done == [("cancel",)])
    assert "RuntimeError" in pages.log.text("error")


async def test_messages_of_a_session_and_malformed_ones_are_refused(pages: Pages) -> None:
    for message in MESSAGES["malformed_sheet_to_kernel"]:
        pages.pages.receive(message)
    assert sum(pages.log.refused.values()) == len(MESSAGES["malformed_sheet_to_kernel"])
    assert pages.sent == []


async def test_too_much_at_once_is_dropped_and_a_closed_view_does_nothing(pages: Pages) -> None:
    for _ in range(20):
        pages.say("sweep-start", cells=1)
    assert pages.log.refused["page: too many sweep-start"] >= 15
    pages.pages.close()
    pages.pages.close()
    assert pages.source.callback is None


@pytest.mark.parametrize("message", MESSAGES["sheet_to_kernel"], ids=label)
def test_every_example_of_a_sheets_page_is_accepted_and_each_wrong_field_refused(
    message: dict[str, Any],
) -> None:
    assert read(message, FROM_SHEET) == message
    with pytest.raises(MalformedError):
        read(message)  # a widget with a session doesn't know it
    for name in message.keys() - {"type"}:
        with pytest.raises(MalformedError):
            read({**message, name: {"no": "such"}}, FROM_SHEET)


def test_every_message_of_a_sheets_page_has_an_example() -> None:
    types = {message["type"] for message in MESSAGES["sheet_to_kernel"]}
    assert types == set(FROM_SHEET) - {"hello", "need", "pagehide"}
