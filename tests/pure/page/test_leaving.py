"""Pages that are reloaded or left, in browsers that close a page's sockets before its pagehide."""

from __future__ import annotations

from decart_widget.page.pages import PAGEHIDE_GRACE_S
from tests.pure.hosts import active, welcome


def test_a_page_whose_former_id_is_the_owner_gets_the_session_although_nothing_was_heard() -> None:
    host = active()
    host.hello("f1-reloaded", former=["f0", "f1"])
    assert host.take_sent() == [welcome("f1-reloaded", owner=True, attempt=3)]
    assert host.take_events() == [("owner", "f1-reloaded", True)]
    assert list(host.pages.by_id) == ["f1-reloaded"]


def test_a_reloaded_viewer_takes_no_session_and_its_former_page_is_forgotten() -> None:
    host = active("f2")
    host.hello("f2-reloaded", former=["f2"])
    assert host.take_sent() == [welcome("f2-reloaded", owner=False, attempt=3)]
    assert host.take_events() == []
    assert list(host.pages.by_id) == ["f1", "f2-reloaded"]


def test_a_page_s_former_ids_do_not_harm_itself_and_may_be_anything() -> None:
    host = active()
    for former in (
        ["f1"],
        "f1",
        [["f1"], {}, 7],
        {"f1": 1},
        [f"x{i}" for i in range(999)] + ["f1"],
    ):
        host.hello("f1" if former == ["f1"] else "f2", former=former)
        assert host.owner == "f1"
        assert "f1" in host.pages.by_id


# Firefox closes a page's sockets before its pagehide, so that only its beforeunload is heard.


def test_a_page_that_is_about_to_be_left_counts_as_left() -> None:
    host = active()
    host.say("leaving")
    assert host.take_events() == ["owner left"]
    assert not host.pages.present
    host.say("pagehide")  # other browsers send both
    host.wait(PAGEHIDE_GRACE_S + 1)
    assert host.take_events() == ["unattended"]


def test_a_page_that_stays_gets_its_picture_back() -> None:
    host = active()
    host.say("leaving")
    host.wait(5)
    host.hello()
    host.wait(60, beats_of=("f1",))
    assert host.take_events() == ["owner left", ("owner", "f1", False)]


def test_a_heartbeat_that_was_on_its_way_does_not_show_that_a_page_stays() -> None:
    host = active()
    host.say("leaving")
    host.say("heartbeat", attempt=3)
    assert host.take_events() == ["owner left"]
    assert not host.pages.present


def test_without_a_session_a_page_that_is_left_is_forgotten() -> None:
    host = active()
    host.attempt = None
    host.say("leaving")
    assert host.pages.by_id == {}


def test_a_page_that_comes_while_the_owner_is_being_left_gets_the_session() -> None:
    host = active()
    host.say("leaving")
    host.hello("f1-reloaded")
    assert host.take_events() == ["owner left", ("owner", "f1-reloaded", True)]


def test_a_viewer_that_is_being_left_changes_nothing() -> None:
    host = active("f2")
    host.say("leaving", "f2")
    host.say("leaving", "f7")
    host.wait(60, beats_of=("f1",))
    assert host.take_events() == []
    assert "f7" not in host.pages.by_id
