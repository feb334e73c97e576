"""Schedules in real sessions: played where the kernel sends the source, and run over a clip."""

from __future__ import annotations

import time
from pathlib import Path

from decart_widget import DecartWidget, TestPattern, explore
from decart_widget.sandbox import Sandbox
from tests.engine.test_headless import MODEL

WAIT_S = 60.0
"""Seconds that a busy machine may take."""


def test_a_schedule_is_played_by_the_clock_of_the_kernels_source_and_recorded(
    sandbox: Sandbox,
) -> None:
    widget = DecartWidget(MODEL, source=TestPattern(), endpoint=sandbox)
    try:
        seasons = explore.schedule([(0, "greyscale"), (0.4, "sepia"), (0.8, None)])
        playing = widget.play(seasons)
        assert widget.connect().result(WAIT_S) in ("connected", "generating")
        assert playing.result(WAIT_S) == "played"
        deadline = time.monotonic() + WAIT_S
        while widget.applied_prompt is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert widget.disconnect().result(WAIT_S) == "disconnected"
        # On a busy machine the second one may be overtaken by the third before it is sent.
        orders = (["greyscale", "sepia", None], ["greyscale", None])
        assert [record["prompt"] for record in widget.history] in orders
        recorded = widget.session_record
        assert recorded is not None
        assert [change.prompt for change in recorded] in orders
        assert recorded.changes[0].at_s == 0
        times = [change.at_s for change in recorded]
        assert times == sorted(times)
        assert explore.schedule(recorded) == recorded
    finally:
        widget.close()


def test_a_schedule_that_is_played_gives_way_to_a_newer_one(sandbox: Sandbox) -> None:
    widget = DecartWidget(MODEL, source=TestPattern(), endpoint=sandbox)
    try:
        first = widget.play([(500, "greyscale")])
        assert widget.connect().result(WAIT_S) in ("connected", "generating")
        second = widget.play([(0, "sepia")])
        assert first.result(WAIT_S) == "replaced"
        assert second.result(WAIT_S) == "played"
        assert widget.play(None).result(WAIT_S) == "played"
    finally:
        widget.close()


def test_the_template_and_the_clip_of_a_widget_make_the_plan_of_a_sweep(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    still = explore.schedule([(0, None)])
    still.run(TestPattern(duration=1.0), clip, model=MODEL, endpoint=sandbox, progress=False)
    look = explore.template("{a}, {b}", a=["greyscale", "sepia"], b=explore.scale([1, 2, 3]))
    widget = DecartWidget(MODEL, template=look, source=clip, endpoint=sandbox)
    try:
        sheet = widget.sweep(seconds=0.5, folder=tmp_path / "sheet")
        assert [len(axis.labels) for axis in sheet.axes] == [2, 3]
        assert sheet.state == "planned"
        assert widget.connection_state == "idle", "nothing is started, and nothing billed"
    finally:
        widget.close()


def test_a_schedule_runs_over_a_clip_and_shows_what_came_back(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    seasons = explore.schedule([(0, "greyscale"), (0.5, "invert")])
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    options = {"model": MODEL, "endpoint": sandbox, "progress": False}
    explore.schedule([(0, None)]).run(TestPattern(duration=1.0), clip, **options)
    done = seasons.run(clip, out, **options)
    assert done.clip.path == out
    assert done.clip.complete
    assert set(done.strips) == {"sent", "came back"}
    assert all(data.startswith(b"\xff\xd8\xff") for data in done.strips.values())
    drawn = done._repr_html_()
    assert "out.mp4 · 2 prompts · one session" in drawn
    assert drawn.count("data:image/jpeg;base64,") == 2
