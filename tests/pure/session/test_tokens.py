"""Client tokens that are fetched in advance: used once, while fresh, and never a reason to fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from decart_widget.errors import AuthenticationError, DecartError
from decart_widget.inputs.secrets import Secret
from decart_widget.models import MODELS
from decart_widget.session import tokens as module
from decart_widget.session.endpoints import Endpoint
from decart_widget.session.tokens import FRESH_S, Tokens

KEY = Secret("dct_permanent")
ENDPOINT = Endpoint("test", "http://127.0.0.1:9", "ws://127.0.0.1:9")
MODEL, OTHER = MODELS["lucy-latest"], MODELS["lucy-2.1"]


class Service:
    """Issues numbered tokens; a test may delay it or make it refuse."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.minted = 0
        self.refusal: DecartError | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.now = 100.0
        monkeypatch.setattr(module, "client_token", self.mint)
        self.tokens = Tokens(lambda: self.now)

    async def mint(self, *_: Any, **__: Any) -> Secret:
        await self.open.wait()
        if self.refusal is not None:
            raise self.refusal
        self.minted += 1
        return Secret(f"ek_{self.minted}")

    async def take(self, **kwargs: Any) -> str:
        return (
            await self.tokens.take(KEY, ENDPOINT, kwargs.pop("model", MODEL), **kwargs)
        ).reveal()


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(monkeypatch)


async def test_a_token_that_was_fetched_in_advance_is_used_once(service: Service) -> None:
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    assert [await service.take(), await service.take()] == ["ek_1", "ek_2"]
    assert service.minted == 2


async def test_a_start_waits_for_a_token_that_is_being_fetched(service: Service) -> None:
    service.open.clear()
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    taking = asyncio.ensure_future(service.take())
    await asyncio.sleep(0)
    service.open.set()
    assert await taking == "ek_1"
    assert service.minted == 1


async def test_an_old_token_is_replaced(service: Service) -> None:
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    await asyncio.sleep(0)
    service.now += FRESH_S
    assert await service.take() == "ek_2"


@pytest.mark.parametrize("changed", [{"model": OTHER}, {"budget": 20.0}])
async def test_a_token_for_another_model_or_budget_is_not_used(
    service: Service, changed: dict[str, Any]
) -> None:
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    await asyncio.sleep(0)
    assert await service.take(**changed) == "ek_2"


async def test_a_token_that_could_not_be_fetched_in_advance_is_fetched_by_the_start(
    service: Service,
) -> None:
    service.refusal = AuthenticationError("The service refused the API key.")
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    await asyncio.sleep(0.001)
    service.refusal = None
    assert await service.take() == "ek_1"
    service.refusal = AuthenticationError("The service refused the API key.")
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    with pytest.raises(AuthenticationError):
        await service.take()


async def test_no_token_is_fetched_when_the_key_is_a_client_token(service: Service) -> None:
    service.tokens.prepare(Secret("ek_given"), ENDPOINT, MODEL)
    await asyncio.sleep(0)
    assert service.minted == 0


async def test_closing_discards_the_token_and_the_repr_hides_it(service: Service) -> None:
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    await asyncio.sleep(0)
    assert "_" not in repr(service.tokens)
    service.tokens.close()
    assert await service.take() == "ek_2"
