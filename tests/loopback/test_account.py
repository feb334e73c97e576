"""The account's quota, and models that the service knows and this version doesn't list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from decart_widget import DecartWidget
from decart_widget.errors import AuthenticationError, TransportError, UnknownModelError
from decart_widget.inputs.secrets import Secret
from decart_widget.sandbox import Faults, Sandbox, serve
from decart_widget.session.account import Quota, quota, resolve_model
from decart_widget.session.endpoints import Endpoint, parse_endpoint
from tests.loopback.test_before_start import KEY, LIMIT, STREAM, TOKEN, from_page
from tests.pure import widget_helpers

RESOLVE = "POST /v1/models/resolve"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as running:
        yield running


@pytest.fixture
def make(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> Iterator[Callable[..., DecartWidget]]:
    """Makes widgets that a page has begun to show."""
    import comm

    made: list[DecartWidget] = []

    def make(model: str) -> DecartWidget:
        with pytest.warns(UserWarning, match="not listed"):
            widget = DecartWidget(model, endpoint=sandbox, api_key=KEY)
        made.append(widget)
        from_page(widget, "hello", protocol=1, version="1", page={})
        return widget

    monkeypatch.setattr("decart_widget.models._warned", set())
    monkeypatch.setattr(
        comm, "create_comm", lambda **options: widget_helpers.RecordingComm(**options)
    )
    yield make
    for widget in made:
        widget.close()
    widget_helpers.settle()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT):
        while not holds():
            await asyncio.sleep(0.02)


async def test_the_quota_is_that_of_the_key_s_organisation(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(quota=3)
    endpoint = parse_endpoint(sandbox)
    assert await quota(Secret(KEY), endpoint) == Quota(limit=3, active=0, remaining=3)
    with pytest.raises(AuthenticationError):
        await quota(Secret("dct_another_key"), endpoint)
    widget = DecartWidget(endpoint=sandbox, api_key=KEY)
    assert (await widget.quota()).remaining == 3
    widget.close()


async def test_a_name_is_resolved_and_an_unknown_one_is_refused_with_the_choices(
    sandbox: Sandbox,
) -> None:
    endpoint = parse_endpoint(sandbox)
    assert await resolve_model("lucy-latest", endpoint) == "lucy-2.6"
    with pytest.raises(UnknownModelError) as caught:
        await resolve_model("lucy-9", endpoint)
    assert "lucy-" in caught.value.remedy
    with pytest.raises(TransportError):
        await resolve_model("lucy-9", Endpoint("test", "http://127.0.0.1:9", "ws://127.0.0.1:9"))


async def test_a_model_that_the_service_knows_is_accepted_before_the_start(
    sandbox: Sandbox, make: Callable[[str], DecartWidget]
) -> None:
    sandbox.faults = Faults(new_model="lucy-2.7")
    widget = make("lucy-2.7")
    await until(lambda: TOKEN in sandbox.stats()["requests"])
    assert widget.resolved_model == "lucy-2.7"
    assert "known to the service" in widget.log.text("info")
    from_page(widget, "start")
    await until(lambda: STREAM in sandbox.stats()["requests"])
    assert sandbox.stats()["requests"] == [RESOLVE, TOKEN, STREAM]


async def test_a_model_that_the_service_does_not_know_is_an_error_before_the_start(
    sandbox: Sandbox, make: Callable[[str], DecartWidget]
) -> None:
    widget = make("lucy-9")
    await until(lambda: widget.error)
    error: dict[str, Any] = widget.error
    assert error["code"] == "unknown-model"
    assert "lucy-" in error["remedy"]
    assert await widget.connect() == "error"
    assert widget.error == error
    assert set(sandbox.stats()["requests"]) == {RESOLVE}
