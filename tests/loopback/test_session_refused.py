"""Sessions that the service refuses or ends: a refused token, used-up credits, moderation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from decart_widget.errors import (
    AuthenticationError,
    InsufficientCreditsError,
    RequestRejectedError,
)
from decart_widget.inputs.secrets import Secret
from decart_widget.models import realtime_model
from decart_widget.protocol.requests import PromptState
from decart_widget.sandbox import Faults, Sandbox, serve
from decart_widget.session.endpoints import parse_endpoint
from decart_widget.session.tokens import Tokens
from tests.loopback.test_session import KEY, generating, running


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as running_sandbox:
        yield running_sandbox


TOKENS = "POST /v1/client/tokens"


@pytest.mark.parametrize("prompt_state", [PromptState("sepia"), PromptState()])
async def test_a_token_that_was_refused_is_fetched_anew_once(
    sandbox: Sandbox, prompt_state: PromptState
) -> None:
    tokens = Tokens()
    sandbox.faults = Faults(client_token_s=0)
    endpoint, model = parse_endpoint(sandbox), realtime_model("lucy-latest")
    await tokens.take(Secret(KEY), endpoint, model)
    sandbox.faults = Faults()
    async with running(sandbox, prompt_state, tokens=tokens) as run:
        await run.until(generating)
        assert run.session.attempt == 1
        assert "error" not in run.states
    assert sandbox.stats()["requests"].count(TOKENS) == 2


async def test_a_token_that_is_refused_twice_ends_the_session(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(client_token_s=0)
    async with running(sandbox, PromptState("sepia")) as run:
        await run.over()
        assert isinstance(run.session.error, AuthenticationError)
    assert sandbox.stats()["requests"] == [TOKENS, "GET /v1/stream"] * 2


@pytest.mark.parametrize("faults", [Faults(credits_s=0), Faults(quota=0)])
async def test_a_session_that_cannot_be_paid_is_refused_and_says_what_to_do(
    sandbox: Sandbox, faults: Faults
) -> None:
    sandbox.faults = faults
    async with running(sandbox, PromptState("sepia")) as run:
        await run.over()
        error = run.session.error
        assert error is not None
        assert error.code == ("session-limit" if faults.quota == 0 else "insufficient-credits")
        assert error.remedy
        assert run.session.attempt == 1


async def test_used_up_credits_end_the_session_for_good(sandbox: Sandbox) -> None:
    async with running(sandbox, PromptState("sepia")) as run:
        await run.until(generating)
        sandbox.faults = Faults(credits_s=0)
        await run.over()
        assert isinstance(run.session.error, InsufficientCreditsError)
        assert run.session.attempt == 1
        assert "reconnecting" not in run.states


async def test_a_prompt_that_moderation_refuses_leaves_the_session_as_it_is(
    sandbox: Sandbox,
) -> None:
    sandbox.faults = Faults(moderated_word="rude")
    async with running(sandbox, PromptState("sepia")) as run:
        await run.until(generating)
        with pytest.raises(RequestRejectedError, match="moderation"):
            await run.session.submit(PromptState("something Rude"), with_image=False)
        assert generating(run.session)
        assert run.session.machine.applied == PromptState("sepia")
