from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.page.messages import FROM_BROWSER
from decart_widget.page.pages import AWAY_S, HEARTBEAT_TIMEOUT_S, MAX_PAGES, PAGEHIDE_GRACE_S
from tests.pure.hosts import MESSAGES, Host, active, conforms, dropped, label, welcome

# --- which page is the owner ------------------------------------------------------------------


def test_the_first_page_that_says_hello_is_the_owner() -> None:
    host = Host()
    host.hello()
    assert host.take_sent() == [welcome("f1", owner=True)]
    assert host.take_events() == [("owner", "f1", False)]


def test_a_hello_that_is_repeated_is_welcomed_again_and_changes_nothing() -> None:
    host = Host()
    host.hello()
    host.take_events()
    host.hello()
    assert host.take_sent()[1:] == [welcome("f1", owner=True)]
    assert host.take_events() == []


def test_without_a_session_the_newest_page_is_the_owner() -> None:
    host = Host()
    host.hello("f1")
    host.hello("f2")
    assert host.owner == "f2"
    host.hello("f1")
    assert host.owner == "f2"


def test_during_a_session_its_page_stays_the_owner_and_a_new_one_is_a_viewer() -> None:
    host = active()
    host.hello("f2")
    assert host.take_sent() == [welcome("f2", owner=False, attempt=3)]
    assert host.take_events() == []
    assert host.owner == "f1"


def test_a_page_that_is_reloaded_gets_its_session_back() -> None:
    host = active()
    host.say("pagehide")
    host.wait(PAGEHIDE_GRACE_S - 1)
    host.hello("f1-reloaded")
    assert host.take_sent() == [welcome("f1-reloaded", owner=True, attempt=3)]
    assert host.take_events() == ["owner left", ("owner", "f1-reloaded", True)]


def test_the_pagehide_of_a_viewer_changes_nothing() -> None:
    host = active("f2")
    host.say("pagehide", "f2")
    assert host.take_events() == []
    assert host.pages.present


def test_another_page_may_take_the_session_over() -> None:
    host = active("f2", "f3")
    host.say("take", "f2")
    assert host.owner == "f2"
    assert host.take_sent() == [{"type": "owner", "page_id": "f2"}]
    assert host.take_events() == [("owner", "f2", True)]
    host.say("media", "f1", attempt=3, state="failed")
    assert host.take_events() == []


def test_only_another_page_s_session_can_be_taken_over() -> None:
    host = active("f2")
    host.say("take", "f1")
    host.attempt = None
    host.say("take", "f2")
    assert (host.owner, host.take_sent(), host.take_events()) == ("f1", [], [])
    assert dropped(host.pages) == {"take of a session that no other page owns": 2}


def test_a_click_on_start_makes_its_page_the_owner() -> None:
    host = Host()
    host.hello("f1")
    host.hello("f2")
    host.take_sent()
    host.take_events()
    host.say("start", "f1")
    assert host.owner == "f1"
    assert host.take_sent() == [{"type": "owner", "page_id": "f1"}]
    assert host.take_events() == ["started"]


def test_start_in_a_page_that_is_not_the_owner_does_nothing_during_a_session() -> None:
    host = active("f2")
    host.say("start", "f2")
    assert (host.owner, host.take_events()) == ("f1", [])
    assert dropped(host.pages) == {"start in a page that is not the owner": 1}


def test_without_a_session_an_owner_s_pagehide_makes_the_page_heard_last_the_owner() -> None:
    host = Host()
    for page in ("f1", "f2", "f3"):
        host.now += 1
        host.hello(page)
    host.take_sent()
    host.say("pagehide", "f3")
    assert host.owner == "f2"
    assert host.take_sent() == [{"type": "owner", "page_id": "f2"}]
    host.say("pagehide", "f2")
    host.say("pagehide", "f1")
    assert host.owner is None
    assert host.pages.by_id == {}


def test_a_page_whose_first_message_is_no_hello_is_welcomed_too() -> None:
    host = Host()
    host.say("start", "f9")
    assert host.take_sent() == [welcome("f9", owner=True)]
    assert host.take_events() == [("owner", "f9", False), "started"]


def test_the_pages_that_were_silent_longest_are_forgotten_but_not_the_owner() -> None:
    host = active()
    for number in range(100):
        host.now += 0.01
        host.hello(f"viewer-{number}")
    assert len(host.pages.by_id) == MAX_PAGES
    assert host.owner == "f1"
    assert f"viewer-{99}" in host.pages.by_id
    assert "viewer-50" not in host.pages.by_id


# --- heartbeats of the owner ------------------------------------------------------------------


def test_an_owner_that_sends_heartbeats_keeps_the_session() -> None:
    host = active()
    host.wait(300, beats_of=("f1",))
    assert host.take_events() == []


def test_a_silent_owner_ends_the_session_after_20_seconds() -> None:
    host = active()
    host.wait(HEARTBEAT_TIMEOUT_S)
    assert host.take_events() == []
    host.wait(1)
    assert host.take_events() == ["unattended"]
    assert host.owner is None


def test_another_page_s_heartbeats_do_not_count_for_the_owner() -> None:
    host = active("f2")
    host.wait(HEARTBEAT_TIMEOUT_S + 1, beats_of=("f2",))
    assert host.take_events() == ["unattended"]
    assert host.owner == "f2"


def test_the_session_ends_10_seconds_after_the_owner_s_pagehide() -> None:
    host = active()
    host.wait(5, beats_of=("f1",))
    host.say("pagehide")
    host.wait(PAGEHIDE_GRACE_S)
    assert host.take_events() == ["owner left"]
    host.wait(1)
    assert host.take_events() == ["unattended"]


def test_an_owner_restored_from_the_back_forward_cache_keeps_the_session() -> None:
    host = active()
    host.say("pagehide")
    host.wait(5)
    host.say("heartbeat", attempt=3)
    host.wait(60, beats_of=("f1",))
    assert host.take_events() == ["owner left", ("owner", "f1", False)]


def test_a_page_is_away_after_its_pagehide_or_a_missed_heartbeat() -> None:
    host = active()
    host.wait(AWAY_S)
    assert host.pages.present
    host.wait(1)
    assert not host.pages.present
    # Statistics of any attempt show that the page is present.
    host.say(
        "stats",
        **dict.fromkeys(("attempt", "fps", "width", "height", "rtt_s", "loss", "bitrate"), 2),
    )
    assert host.pages.present
    assert host.take_events() == [("owner", "f1", False)]
    host.say("pagehide")
    assert not host.pages.present
    host.hello("f1")
    assert host.pages.present
    assert host.take_events() == ["owner left", ("owner", "f1", False)]


def test_a_page_is_not_away_while_its_messages_can_t_arrive() -> None:
    host = active()
    host.wait(60, page_messages_blocked=True)
    assert host.pages.present


def test_silence_does_not_count_while_messages_can_t_arrive() -> None:
    host = active()
    host.wait(600, page_messages_blocked=True)
    assert host.take_events() == []
    host.wait(HEARTBEAT_TIMEOUT_S - 1)
    assert host.take_events() == []
    host.wait(2)
    assert host.take_events() == ["unattended"]


def test_silence_does_not_count_without_a_session() -> None:
    host = Host()
    host.hello()
    host.wait(3600)
    assert host.take_events() == [("owner", "f1", False)]
    assert host.owner == "f1"


def test_the_heartbeat_timeout_starts_with_the_attempt_and_not_with_the_hello() -> None:
    host = Host()
    host.hello()
    host.wait(3600)
    host.take_events()
    host.attempt = 1
    host.pages.refresh()
    host.wait(HEARTBEAT_TIMEOUT_S)
    assert host.take_events() == []


# --- messages of an attempt -------------------------------------------------------------------

OF_AN_ATTEMPT = [
    message
    for message in MESSAGES["to_kernel"]
    if message["type"] in ("offer", "candidate", "media", "refused", "stats")
]


@pytest.mark.parametrize("message", OF_AN_ATTEMPT, ids=label)
def test_the_owner_s_messages_of_the_current_attempt_are_passed_on(message: dict[str, Any]) -> None:
    host = active("f2")
    host.pages.receive(message)
    assert host.take_events() == [(message["type"], "f1")]


@pytest.mark.parametrize("message", OF_AN_ATTEMPT, ids=label)
def test_messages_of_another_attempt_or_page_are_dropped_and_counted(
    message: dict[str, Any],
) -> None:
    host = active("f2")
    host.pages.receive({**message, "attempt": 2})
    host.pages.receive({**message, "page_id": "f2"})
    host.attempt = None
    host.pages.receive(message)
    assert host.take_events() == []
    kind = message["type"]
    assert dropped(host.pages) == {
        f"stale {kind}": 2,
        f"{kind} of a page that is not the owner": 1,
    }


@pytest.mark.parametrize("attempt", [3, None])
@pytest.mark.parametrize("page", ["f1", "f2"])
def test_stop_acts_from_any_page(attempt: int | None, page: str) -> None:
    host = active("f2")
    host.say("stop", page, attempt=attempt)
    assert host.take_events() == ["stopped"]


def test_a_stop_of_an_older_attempt_does_not_end_the_present_one() -> None:
    host = active()
    host.say("stop", attempt=2)
    assert host.take_events() == []
    assert dropped(host.pages) == {"stale stop": 1}


def test_a_prompt_may_come_from_any_page() -> None:
    host = active("f2")
    host.say("apply", "f2", prompt="sketch", enrich=False)
    assert host.take_events() == [("applied", "sketch", False)]


def test_a_page_that_missed_the_end_message_of_its_attempt_is_sent_it_again() -> None:
    host = active()
    host.attempt = None
    host.say("heartbeat", attempt=3)
    assert host.take_sent() == [
        {"type": "end", "attempt": 3, "reason": "stopped", "keep_camera": False}
    ]


def test_the_owner_s_heartbeats_between_two_attempts_do_not_end_anything() -> None:
    host = active("f2")
    host.attempt = 4  # the page doesn't know of this attempt yet
    host.say("heartbeat", attempt=3)
    assert host.take_sent() == []
    host.say("heartbeat", "f2", attempt=3)
    assert [message["type"] for message in host.take_sent()] == ["end"]


def test_only_the_owner_can_report_that_the_network_is_back() -> None:
    host = active("f2")
    host.say("wake", "f2")
    assert host.take_events() == []
    host.say("wake")
    assert host.take_events() == ["woke"]


# --- random messages --------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
PAGES = st.sampled_from([f"page-{number}" for number in range(25)])
NAMES = sorted({name for fields in FROM_BROWSER.values() for name in fields})
EXAMPLES = st.builds(
    lambda example, page, odd: {**example, "page_id": page, **odd},
    st.sampled_from(MESSAGES["to_kernel"]),
    PAGES,
    st.dictionaries(st.sampled_from([*NAMES, "type", "page_id"]), JSON, max_size=1),
)
ACTS = st.one_of(
    EXAMPLES,
    EXAMPLES,
    JSON,
    st.sampled_from(["wait", "begin", "end"]),
)


@given(st.lists(ACTS, max_size=80))
def test_no_message_of_a_page_breaks_an_invariant(acts: list[Any]) -> None:
    host = Host()
    for act in acts:
        if act == "wait":
            host.wait(7)
        elif act == "begin":
            host.attempt = 3
            host.pages.refresh()
        elif act == "end":
            host.attempt = None
        else:
            host.pages.receive(act)
        pages = host.pages.by_id
        assert len(pages) <= MAX_PAGES
        assert len(dropped(host.pages)) <= 64
        assert host.owner in pages if pages else host.owner is None
        assert all(conforms(message) for message in host.take_sent())


invented_types = st.text(max_size=20).filter(lambda type_: type_ not in FROM_BROWSER)


@given(st.lists(invented_types, max_size=50, unique=True))
def test_invented_message_types_do_not_add_reasons_for_dropping(types: list[str]) -> None:
    host = Host()
    for type_ in types:
        host.pages.receive({"type": type_, "page_id": "f1"})
        host.pages.receive({"type": type_})
    assert len(dropped(host.pages)) <= 64
    assert dropped(host.pages).keys() <= {
        "unknown type", *(f"{kind} without a page_id" for kind in FROM_BROWSER),
        *(f"{kind} with a bad {name}" for kind, fields in FROM_BROWSER.items() for name in fields),
    }  # fmt: skip
