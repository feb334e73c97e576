"""A session against the sandbox: real sockets, real WebRTC, on 127.0.0.1."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from PIL import Image

from decart_widget.errors import (
    AckTimeoutError,
    AtCapacityError,
    AuthenticationError,
    BudgetSpentError,
    ConnectTimeoutError,
    MediaError,
    RequestRejectedError,
    TransportError,
)
from decart_widget.inputs.secrets import Secret
from decart_widget.models import realtime_model
from decart_widget.options import ConnectionOptions
from decart_widget.protocol.messages import ImageData
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState
from decart_widget.sandbox import Faults, Sandbox, serve
from decart_widget.session.config import SessionConfig
from decart_widget.session.endpoints import Endpoint, parse_endpoint
from decart_widget.session.session import Session
from tests.loopback.camera_peer import CameraPeer, colourfulness

KEY = "dct_" + "m4rk3r" * 4
LIMIT = 20.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as running:
        yield running


class Run:
    """A running session, its media, and a way to wait for a state."""

    def __init__(self, session: Session, media: CameraPeer, task: asyncio.Task[None]) -> None:
        self.session = session
        self.media = media
        self.task = task
        self.states: list[str] = []
        self.moved = asyncio.Event()

    def changed(self, session: Session) -> None:
        state = session.machine.state.value
        if not self.states or self.states[-1] != state:
            self.states.append(state)
        self.moved.set()

    async def until(self, true: Callable[[Session], Any]) -> None:
        async with asyncio.timeout(LIMIT):
            while not true(self.session):
                assert not self.task.done(), f"ended early: {self.session.error}"
                self.moved.clear()
                await self.moved.wait()

    async def over(self) -> None:
        await asyncio.wait_for(asyncio.shield(self.task), LIMIT)


@asynccontextmanager
async def running(
    sandbox: Sandbox,
    prompt_state: PromptState,
    *,
    key: str = KEY,
    endpoint: Endpoint | None = None,
    media: Any = None,
    **config: Any,
) -> AsyncIterator[Run]:
    media = media or CameraPeer()
    run: Run
    session = Session(
        SessionConfig(
            realtime_model("lucy-latest"),
            endpoint or parse_endpoint(sandbox),
            Secret(key),
            **{"transport": "webrtc", **config},
        ),
        media,
        lambda session: run.changed(session),
    )
    run = Run(session, media, None)  # type: ignore[arg-type]
    run.task = asyncio.ensure_future(session.run(prompt_state))
    try:
        yield run
    finally:
        session.stop()
        await asyncio.wait_for(asyncio.shield(run.task), LIMIT)
        await media.close()


async def test_an_error_of_the_page_stays_when_the_session_is_established(
    sandbox: Sandbox,
) -> None:
    async with running(sandbox, PromptState("greyscale", False, None)) as run:
        missing = MediaError("No microphone.", remedy="Connect one.", code="microphone-failed")
        run.session.complain(missing)
        await run.until(generating)
        assert run.session.error is missing
        # The next applied request clears it.
        await run.session.submit(PromptState("sepia", False, None), with_image=False)
        assert run.session.error is None


def generating(session: Session) -> bool:
    return session.machine.state is ConnectionState.GENERATING


def connection(**options: Any) -> ConnectionOptions:
    """Connection options without ICE servers, which a loopback connection doesn't need."""
    return ConnectionOptions(ice_servers=(), **options)


async def test_the_first_picture_is_already_transformed(sandbox: Sandbox) -> None:
    async with running(sandbox, PromptState("greyscale")) as run:
        first = await asyncio.wait_for(run.media.next_picture(), LIMIT)
        assert colourfulness(first) < 6
        await run.until(generating)
        assert run.states == ["connecting", "connected", "generating"] or run.states == [
            "connecting",
            "generating",
        ]
        assert run.session.machine.session_id
        assert run.session.applied_in is not None
        await run.until(lambda s: s.machine.generation_tick >= 1)


async def test_without_a_prompt_the_picture_passes_through(sandbox: Sandbox) -> None:
    async with running(sandbox, PromptState()) as run:
        picture = await asyncio.wait_for(run.media.next_picture(5), LIMIT)
        left = picture[20:60, 20:100].mean(axis=(0, 1))
        right = picture[20:60, -100:-20].mean(axis=(0, 1))
        assert left[0] > left[2] + 60
        assert right[2] > right[0] + 60


async def test_a_prompt_changes_the_picture_and_is_acknowledged(sandbox: Sandbox) -> None:
    async with running(sandbox, PromptState("greyscale")) as run:
        await run.until(generating)
        outcome = run.session.submit(PromptState("invert"), with_image=False)
        assert await asyncio.wait_for(outcome, LIMIT) == "applied"
        assert run.session.machine.applied == PromptState("invert")
        picture = await asyncio.wait_for(
            run.media.picture_that(lambda p: colourfulness(p) > 40), LIMIT
        )
        left = picture[20:60, 20:100].mean(axis=(0, 1))
        assert left[0] < left[1]  # the inverse of red is cyan


async def test_the_picture_takes_on_the_image_s_colours(sandbox: Sandbox) -> None:
    green = io.BytesIO()
    Image.new("RGB", (64, 64), (20, 200, 30)).save(green, "PNG")
    image = ImageData(data=base64.b64encode(green.getvalue()).decode())
    async with running(sandbox, PromptState()) as run:
        await run.until(generating)
        before = await asyncio.wait_for(run.media.next_picture(), LIMIT)
        outcome = run.session.submit(PromptState(None, True, image), with_image=True)
        assert await asyncio.wait_for(outcome, LIMIT) == "applied"

        def greener(picture: np.ndarray) -> bool:
            mean, was = picture.mean(axis=(0, 1)), before.mean(axis=(0, 1))
            return bool(mean[1] - mean[[0, 2]].mean() > was[1] - was[[0, 2]].mean() + 30)

        await asyncio.wait_for(run.media.picture_that(greener), LIMIT)


async def test_of_many_prompts_at_once_the_newest_wins(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(ack_delay_s=0.2)
    async with running(sandbox, PromptState("greyscale")) as run:
        await run.until(generating)
        states = [PromptState(text) for text in ("sepia", "blur", "edges", "invert")]
        outcomes = [run.session.submit(state, with_image=False) for state in states]
        done = await asyncio.wait_for(asyncio.gather(*outcomes), LIMIT)
        assert done == ["applied", "superseded", "superseded", "applied"]
        assert run.session.machine.applied == PromptState("invert")


async def test_a_refused_prompt_changes_neither_session_nor_picture(sandbox: Sandbox) -> None:
    async with running(sandbox, PromptState("greyscale")) as run:
        await run.until(generating)
        sandbox.faults = Faults(refuse_prompts="not nice")
        with pytest.raises(RequestRejectedError, match="not nice"):
            await asyncio.wait_for(run.session.submit(PromptState("rude"), with_image=False), LIMIT)
        assert run.session.machine.applied == PromptState("greyscale")
        assert generating(run.session)
        picture = await asyncio.wait_for(run.media.next_picture(3), LIMIT)
        assert colourfulness(picture) < 6


async def test_a_refused_first_prompt_ends_the_session(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(refuse_prompts="not nice")
    async with running(sandbox, PromptState("rude")) as run:
        await run.over()
        assert run.session.machine.state is ConnectionState.ERROR
        assert isinstance(run.session.error, RequestRejectedError)


async def test_a_wrong_key_is_never_tried_again(sandbox: Sandbox) -> None:
    async with running(sandbox, PromptState("sepia"), key="dct_wrong_one") as run:
        await run.over()
        assert isinstance(run.session.error, AuthenticationError)
        assert "dct_wrong_one" not in str(run.session.error)
        assert run.session.attempt == 1


async def test_a_wrong_client_token_is_refused_on_the_socket(sandbox: Sandbox) -> None:
    async with running(sandbox, PromptState("sepia"), key="ek_not_minted_here") as run:
        await run.over()
        assert isinstance(run.session.error, AuthenticationError)


async def test_a_full_service_ends_the_session_with_at_capacity(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(capacity=0)
    async with running(sandbox, PromptState("sepia")) as run:
        await run.over()
        assert isinstance(run.session.error, AtCapacityError)


async def test_time_in_the_queue_does_not_count(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(queue_s=1.6)
    places: list[tuple[int | None, int | None]] = []
    async with running(
        sandbox, PromptState("sepia"), connection=connection(connection_timeout=1.2)
    ) as run:
        while not generating(run.session):
            await run.until(lambda _: True)
            machine = run.session.machine
            if (machine.queue_position, machine.queue_size) not in places:
                places.append((machine.queue_position, machine.queue_size))
            run.moved.clear()
            await asyncio.wait_for(run.moved.wait(), LIMIT)
        assert [p for p in places if p[0]] == [(4, 4), (3, 4), (2, 4), (1, 4)]


async def test_an_offer_without_an_answer_is_a_clear_timeout(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(no_answer=True)
    async with running(
        sandbox, PromptState("sepia"), connection=connection(connection_timeout=1)
    ) as run:
        await run.over()
        assert isinstance(run.session.error, ConnectTimeoutError)
        assert "answered the offer" in run.session.error.message


async def test_an_ack_that_never_comes_rejects_the_prompt_only(sandbox: Sandbox) -> None:
    async with running(
        sandbox, PromptState("greyscale"), connection=connection(ack_timeout=0.3)
    ) as run:
        await run.until(generating)
        sandbox.faults = Faults(no_ack=True)
        with pytest.raises(AckTimeoutError):
            await asyncio.wait_for(
                run.session.submit(PromptState("sepia"), with_image=False), LIMIT
            )
        assert generating(run.session)


async def test_an_unreachable_server_ends_the_session_with_a_transport_error(
    sandbox: Sandbox, unused_tcp_port: int
) -> None:
    unreachable = parse_endpoint(f"http://127.0.0.1:{unused_tcp_port}")
    async with running(sandbox, PromptState("sepia"), endpoint=unreachable) as run:
        await run.over()
        assert isinstance(run.session.error, TransportError)


async def test_a_denied_camera_ends_the_session(sandbox: Sandbox) -> None:
    media = CameraPeer(refuse="permission-denied")
    async with running(sandbox, PromptState("sepia"), media=media) as run:
        await run.over()
        assert run.session.error is not None
        assert run.session.error.code == "permission-denied"
        assert media.ended[-1] == (1, "error", False)


async def test_malformed_messages_change_nothing(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(junk=True, junk_bytes=10_000_000)
    async with running(sandbox, PromptState("greyscale")) as run:
        await run.until(lambda s: s.machine.generation_tick >= 1)
        assert sum(run.session.machine.ignored.values()) > 3
        assert run.session.machine.ignored["frame too long"] == 1


async def test_a_dropped_control_socket_is_restored_with_the_last_applied_prompt(
    sandbox: Sandbox,
) -> None:
    async with running(sandbox, PromptState("invert")) as run:
        await run.until(generating)
        await asyncio.wait_for(
            run.session.submit(PromptState("greyscale"), with_image=False), LIMIT
        )
        sandbox.faults = Faults(drop_control_after_s=0.1, sessions=1)
        await run.until(lambda s: s.machine.state is ConnectionState.RECONNECTING)
        assert run.session.retry == {"attempt": 1, "of": 5, "in_s": 1.0}
        sandbox.faults = Faults()
        await run.until(lambda s: generating(s) and s.attempt == 2)
        picture = await asyncio.wait_for(run.media.next_picture(3), LIMIT)
        assert colourfulness(picture) < 6
        assert run.media.ended[0] == (1, "reconnecting", True)
        assert run.session.retry == {}
        assert run.session.error is None


async def test_a_reconnect_uses_the_renewed_endpoint() -> None:
    with serve(api_key=KEY) as first, serve(api_key=KEY) as second:

        async def renew() -> tuple[Endpoint, Secret]:
            return parse_endpoint(second), Secret(KEY)

        async with running(first, PromptState("greyscale"), renew=renew) as run:
            await run.until(generating)
            await asyncio.to_thread(first.close)
            await run.until(lambda _: "reconnecting" in run.states)
            await run.until(generating)
            assert [one["effect"] for one in second.stats()["sessions"]] == ["greyscale"]


async def test_the_budget_ends_the_session(sandbox: Sandbox) -> None:
    async with running(sandbox, PromptState("sepia"), budget=1.0) as run:
        await run.over()
        assert isinstance(run.session.error, BudgetSpentError)
        assert run.session.machine.state is ConnectionState.DISCONNECTED
        assert run.media.ended[-1] == (1, "budget", False)
        assert run.session.remaining == 0
        assert run.session.machine.generation_tick >= 1.0, "the whole budget, or a tick more"


async def test_stopping_in_any_phase_is_clean(sandbox: Sandbox) -> None:
    phases: list[Callable[[Session], bool]] = [
        lambda s: s.machine.state is ConnectionState.CONNECTING,
        lambda s: s.machine.phase >= 2,
        lambda s: s.machine.phase >= 4,
        generating,
    ]
    for phase in phases:
        async with running(sandbox, PromptState("sepia")) as run:
            await run.until(phase)
            run.session.stop()
            await run.over()
            assert run.session.machine.state is ConnectionState.DISCONNECTED
            assert run.session.error is None
    async with asyncio.timeout(LIMIT):
        while sandbox.stats()["sessions"]:
            await asyncio.sleep(0.01)


async def test_the_key_is_in_no_log_and_no_error(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with running(sandbox, PromptState("sepia")) as run:
        await run.until(generating)
        sandbox.faults = Faults(drop_control_after_s=0.05, sessions=1)
        await run.until(lambda s: s.machine.state is ConnectionState.RECONNECTING)
    for record in caplog.records:
        text = record.getMessage()
        assert KEY not in text, record.name
        if record.name.startswith(("decart_widget.session", "decart_widget.runtime.controller")):
            assert "ek_" not in text, record.name
