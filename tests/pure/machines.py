"""Session machines brought as far as a test needs them."""

from __future__ import annotations

from decart_widget.protocol import machine as core
from decart_widget.protocol import messages as m
from decart_widget.protocol.machine import Phase, SessionMachine
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState as S

CAT, DOG = m.ImageData(ref="file_cat"), m.ImageData(data="RE9H")


def ok(prompt: str) -> m.PromptAck:
    return m.PromptAck(prompt, True, None)


def opened(prompt_state: PromptState = PromptState("first")) -> SessionMachine:  # noqa: B008
    """A machine whose initial state is on its way."""
    machine = SessionMachine()
    machine.connect(prompt_state)
    machine.socket_opened()
    machine.take_outgoing()
    return machine


def standing(prompt_state: PromptState = PromptState("first")) -> SessionMachine:  # noqa: B008
    """A machine that generates."""
    machine = opened(prompt_state)
    stand(machine)
    machine.take_notices()
    machine.ignored.clear()
    return machine


def stand(machine: SessionMachine) -> None:
    machine.receive(m.SetImageAck(True, None))
    for prompt in ("first", "second", "third"):
        if machine.phase is Phase.INITIAL:
            machine.receive(ok(prompt))
    machine.offer_made("v=0 offer")
    machine.receive(m.Answer("v=0 answer"))
    machine.media_established()
    machine.receive(m.GenerationStarted())
    assert machine.state is S.GENERATING
    machine.take_outgoing()


def endings(machine: SessionMachine) -> list[tuple[str, int]]:
    ends = (core.Applied, core.Rejected, core.Superseded)
    return [
        (type(notice).__name__, notice.request.number)
        for notice in machine.take_notices()
        if isinstance(notice, ends)
    ]
