"""Client tokens that are fetched in advance: used while fresh, and never a reason to fail."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from decart_widget.errors import AuthenticationError, DecartError, ProtocolError
from decart_widget.inputs.secrets import Secret
from decart_widget.models import MODELS
from decart_widget.session import tokens as module
from decart_widget.session.clock import clock
from decart_widget.session.endpoints import Endpoint
from decart_widget.session.tokens import (
    MARGIN_S,
    RENEW_BELOW_S,
    TOKEN_LIFETIME_S,
    Tokens,
    client_token,
)

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


async def arrived() -> None:
    """Lets a fetch that the service answers at once arrive."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_token_is_fetched_once_and_used_until_it_is_too_old(service: Service) -> None:
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    assert [await service.take(), await service.take()] == ["ek_1", "ek_1"]
    service.now += TOKEN_LIFETIME_S - MARGIN_S
    assert [await service.take(), await service.take()] == ["ek_2", "ek_2"]
    assert service.minted == 2


async def test_a_start_waits_for_a_token_that_is_being_fetched(service: Service) -> None:
    service.open.clear()
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    taking = asyncio.ensure_future(service.take())
    await asyncio.sleep(0)
    service.open.set()
    assert await taking == "ek_1"
    assert service.minted == 1


async def test_a_start_that_is_stopped_leaves_the_token_to_the_next_one(service: Service) -> None:
    service.open.clear()
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    taking = asyncio.ensure_future(service.take())
    await asyncio.sleep(0)
    taking.cancel()
    service.open.set()
    assert await service.take() == "ek_1"
    assert service.minted == 1


async def test_a_page_that_shows_the_widget_keeps_the_token_fresh(service: Service) -> None:
    every_s = 600  # as js/src/session/hints.ts
    for _ in range(13):  # two hours
        service.tokens.prepare(KEY, ENDPOINT, MODEL)
        await arrived()
        taken, minted = await service.take(), service.minted
        assert taken == f"ek_{minted}"
        service.now += every_s
    assert service.minted == 4, "renewed every 40 minutes"


async def test_while_a_token_is_renewed_the_old_one_is_used(service: Service) -> None:
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    await arrived()
    service.now += TOKEN_LIFETIME_S - RENEW_BELOW_S
    service.open.clear()
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    assert await service.take() == "ek_1"
    service.open.set()
    await arrived()
    assert await service.take() == "ek_2"


async def test_a_token_that_was_refused_is_fetched_anew(service: Service) -> None:
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    await arrived()
    service.tokens.discard(Secret("ek_other"))
    assert await service.take() == "ek_1"
    service.tokens.discard(Secret("ek_1"))
    assert await service.take() == "ek_2"


def test_the_age_of_a_token_is_measured_by_a_clock_that_counts_during_sleep() -> None:
    assert inspect.signature(Tokens).parameters["now"].default is clock


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"token": "eyJ.signed.jwt", "apiKey": "ek_key"}, "eyJ.signed.jwt"),
        ({"token": "eyJ." + "x" * 5000, "apiKey": "ek_key"}, "eyJ." + "x" * 5000),
        ({"apiKey": "ek_key"}, "ek_key"),
        ({"token": None, "apiKey": "ek_key"}, "ek_key"),
        ({"token": "", "apiKey": "ek_key"}, "ek_key"),
        ({"token": "eyJ.signed.jwt"}, "eyJ.signed.jwt"),
        ({"token": "a b", "apiKey": 5}, None),
        ({}, None),
    ],
)
async def test_the_signed_token_is_used_and_the_api_key_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], expected: str | None
) -> None:
    sent: list[Any] = []

    async def exchange(_url: str, _key: Secret, body: Any, **_: Any) -> dict[str, Any]:
        sent.append(body)
        return dict(answer)

    monkeypatch.setattr(module, "exchange", exchange)
    if expected is None:
        with pytest.raises(ProtocolError):
            await client_token(KEY, ENDPOINT, MODEL)
    else:
        assert (await client_token(KEY, ENDPOINT, MODEL, budget=61.5)).reveal() == expected
        assert sent == [
            {
                "expiresIn": 3600,
                "allowedModels": ["lucy-latest"],
                "constraints": {"realtime": {"maxSessionDuration": 62}},
            }
        ]


@pytest.mark.parametrize("changed", [{"model": OTHER}, {"budget": 20.0}])
async def test_a_token_for_another_model_or_budget_is_not_used(
    service: Service, changed: dict[str, Any]
) -> None:
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    await arrived()
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
    service.tokens.close()
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    with pytest.raises(AuthenticationError):
        await service.take()


async def test_no_token_is_fetched_when_the_key_is_a_client_token(service: Service) -> None:
    service.tokens.prepare(Secret("ek_given"), ENDPOINT, MODEL)
    await asyncio.sleep(0)
    assert service.minted == 0


async def test_closing_discards_the_token_and_the_repr_hides_it(service: Service) -> None:
    service.tokens.prepare(KEY, ENDPOINT, MODEL)
    await arrived()
    assert "_" not in repr(service.tokens)
    service.tokens.close()
    assert await service.take() == "ek_2"
