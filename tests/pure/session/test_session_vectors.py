"""Replays the sessions that are scripted in ``tests/vectors/sessions.json``, each one twice.

Once with the machine alone, and once with everything that a widget has on the background thread;
the service's end of the control channel is in memory, and the clock is simulated.

A step is an action (``do``) or a message from the service (``receive``; a string is a raw frame).
``sent`` are the messages that the step sends to the service, none where it is missing; ``traits``
are the traits' values after the step, where they have changed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from decart_widget.errors import ConnectionLostError
from decart_widget.inputs.secrets import Secret
from decart_widget.models import MODELS
from decart_widget.options import ConnectionOptions, VideoOptions
from decart_widget.protocol.codec import decode, encode
from decart_widget.protocol.machine import SessionMachine
from decart_widget.protocol.messages import ClientMessage, ImageData
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState, Phase
from decart_widget.runtime import model_names, warm_up
from decart_widget.runtime.controller import WidgetController
from decart_widget.runtime.destination import Destination
from decart_widget.runtime.kernel_link import KernelLink
from decart_widget.runtime.settings import Settings
from decart_widget.runtime.trait_values import IDLE
from decart_widget.session import attempt as attempt_module
from decart_widget.session import tokens as tokens_module

Step = dict[str, Any]

VECTORS = Path(__file__).parents[2] / "vectors" / "sessions.json"
SCRIPTS: list[dict[str, Any]] = json.loads(VECTORS.read_text("utf-8"))
# The scripts contain neither durations nor budgets.
TRAITS = sorted(set(IDLE) - {"_applied_in", "budget_low"})
MACHINE_TRAITS = sorted(set(TRAITS) - {"prompt_status", "error", "_retry"})

each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script["name"])


def prompt_state_of(step: Step) -> PromptState:
    image = step["prompt_state"]["image"]
    return PromptState(
        step["prompt_state"]["prompt"],
        step["prompt_state"]["enrich"],
        None if image is None else ImageData(**image),
    )


def frame_of(step: Step) -> str:
    message = step["receive"]
    return message if isinstance(message, str) else json.dumps(message)


# --- the scripts' format ----------------------------------------------------------------------


def test_the_names_of_scripts_are_unique() -> None:
    names = [script["name"] for script in SCRIPTS]
    assert len(names) == len(set(names)) >= 12
    assert all(script["about"] and script["steps"] for script in SCRIPTS)


@each_script
def test_traits_are_complete_wherever_they_are_given(script: dict[str, Any]) -> None:
    for step in script["steps"]:
        assert ("do" in step) != ("receive" in step)
        assert step.keys() <= {
            "do",
            "receive",
            "prompt_state",
            "with_image",
            "sdp",
            "sent",
            "traits",
        }
        assert sorted(step.get("traits", TRAITS)) == TRAITS


def test_the_scripts_together_show_every_state() -> None:
    actual = {
        step["traits"]["connection_state"]
        for script in SCRIPTS
        for step in script["steps"]
        if "traits" in step
    }
    assert actual == {state.value for state in ConnectionState} - {"idle"}


# --- with the machine alone -------------------------------------------------------------------


def act_on_machine(machine: SessionMachine, step: Step) -> None:
    acts: dict[str, Callable[[], object]] = {
        "connect": lambda: machine.connect(prompt_state_of(step)),
        "socket-opened": machine.socket_opened,
        "offer": lambda: machine.offer_made(step["sdp"]),
        "media-established": machine.media_established,
        "lost": machine.lost,
        "reconnect": machine.reconnect,
        "submit": lambda: machine.submit(prompt_state_of(step), with_image=step["with_image"]),
        "disconnect": machine.disconnect,
        "fail": machine.fail,
    }
    if "receive" in step:
        machine.receive(decode(frame_of(step)))
    else:
        acts[step["do"]]()


@each_script
def test_the_machine_follows_the_script(script: dict[str, Any]) -> None:
    machine = SessionMachine()
    for number, step in enumerate(script["steps"]):
        act_on_machine(machine, step)
        sent = [json.loads(encode(message)) for message in machine.take_outgoing()]
        assert (number, sent) == (number, step.get("sent", []))
        if "traits" in step:
            applied = machine.applied
            actual = {
                "connection_state": machine.state.value,
                "service_status": machine.service_status.value,
                "queue_position": machine.queue_position,
                "queue_size": machine.queue_size,
                "session_id": machine.session_id,
                "generation_tick": machine.generation_tick,
                "applied_prompt": None if applied is None else applied.prompt,
            }
            expected = {name: step["traits"][name] for name in MACHINE_TRAITS}
            assert (number, actual) == (number, expected)


# --- with all of a widget's parts on the background thread ------------------------------------


class Wire:
    """A control channel whose other end is the script."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[str | Exception] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []

    async def send(self, message: ClientMessage) -> None:
        self.sent.append(json.loads(encode(message)))

    async def frames(self) -> AsyncIterator[str]:
        while True:
            item = await self.incoming.get()
            if isinstance(item, Exception):
                raise item
            yield item


class ScriptedWidget:
    """A widget's controller, with a page and a service that follow the script."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.traits = dict(IDLE)
        self.wire = Wire()
        self.to_page: list[dict[str, Any]] = []
        self._may_open = asyncio.Event()
        self._tasks: list[asyncio.Future[Any]] = []

        @asynccontextmanager
        async def open_control(*_: Any, **__: Any) -> AsyncIterator[Wire]:
            await self._may_open.wait()
            self._may_open.clear()
            yield self.wire

        async def client_token(*_: Any, **__: Any) -> Secret:
            return Secret("ek_scripted")

        async def resolve_model(_name: str, _endpoint: Any) -> str:
            return "lucy-2.6"

        monkeypatch.setattr(attempt_module, "open_control", open_control)
        monkeypatch.setattr(tokens_module, "client_token", client_token)
        monkeypatch.setattr(model_names, "resolve_model", resolve_model)
        monkeypatch.setattr(warm_up, "load_network_libraries", lambda: None)
        self.controller = WidgetController(
            Destination("http://127.0.0.1:9", "ek_scripted"),
            lambda message, _buffers=None: self.to_page.append(message),
            self.traits.update,
            lambda: Settings(
                transport="webrtc",
                model=MODELS["lucy-latest"],
                video=VideoOptions(),
                connection=ConnectionOptions(),
                budget=None,
                resolution=None,
                speed=None,
            ),
            PromptState(),
            kernel=KernelLink(None),
        )
        self.controller.pages.receive(
            {"type": "hello", "page_id": "f1", "protocol": 1, "version": "1", "page": {}}
        )

    def send_from_page(self, type_: str, **fields: Any) -> None:
        attempt = self.controller.attempt
        self.controller.pages.receive(
            {"type": type_, "page_id": "f1", "attempt": attempt, **fields}
        )

    async def act(self, step: Step) -> None:
        controller = self.controller
        if "receive" in step:
            self.wire.incoming.put_nowait(frame_of(step))
        elif step["do"] == "connect":
            controller.prompts.state = prompt_state_of(step)
            self._tasks.append(asyncio.ensure_future(controller.connect()))
        elif step["do"] == "socket-opened":
            self._may_open.set()
        elif step["do"] == "offer":
            self.send_from_page("offer", sdp=step["sdp"])
        elif step["do"] == "media-established":
            self.send_from_page("media", state="connected")
        elif step["do"] == "lost":
            self.wire.incoming.put_nowait(ConnectionLostError("The connection broke."))
        elif step["do"] == "submit":
            prompt_state = prompt_state_of(step)
            changes = {
                "prompt": prompt_state.prompt,
                "enrich": prompt_state.enrich,
                "image": prompt_state.image,
            }
            self._tasks.append(asyncio.ensure_future(controller.prompts.set(**changes)))
        elif step["do"] == "disconnect":
            self._tasks.append(asyncio.ensure_future(controller.sessions.disconnect()))
        elif step["do"] == "reconnect":
            await self._phase(Phase.OPENING)
        else:
            assert step["do"] == "fail"  # the step before has made the session fail
        # On the simulated clock this takes no time, and everything due within 0.5 s happens.
        await asyncio.sleep(0.5)

    async def _phase(self, phase: Phase) -> None:
        async with asyncio.timeout(30):
            while (
                self.controller.sessions.session is None
                or self.controller.sessions.session.machine.phase is not phase
            ):
                await asyncio.sleep(0.05)

    def take_sent(self) -> list[dict[str, Any]]:
        sent, self.wire.sent = self.wire.sent, []
        return sent

    async def close(self) -> None:
        await self.controller.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@each_script
def test_the_widget_s_traits_follow_the_script(
    script: dict[str, Any], monkeypatch: pytest.MonkeyPatch, on_simulated_clock: Callable[..., Any]
) -> None:
    async def replay() -> None:
        widget = ScriptedWidget(monkeypatch)
        expected = {name: IDLE[name] for name in TRAITS}
        for number, step in enumerate(script["steps"]):
            await widget.act(step)
            assert (number, widget.take_sent()) == (number, step.get("sent", []))
            if any(later.get("do") == "fail" for later in script["steps"][number + 1 :][:1]):
                continue  # the session has failed already, which the next step describes
            expected = step.get("traits", expected)
            actual = {name: widget.traits[name] for name in TRAITS}
            assert (number, actual) == (number, expected)
        await widget.close()

    on_simulated_clock(replay())
