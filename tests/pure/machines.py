"""Session machines in the states that tests need."""

from __future__ import annotations

from decart_widget.protocol import messages as m
from decart_widget.protocol import notices
from decart_widget.protocol.machine import SessionMachine
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState as S
from decart_widget.protocol.states import Phase

CAT, DOG = m.ImageData(ref="file_cat"), m.ImageData(data="RE9H")


def ok(prompt: str) -> m.PromptAck:
    return m.PromptAck(prompt, True, None)


def opened(prompt_state: PromptState = PromptState("first")) -> SessionMachine:  # noqa: B008
    """A machine whose initial state is sent and not yet acknowledged."""
    machine = SessionMachine()
    machine.connect(prompt_state)
    machine.socket_opened()
    machine.take_outgoing()
    return machine


def generating(prompt_state: PromptState = PromptState("first")) -> SessionMachine:  # noqa: B008
    """A machine in the state *generating*."""
    machine = opened(prompt_state)
    bring_to_generating(machine)
    machine.take_notices()
    machine.ignored.clear()
    return machine


def bring_to_generating(machine: SessionMachine) -> None:
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
    ends = (notices.Applied, notices.Rejected, notices.Superseded)
    return [
        (type(notice).__name__, notice.request.number)
        for notice in machine.take_notices()
        if isinstance(notice, ends)
    ]
