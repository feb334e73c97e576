"""What is requested before Start, as the local server's own log shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from decart_widget import DecartWidget
from decart_widget.sandbox import Sandbox, serve
from decart_widget.session.clock import clock
from tests.pure import widget_helpers

KEY = "dct_" + "b3f0r3" * 4
TOKEN, STREAM = "POST /v1/client/tokens", "GET /v1/stream"
LIMIT = 20.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as running:
        yield running


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Iterator[DecartWidget]:
    """A widget that a page has begun to show."""
    import comm

    monkeypatch.setattr(
        comm, "create_comm", lambda **options: widget_helpers.RecordingComm(**options)
    )
    widget = DecartWidget(endpoint=sandbox, api_key=KEY, prompt="sepia", budget=60)
    assert sandbox.stats()["requests"] == []
    from_page(widget, "hello", protocol=1, version="1", page={})
    yield widget
    widget.close()
    widget_helpers.settle()


def from_page(widget: DecartWidget, kind: str, **fields: Any) -> None:
    content = {"type": kind, "page_id": "page", **fields}
    data = {"method": "custom", "content": content}
    widget._handle_msg({"content": {"data": data}, "buffers": []})


async def requests_until(sandbox: Sandbox, holds: Callable[[list[str]], object]) -> list[str]:
    async with asyncio.timeout(LIMIT):
        while not holds(requests := sandbox.stats()["requests"]):
            await asyncio.sleep(0.02)
    return list(requests)


async def test_after_two_minutes_on_screen_a_start_requests_no_token(
    sandbox: Sandbox, shown: DecartWidget
) -> None:
    await requests_until(sandbox, lambda requests: TOKEN in requests)
    shown._controller._tokens._now = lambda: clock() + 120
    from_page(shown, "start")
    assert await requests_until(sandbox, lambda requests: STREAM in requests) == [TOKEN, STREAM]


async def test_hints_of_a_page_do_not_request_a_fresh_token_again(
    sandbox: Sandbox, shown: DecartWidget
) -> None:
    await requests_until(sandbox, lambda requests: TOKEN in requests)
    for _ in range(3):
        from_page(shown, "intent")
        widget_helpers.settle()
    from_page(shown, "start")
    assert await requests_until(sandbox, lambda requests: STREAM in requests) == [TOKEN, STREAM]


async def test_another_budget_is_prepared_for_while_a_page_shows_the_widget(
    sandbox: Sandbox, shown: DecartWidget
) -> None:
    await requests_until(sandbox, lambda requests: TOKEN in requests)
    for budget in range(30, 50):  # a slider
        shown.budget = budget
    expected = [TOKEN, TOKEN]
    assert await requests_until(sandbox, lambda requests: len(requests) > 1) == expected
    from_page(shown, "start")
    assert await requests_until(sandbox, lambda requests: STREAM in requests) == [*expected, STREAM]


async def test_nothing_is_requested_for_a_widget_that_no_page_shows(sandbox: Sandbox) -> None:
    widget = DecartWidget(endpoint=sandbox, api_key=KEY)
    widget.budget = 30
    widget_helpers.settle()
    assert not widget._controller._warm_up._settling
    assert sandbox.stats()["requests"] == []
    widget.close()
