"""The parts of the runner: what is played next, what a look needs, cells, money, and pictures."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from decart_widget.errors import InvalidOptionError
from decart_widget.explore.planning.jobs import Job
from decart_widget.explore.planning.looped_clip import positions
from decart_widget.explore.planning.pictures import Pictures
from decart_widget.explore.records import Cell
from decart_widget.explore.running import estimate
from decart_widget.explore.running.board import Board
from decart_widget.explore.running.lead_in import LeadIn
from decart_widget.explore.running.purse import MARGIN_S, Purse
from decart_widget.explore.running.reel import Script
from decart_widget.explore.running.session_run import with_those_before
from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.inputs.sources.reader import Target

TARGET = Target(64, 36, 30)


def cell(name: str, *, model: str = "lucy-2.1", fresh: bool = False) -> Cell:
    return Cell(name, False, None, model, fresh, 0, (0,), False, name)


# --- what is played -------------------------------------------------------------------------------


def played(script: Script, count: int) -> list[int]:
    return [script.next()[1] for _ in range(count)]


def test_the_clip_s_end_is_played_until_there_is_something_to_take() -> None:
    script = Script(10, 3)
    assert played(script, 7) == [7, 8, 9, 7, 8, 9, 7]


def test_a_take_follows_a_lead_in_that_ends_with_the_clip_s_last_frame() -> None:
    script = Script(10, 3)
    played(script, 2)
    last = script.play(5, range(10), lead_in=4)
    assert played(script, 16) == [6, 7, 8, 9, *range(10), 7, 8]
    assert last == 15
    shots = [script.shot(number) for number in range(18)]
    assert [shot.take for shot in shots if shot] == [None] * 6 + [5] * 10 + [None] * 2


def test_a_lead_in_may_be_longer_than_the_clip() -> None:
    script = Script(3, 30)
    script.play(1, range(3), lead_in=5)
    assert played(script, 8) == [1, 2, 0, 1, 2, 0, 1, 2]


def test_frames_that_were_lost_are_played_again_with_those_before_them() -> None:
    assert with_those_before([2]) == [0, 1, 2]
    assert with_those_before([20, 22, 90]) == [*range(15, 23), *range(85, 91)]


# --- how long -------------------------------------------------------------------------------------


def test_the_lead_in_is_a_second_until_it_is_known_what_looks_need() -> None:
    lead_in = LeadIn(None)
    assert lead_in.frames(30) == 30
    lead_in.learn(0.4)
    lead_in.learn(0.2)
    assert lead_in.frames(30) == 13, "the longest counts, and a little more"
    for _ in range(8):
        lead_in.learn(-0.1)
    assert lead_in.frames(30) == 1


def test_a_lead_in_that_was_given_stays() -> None:
    lead_in = LeadIn(0.5)
    lead_in.learn(3)
    assert lead_in.frames(20) == 10


# --- cells ----------------------------------------------------------------------------------------


def test_a_session_gets_the_cells_of_its_model_and_fresh_ones_are_alone() -> None:
    cells = [cell("a"), cell("b", model="lucy-2.5"), cell("c", fresh=True), cell("d")]
    board = Board(cells)
    first = board.first()
    assert first is cells[0]
    assert board.next(first) is cells[3]
    assert board.next(cells[3]) is None
    assert board.first() is cells[1]
    assert board.first() is cells[2]
    assert board.next(cells[2]) is None
    assert board.first() is None


def test_a_cell_whose_session_broke_runs_once_more() -> None:
    board = Board([cell("a"), cell("b")])
    for runs_again in (True, False):
        taken = board.first()
        assert taken is not None
        assert taken.key == "a"
        assert board.put_back(taken, is_tried=True) is runs_again
    last = board.first()
    assert last is not None
    assert board.put_back(last, is_tried=False), "what was stopped was not tried"


# --- money ----------------------------------------------------------------------------------------


def test_a_cell_that_would_not_fit_is_not_begun() -> None:
    billed = {1: 0.0, 2: 0.0}
    purse = Purse(10)
    purse.open(1, lambda: billed[1])
    purse.open(2, lambda: billed[2])
    assert purse.reserve(1, 5)
    assert not purse.reserve(2, 6), "the other session may take 5 s"
    assert purse.reserve(2, 5)
    billed[1] = 3
    assert purse.reserve(1, 2), "its former cell took less than was reserved"
    assert not purse.reserve(1, 2.5)


def test_ended_sessions_count_and_free_what_they_had_reserved() -> None:
    purse = Purse(10)
    purse.open(1, lambda: 4.0)
    purse.reserve(1, 6)
    purse.close(1)
    assert purse.spent_s == 4
    purse.open(2, lambda: 0.0)
    assert purse.left_for(2) == 6
    assert not purse.is_used_up
    purse.open(2, lambda: 6 - MARGIN_S / 2)
    assert purse.is_used_up, "in time: a session does not end at once"


def test_without_a_budget_there_is_no_limit() -> None:
    purse = Purse(None)
    purse.open(1, lambda: 1e6)
    assert purse.reserve(1, 1e9)
    assert purse.left_for(1) is None
    assert not purse.is_used_up


def test_an_estimate_counts_shared_and_fresh_sessions() -> None:
    cells = (cell("a"), cell("b"), cell("c"), cell("d", fresh=True))
    found = estimate(Job(TestPattern(), cells, seconds=2, sessions=2))
    assert found.sessions == 3
    assert found.billed_s == pytest.approx(4 * 2 + 4 * found.lead_in_s)
    assert found.billed_s > 8 + 3 * 0.5
    assert estimate(Job(TestPattern(), ())).billed_s == 0


# --- the clip and its pictures --------------------------------------------------------------------


def test_a_clip_is_a_part_of_its_source_and_keeps_its_numbers() -> None:
    clip = Job(TestPattern(), (), first_s=1, seconds=0.5).clip(TARGET)
    assert clip.indices == tuple(range(30, 45))
    assert clip.times[0] == 1
    assert clip.fps == pytest.approx(30)
    assert clip.wanted == tuple(range(15))


def test_a_clip_with_moments_ends_with_the_last_one() -> None:
    job = Job(TestPattern(), (), seconds=2, moments=(0.5, 0.11, 0.1))
    clip = job.clip(TARGET)
    assert [clip.indices[at] for at in clip.wanted] == [3, 15]
    assert len(clip) == 16


def test_a_moment_behind_the_clip_is_refused_before_anything_runs() -> None:
    with pytest.raises(InvalidOptionError, match="before the moment 3 s"):
        positions([0.0, 0.5, 1.0], [3.0], 2)


def test_pictures_are_the_same_after_a_journey_to_another_process() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (5, 54, 64), np.uint8)
    pictures = Pictures(list(noise))
    arrived = pickle.loads(pickle.dumps(pictures))
    assert len(arrived) == 5
    assert all((own == other).all() for own, other in zip(arrived, pictures, strict=True))
    assert arrived[-1].shape == (36, 64, 3)
    assert len(arrived[1:3]) == 2
    assert len(pickle.loads(pickle.dumps(Pictures([])))) == 0


def test_many_pictures_are_kept_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decart_widget.explore.planning.pictures.KEPT_BYTES", 1000)
    noise = np.random.default_rng(1).integers(0, 256, (5, 54, 64), np.uint8)
    pictures = Pictures(list(noise))
    assert isinstance(pictures.planes, np.memmap)
    assert (np.asarray(pictures.planes) == noise).all()
