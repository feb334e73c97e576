"""The pages that watch a session in the kernel, and when it is deserted."""

from __future__ import annotations

from typing import Any

import pytest

from decart_widget.models import MODELS
from decart_widget.options import VideoOptions
from decart_widget.page.pages import HEARTBEAT_TIMEOUT_S
from decart_widget.page.watchers import Watchers
from decart_widget.session.media import Preparation
from tests.pure.hosts import Host

PREPARATION = Preparation(
    "livekit",
    MODELS["lucy-latest"],
    VideoOptions(),
    {"iceServers": [{"urls": "turn:turn.example", "credential": "sec" + "ret"}]},
    15.0,
)
WATCH: dict[str, Any] = {
    "streams": ["output"],
    "codecs": ["h264", "jpeg"],
    "width": 640,
    "height": 360,
}


class Worker:
    """Records what pages want to see."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def watch(self, watcher: str, attempt: int, **wanted: Any) -> None:
        self.calls.append((watcher, attempt, wanted["streams"], wanted["codec"]))

    def shown(self, watcher: str, attempt: int, stream: str, number: int) -> None:
        self.calls.append((watcher, attempt, stream, number))


class Stage(Host):
    """Pages, and a session in the kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.worker = Worker()
        self.watching = Watchers(self.pages, lambda: self.now)

    @property
    def watchers(self) -> Any:
        return self.watching

    def begin(self, attempt: int = 1) -> None:
        self.watching.begin(self.worker)
        self.prepare(attempt)

    def prepare(self, attempt: int) -> None:
        self.attempt = attempt
        self.watching.prepare(attempt, PREPARATION)

    def prepared(self) -> list[tuple[str, int]]:
        sent = [m for m in self.take_sent() if m["type"] == "prepare"]
        assert all(m["transport"] == "kernel" for m in sent)
        return [(m["page_id"], m["attempt"]) for m in sent]

    def deserted(self, seconds: float, *beats_of: str, excused: bool = False) -> bool:
        """Whether the session is deserted at any time within so many seconds."""
        for second in range(int(seconds)):
            self.now += 1
            if second % 5 == 0:
                for page in beats_of:
                    self.say("heartbeat", page, attempt=self.attempt)
            if self.watching.is_deserted(excused=excused):
                return True
        return False


def watched(*pages: str) -> Stage:
    """A session that these pages watch."""
    stage = Stage()
    for page in pages:
        stage.hello(page)
    stage.begin()
    for page in pages:
        stage.say("watch", page, attempt=1, **WATCH)
    stage.take_sent()
    stage.worker.calls.clear()
    return stage


def test_every_page_is_told_to_watch_and_so_is_one_that_comes_later() -> None:
    stage = Stage()
    stage.hello("f1")
    stage.hello("f2")
    stage.begin(attempt=3)
    assert stage.prepared() == [("f1", 3), ("f2", 3)]
    stage.hello("f3")
    assert stage.prepared() == [("f3", 3)]
    stage.watching.end(3, "reconnecting", keep_source=True)
    stage.hello("f4")
    assert stage.prepared() == []
    stage.prepare(4)
    assert stage.prepared() == [(f"f{n}", 4) for n in range(1, 5)]


def test_pages_get_no_ice_servers() -> None:
    stage = Stage()
    stage.hello()
    stage.begin()
    assert "sec" + "ret" not in str(stage.take_sent())


def test_each_page_s_wishes_reach_the_worker_with_the_codec_that_it_prefers() -> None:
    stage = watched("f1", "f2")
    stage.say("watch", "f2", attempt=1, **{**WATCH, "codecs": ["jpeg"]})
    stage.say("shown", "f1", attempt=1, stream="output", number=7)
    assert stage.worker.calls == [("f2", 1, ["output"], "jpeg"), ("f1", 1, "output", 7)]


def test_what_concerns_another_attempt_is_ignored() -> None:
    stage = watched("f1")
    stage.say("watch", attempt=2, **WATCH)
    stage.say("shown", attempt=0, stream="output", number=7)
    assert stage.worker.calls == []


def test_a_session_in_a_page_has_no_watchers() -> None:
    stage = watched("f1")
    stage.watching.begin(None)
    stage.say("watch", attempt=1, **WATCH)
    assert stage.worker.calls == []
    assert not stage.pages.shared


def test_pictures_go_to_pages_that_are_there() -> None:
    stage = watched("f1")
    stage.watching.picture("f1", 1, {"stream": "output", "number": 0}, b"x")
    stage.watching.picture("gone", 1, {"stream": "output", "number": 0}, b"x")
    sent = stage.take_sent()
    assert [m["page_id"] for m in sent] == ["f1"]
    assert sent[0]["type"] == "picture"


def test_a_page_that_is_left_is_sent_nothing_and_the_session_goes_on() -> None:
    stage = watched("f1", "f2")
    stage.say("pagehide", "f1")
    assert stage.worker.calls == [("f1", 1, (), "jpeg")]
    assert not stage.deserted(60, "f2")
    assert list(stage.pages.by_id) == ["f2"]


def test_a_session_that_was_watched_ends_when_all_pages_are_gone() -> None:
    stage = watched("f1", "f2")
    assert not stage.deserted(60, "f1", "f2")
    stage.say("pagehide", "f1")
    assert not stage.deserted(HEARTBEAT_TIMEOUT_S - 5)
    assert stage.deserted(10)


def test_a_reload_in_time_keeps_the_session() -> None:
    stage = watched("f1")
    stage.say("pagehide", "f1")
    assert not stage.deserted(HEARTBEAT_TIMEOUT_S - 1)
    stage.hello("f1b", former=["f1"])
    assert stage.prepared() == [("f1b", 1)]
    assert not stage.deserted(60, "f1b")


@pytest.mark.parametrize("excused", [True, False])
def test_code_that_takes_frames_keeps_it(excused: bool) -> None:
    stage = watched("f1")
    stage.say("pagehide", "f1")
    assert stage.deserted(60, excused=excused) is not excused
    assert stage.deserted(HEARTBEAT_TIMEOUT_S + 2)


def test_without_a_page_it_goes_on() -> None:
    stage = Stage()
    stage.begin()
    assert not stage.deserted(3600)


def test_a_page_that_only_shows_the_widget_is_not_needed() -> None:
    stage = Stage()
    stage.hello()
    stage.begin()
    assert not stage.deserted(3600)


def test_a_page_that_started_it_is_needed_even_before_it_watches() -> None:
    stage = Stage()
    stage.hello()
    stage.watching.started()
    stage.begin()
    assert stage.deserted(HEARTBEAT_TIMEOUT_S + 2)


def test_the_next_session_is_judged_anew() -> None:
    stage = watched("f1")
    stage.watching.over()
    stage.begin(attempt=2)
    assert not stage.deserted(3600)


def test_a_heartbeat_of_any_page_is_welcome_between_two_attempts() -> None:
    stage = watched("f1", "f2")
    stage.attempt = 2
    stage.say("heartbeat", "f2", attempt=1)
    assert stage.take_sent() == []


def test_any_page_may_act_and_one_reports_figures() -> None:
    stage = watched("f1", "f2")
    for page in ("f1", "f2"):
        stage.say("record", page, on=True)
    figures = dict.fromkeys(("fps", "width", "height", "rtt_s", "loss", "bitrate"), 1)
    for page in ("f1", "f2"):
        stage.say("stats", page, attempt=1, **figures)
    kinds = [event[0] for event in stage.take_events()]
    assert (kinds.count("record"), kinds.count("stats")) == (2, 1)


def test_a_page_that_was_silent_before_the_session_is_there() -> None:
    stage = Stage()
    stage.hello()
    stage.now += 3600
    stage.begin()
    assert stage.prepared() == [("f1", 1)]
    stage.say("watch", attempt=1, **WATCH)
    assert not stage.deserted(60, "f1")


def test_between_two_sessions_no_page_is_forgotten_and_one_is_the_owner_again() -> None:
    stage = watched("f1", "f2")
    stage.watching.over()
    assert not stage.pages.shared
