"""What is said about a proxy that doesn't let a connection through; for requests and WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from decart_widget.errors import TransportError
from decart_widget.inputs.reference_image import load_image
from decart_widget.inputs.secrets import Secret
from decart_widget.session.control import open_control
from decart_widget.session.http import exchange

HOST = "service.example.org"


async def request() -> None:
    await exchange(f"https://{HOST}/v1", Secret("dct_MARKER00"), {}, name="decart", timeout=20)


async def web_socket() -> None:
    async with open_control(Secret(f"wss://{HOST}/v1?api_key=ek_MARKER00"), "decart", 20):
        raise AssertionError("not reached")


async def image() -> None:
    await asyncio.to_thread(load_image, f"https://{HOST}/cat.png")


async def plain_image() -> None:
    await asyncio.to_thread(load_image, f"http://{HOST}/cat.png")


class FakeProxy:
    """A proxy that answers every request with the same status line."""

    def __init__(self) -> None:
        self.answer = "407 Proxy Authentication Required"
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n"))
        writer.write(f"HTTP/1.1 {self.answer}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeProxy]:
    fake = FakeProxy()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://user:p4ssw0rd@127.0.0.1:{port}")
    yield fake
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("connect", [request, web_socket, image, plain_image])
async def test_a_proxy_that_demands_a_password_is_named_with_a_remedy(
    proxy: FakeProxy, connect: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    with pytest.raises(TransportError, match="HTTP 407") as caught:
        await connect()
    variable = "HTTP_PROXY" if connect is plain_image else "HTTPS_PROXY"
    assert caught.value.code == "proxy"
    assert variable in caught.value.message
    assert f"{variable} as http://user:password@" in caught.value.remedy
    assert "p4ssw0rd" not in str(caught.value)
    assert "MARKER" not in str(caught.value)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("connect", [request, web_socket, image])
async def test_a_proxy_that_can_t_connect_is_named(
    proxy: FakeProxy, connect: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    proxy.answer = "502 Bad Gateway"
    with pytest.raises(TransportError, match="502") as caught:
        await connect()
    assert caught.value.code == "proxy"
    assert "NO_PROXY" in caught.value.remedy


@pytest.mark.parametrize("connect", [request, web_socket, image, plain_image])
async def test_a_proxy_that_is_not_there_is_named(
    proxy: FakeProxy,
    connect: Callable[[], Coroutine[Any, Any, None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://user:p4ssw0rd@127.0.0.1:9")
    with pytest.raises(TransportError) as caught:
        await connect()
    variable = "HTTP_PROXY" if connect is plain_image else "HTTPS_PROXY"
    assert f"the proxy in {variable}" in caught.value.message.replace("The", "the")
    assert variable in caught.value.remedy
    assert "p4ssw0rd" not in str(caught.value)
    assert proxy.requests == []


async def test_the_service_on_this_machine_is_not_asked_through_the_proxy(proxy: FakeProxy) -> None:
    with pytest.raises(TransportError, match="can't be reached"):
        await exchange("http://127.0.0.1:9/v1", None, {}, name="sandbox", timeout=20)
    with pytest.raises(TransportError, match="can't be reached"):
        async with open_control(Secret("ws://127.0.0.1:9/v1?api_key=ek_MARKER00"), "sandbox", 20):
            raise AssertionError("not reached")
    assert proxy.requests == []
