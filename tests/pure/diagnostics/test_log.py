"""One timeline of kernel and pages: bounded, with levels, without secrets."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

from decart_widget.diagnostics import log as module
from decart_widget.diagnostics.log import PAGE_SIZE, SIZE, Log, PageClock, mask_addresses
from decart_widget.inputs.secrets import Secret
from tests.pure.hosts import Host, active, dropped
from tests.pure.widget_helpers import KEY


def said(host: Host, *events: list[Any], now: float, dropped: int = 0) -> None:
    host.say("log", now=now, dropped=dropped, events=list(events))


def test_the_newest_entries_are_kept_and_the_others_counted() -> None:
    log = Log()
    for number in range(5000):
        log.add("info", f"event {number}")
    assert len(log) == SIZE - PAGE_SIZE
    assert log.dropped == 5000 - len(log)
    assert log.entries[-1].what == "event 4999"


def test_entries_of_a_page_cannot_displace_the_kernel_s() -> None:
    log = Log()
    log.add("error", "what matters")
    for _ in range(5000):
        log.add("info", "noise", where="page")
    assert len(log) == PAGE_SIZE + 1
    assert log.entries[0].what == "what matters"


def test_a_page_s_clock_is_corrected_by_the_fastest_of_its_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = active()
    now = 1_790_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    host.pages.log.add("info", "before")
    # The page's clock is an hour ahead; its first message was delayed for 3 s by a busy cell.
    said(host, [(now - 3 + 3600.5) * 1000, "info", "in the page", {}], now=(now - 3 + 3600) * 1000)
    now += 1
    host.pages.log.add("info", "after")
    said(host, now=(now - 0.01 + 3600) * 1000)
    entries = [e for e in host.pages.log if e.what in ("before", "in the page", "after")]
    assert [e.what for e in entries] == ["in the page", "before", "after"]
    assert entries[0].time == pytest.approx(1_790_000_000 - 2.49, abs=1e-3)


def test_a_page_s_clock_that_is_set_is_followed() -> None:
    clock = PageClock()
    clock.add_sample(100, 90)
    for _ in range(16):
        clock.add_sample(200, 250)
    assert clock.offset == -50


def test_addresses_are_masked_before_they_are_stored_unless_asked() -> None:
    log = Log()
    text = "candidate:1 1 udp 1 192.0.2.7 50000 typ srflx raddr 2001:db8::7 rport 4"
    log.add("debug", text, address="203.0.113.9:80")
    log.addresses = True
    assert "192.0.2.7" not in log.text()
    assert "2001:db8" not in log.text()
    assert "203.0.113.9" not in log.text()
    log.add("debug", text)
    assert "192.0.2.7" in log.text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at 12:34:56 in http://127.0.0.1:9000", "at 12:34:56 in http://127.0.0.1:9000"),
        ("[::1]:80 and ::1", "[::1]:80 and ::1"),
        ("fe80::1 or 10.0.0.1.", "(address) or (address)."),
        ("version 1.2.3 of 1.2.3.4-beta", "version 1.2.3 of (address)-beta"),
    ],
)
def test_what_is_an_address_and_what_is_not(text: str, shown: str) -> None:
    assert mask_addresses(text) == shown


def test_no_secret_is_kept_whatever_its_form() -> None:
    log = Log(lambda: {"endpoint": f"wss://x?api_key={KEY}"})
    Secret("turn-password-of-no-form")
    log.add("info", f"{KEY} and turn-password-of-no-form", detail=f"Bearer {KEY}")
    text = log.text() + repr(log) + str(vars(log))
    assert "MARKER" not in text
    assert "turn-password" not in text


def test_an_entry_is_one_line_and_cut_to_size() -> None:
    log = Log()
    many: dict[str, Any] = {f"d{n}": n for n in range(50)}
    log.add("info", "a\nb\u2028c\x1b[31m", detail="x" * 10**6, other={"no": "such"}, **many)
    (entry,) = log.entries
    assert len(str(entry).splitlines()) == 1
    assert len(str(entry)) < 1000
    assert "\x1b" not in str(entry)


def test_logging_gets_the_same_at_the_same_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "decart_widget")
    log = Log()
    for level in ("debug", "info", "warning", "error"):
        log.add(level, f"a {level}", n=1)
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("decart_widget.events", level.upper(), f"kernel: a {level} n=1")
        for level in ("debug", "info", "warning", "error")
    ]


def test_all_refusals_are_counted_and_ever_fewer_are_logged() -> None:
    log = Log()
    for _ in range(12_345):
        log.refuse("too much")
    assert log.refused == {"too much": 12_345}
    assert [e.details["so_far"] for e in log.entries] == [1, 10, 100, 1000, 10_000]
    for number in range(1000):
        log.refuse(f"reason {number}")
    assert len(log.refused) <= module.MAX_REASONS + 1
    assert sum(log.refused.values()) == 13_345


def test_the_report_begins_with_versions_and_can_be_saved(make: Any, tmp_path: Path) -> None:
    widget = make()
    widget.log.add("warning", "something")
    path = widget.log.save(tmp_path / "report.txt")
    text = path.read_text("utf-8")
    assert text == widget.log.text() or "something" in text
    head = text.split("\n\n")[0]
    for name in ("decart_widget: ", "ipykernel: ", "anywidget: ", "browser: ", "transport: livekit",
                 "model: lucy-latest", "endpoint: a URL"):  # fmt: skip
        assert name in head
    assert "MARKER" not in text
    assert "something" not in widget.log.text("error")
    with pytest.raises(ValueError, match="choose one of"):
        widget.log.text("loud")


def test_the_widget_s_log_serves_ipywidgets_as_a_logger() -> None:
    log = Log()
    log.warning("An %s of %r", "observer", "x", stacklevel=2)
    try:
        raise RuntimeError(KEY)
    except RuntimeError:
        log.exception("It failed.")
    assert [e.what for e in log.entries] == ["An observer of 'x'", "It failed."]
    assert "MARKER" not in log.text()


def test_the_entries_of_a_page_that_floods_the_log_are_limited() -> None:
    host = active()
    for _ in range(1000):
        said(host, *[[1, "info", "noise", {}]] * 50, now=1)
    assert sum(e.what == "noise" for e in host.pages.log) <= PAGE_SIZE
    assert dropped(host.pages)["too many log"] >= 970
