"""Sessions through an engine with the transport ``livekit``, in the local server's rooms."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

from decart_widget.engine import media as engine_media
from decart_widget.engine.media import EngineMedia
from decart_widget.engine.received import ReceivedFrame
from decart_widget.errors import BudgetSpentError
from decart_widget.inputs.sources import marker
from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.options import VideoOptions
from decart_widget.protocol.messages import RoomInfo
from decart_widget.protocol.states import ConnectionState
from decart_widget.sandbox import Faults, Sandbox
from tests.engine.conftest import Collected, Run, running

VIDEO = VideoOptions("AUTO", max_framerate=30)


def shown(frame: ReceivedFrame) -> int | None:
    """The number in a frame's picture."""
    return marker.read(frame.picture[: frame.picture.shape[0] * 2 // 3])


def generating(run: Run) -> bool:
    return run.session.machine.state is ConnectionState.GENERATING


def check_identities(sink: Collected) -> None:
    assert all(frame.exact for frame in sink.frames)
    assert sink.indices == sink.kept


async def test_each_frame_that_comes_back_names_the_frame_that_it_was_made_from(
    sandbox: Sandbox,
) -> None:
    sink = Collected(keep=shown)
    async with running(
        sandbox, sink=sink, prompt="greyscale", transport="livekit", video=VIDEO
    ) as run:
        await run.until(lambda: len(sink.frames) >= 40 and generating(run))
        figures = await run.media.figures()
    check_identities(sink)
    assert sink.frames[0].picture.shape == (270, 320)
    assert figures["codec"] == "H264"
    assert run.states[-3:] == ["connected", "generating", "disconnected"]


async def test_every_frame_of_a_clip_comes_back_in_order(sandbox: Sandbox) -> None:
    sink = Collected(keep=shown)
    async with running(
        sandbox,
        TestPattern("marker", fps=30, duration=2.0),
        sink=sink,
        every=True,
        transport="livekit",
        video=VIDEO,
    ) as run:
        await run.until(lambda: sink.ended)
    check_identities(sink)
    assert sorted(sink.indices + sink.lost_indices) == list(range(60))
    assert sink.indices == sorted(sink.indices)
    assert len(sink.lost_indices) < 30


async def test_the_budget_ends_the_session(sandbox: Sandbox) -> None:
    async with running(sandbox, transport="livekit", video=VIDEO, budget=1.0) as run:
        await run.until(lambda: run.task.done() or run.session.machine.generation_tick >= 1)
        await run.over()
        assert isinstance(run.session.error, BudgetSpentError)
        assert run.sink.frames


async def test_a_killed_worker_is_replaced_and_the_prompt_restored(sandbox: Sandbox) -> None:
    sink = Collected(keep=shown)
    async with running(sandbox, sink=sink, prompt="sepia", transport="livekit", video=VIDEO) as run:
        await run.until(lambda: len(sink.frames) >= 5 and generating(run))
        killed = run.media.pid
        os.kill(killed, signal.SIGKILL)
        await run.until(lambda: run.session.attempt == 2 and generating(run))
        await run.until(lambda: [f.attempt for f in sink.frames].count(2) >= 10)
        assert run.media.pid not in (0, killed)
        applied = run.session.machine.applied
        assert applied is not None
        assert applied.prompt == "sepia"
    check_identities(sink)


async def test_a_lost_control_socket_leads_to_a_new_room(sandbox: Sandbox) -> None:
    sink = Collected(keep=shown)
    async with running(sandbox, sink=sink, transport="livekit", video=VIDEO) as run:
        await run.until(lambda: generating(run))
        sandbox.faults = Faults(drop_control_after_s=0.0, sessions=1)
        await run.until(lambda: run.session.attempt == 2 and generating(run))
        await run.until(lambda: [f.attempt for f in sink.frames].count(2) >= 10)
    check_identities(sink)


async def test_a_room_whose_picture_stands_still_is_left_for_another(sandbox: Sandbox) -> None:
    sink = Collected(keep=shown)
    async with running(sandbox, sink=sink, transport="livekit", video=VIDEO) as run:
        await run.until(lambda: generating(run) and sink.frames)
        sandbox.faults = Faults(dead_peer_after_s=0.0, sessions=1)
        await run.until(lambda: run.session.attempt == 2 and generating(run))
        await run.until(lambda: [f.attempt for f in sink.frames].count(2) >= 3)
    check_identities(sink)


class MediaWithBadTokens(EngineMedia):
    """Joins with a token that the room refuses, in the attempts that ``bad`` names."""

    bad: tuple[int, ...] = ()

    def join(self, attempt: int, room: RoomInfo) -> None:
        token = f"{room.token[:-6]}AAAAAA" if attempt in self.bad else room.token
        super().join(attempt, replace(room, token=token))


@pytest.mark.parametrize("bad", [(1,), (2,)])
async def test_a_room_that_refuses_its_token_ends_a_start_and_not_a_session(
    sandbox: Sandbox, bad: tuple[int, ...]
) -> None:
    media = MediaWithBadTokens(TestPattern("marker"))
    media.bad = bad
    try:
        async with running(sandbox, transport="livekit", video=VIDEO, media=media) as run:
            if 1 in bad:
                await run.over()
                assert run.session.error is not None
                assert run.session.error.code == "room-refused"
                assert "AAAAAA" not in str(run.session.error)
                return
            await run.until(lambda: generating(run))
            sandbox.faults = Faults(drop_control_after_s=0.1, sessions=1)
            await run.until(lambda: run.session.machine.state is ConnectionState.RECONNECTING)
            await run.until(lambda: run.session.attempt == 3 and generating(run))
    finally:
        await media.close()


async def test_a_worker_that_has_joined_many_rooms_is_replaced_between_sessions(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_media, "ROOMS_PER_WORKER", 2)
    media = EngineMedia(TestPattern("marker"))
    pids = []

    async def start_and_stop() -> None:
        sink = Collected(keep=shown)
        async with running(
            sandbox, sink=sink, transport="livekit", video=VIDEO, media=media
        ) as run:
            await run.until(lambda: len(sink.frames) >= 3)
            pids.append(media.pid)
        check_identities(sink)

    try:
        for _ in range(3):
            await start_and_stop()
        assert pids[0] == pids[1] != pids[2]
        with pytest.raises(ProcessLookupError):
            os.kill(pids[0], 0)
    finally:
        await media.close()
