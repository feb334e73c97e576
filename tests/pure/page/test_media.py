from __future__ import annotations

from typing import Any

import pytest

from decart_widget.errors import DecartError, MediaError, NoFrontEndError
from decart_widget.page.media import BrowserMedia
from decart_widget.page.pages import Pages
from decart_widget.page.refusals import REFUSALS, STALLS, TROUBLES
from decart_widget.protocol.messages import Candidate
from tests.pure.hosts import Host


class Session:
    """Records what ``BrowserMedia`` reports."""

    def __init__(self) -> None:
        self.reports: list[tuple[Any, ...]] = []
        self.error: DecartError | None = None

    def offer_made(self, attempt: int, sdp: str) -> None:
        self.reports.append(("offer", attempt, sdp))

    def candidate_found(self, attempt: int, candidate: Candidate | None) -> None:
        self.reports.append(("candidate", attempt, candidate))

    def media_changed(self, attempt: int, state: str) -> None:
        self.reports.append(("media", attempt, state))

    def media_refused(self, attempt: int, error: DecartError) -> None:
        self.reports.append(("refused", attempt, error.code))
        self.error = error

    def media_lost(self, error: DecartError) -> None:
        self.reports.append(("lost", error.code))


def media() -> tuple[BrowserMedia, Session, Pages]:
    pages = Host().pages
    browser = BrowserMedia(pages)
    browser.listener = session = Session()
    return browser, session, pages


def test_every_code_of_a_page_has_a_text_and_a_remedy() -> None:
    explanations = [*REFUSALS.values(), *TROUBLES.values()]
    assert all(text and remedy for text, remedy in explanations)
    assert all(STALLS.values())


@pytest.mark.parametrize("reason", sorted(REFUSALS))
def test_a_refusal_becomes_an_error_of_that_code(reason: str) -> None:
    browser, session, _ = media()
    browser.receive({"type": "refused", "attempt": 3, "reason": reason, "message": "x"})
    assert session.reports == [("refused", 3, reason)]
    assert isinstance(session.error, MediaError)
    assert session.error.remedy == REFUSALS[reason].remedy


def test_reports_of_the_page_are_passed_to_the_session() -> None:
    browser, session, _ = media()
    browser.receive({"type": "offer", "attempt": 3, "sdp": "v=0"})
    browser.receive({"type": "candidate", "attempt": 3, "candidate": {"candidate": "candidate:1"}})
    browser.receive({"type": "candidate", "attempt": 3, "candidate": None})
    browser.receive({"type": "media", "attempt": 3, "state": "camera", "detail": {"width": 640}})
    browser.receive({"type": "media", "attempt": 3, "state": "connected"})
    assert session.reports == [
        ("offer", 3, "v=0"),
        ("candidate", 3, Candidate("candidate:1")),
        ("candidate", 3, None),
        ("media", 3, "camera"),
        ("media", 3, "connected"),
    ]
    assert browser.detail == {"width": 640}


def test_ready_waits_for_a_page_until_the_timeout(on_simulated_clock) -> None:
    async def scenario() -> None:
        browser, _, _ = media()
        with pytest.raises(NoFrontEndError, match="15 s"):
            await browser.ready(15)

    on_simulated_clock(scenario())


def test_the_wait_ends_when_a_page_exists_or_says_hello(on_simulated_clock) -> None:
    async def scenario() -> None:
        import asyncio

        browser, _, pages = media()
        waiting = asyncio.ensure_future(browser.ready(15))
        await asyncio.sleep(5)
        assert not waiting.done()
        pages.receive({"type": "hello", "page_id": "f1", "protocol": 1})
        browser.owner_came()
        await asyncio.sleep(0.1)
        assert waiting.done()
        await browser.ready(0.1)

    on_simulated_clock(scenario())
