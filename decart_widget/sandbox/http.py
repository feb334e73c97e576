"""HTTP and WebSocket on one port.

The websockets library answers plain GET requests, but it never reads a request's body. So each
connection is looked at first: a WebSocket upgrade is handed on untouched, every other request is
read whole and answered here.
"""

from __future__ import annotations

import http
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection

if TYPE_CHECKING:
    import asyncio

#: More than any client sends, little enough to hold for every connection.
LARGEST_HEAD = 16 * 1024
LARGEST_BODY = 64 * 1024

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True)
class HttpRequest:
    """A request that is no WebSocket upgrade. Header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class HttpResponse:
    """Status, text (JSON unless ``content_type`` says otherwise) and further headers."""

    status: int
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def encode(self) -> bytes:
        """The bytes on the wire; the connection closes after them."""
        body = self.body.encode()
        head = [
            f"HTTP/1.1 {self.status} {http.HTTPStatus(self.status).phrase}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "Connection: close",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join(head).encode() + _END_OF_HEAD + body


class HttpOrWebSocketConnection(ServerConnection):
    """A connection that answers HTTP by itself and becomes a WebSocket when that is asked for.

    Attributes:
        answer: Answers the plain requests; set on a subclass by `connection_class`.
    """

    answer: Callable[[HttpRequest], HttpResponse]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._received = b""
        self._is_websocket = False
        self._answered = False
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:  # noqa: D102
        if self._is_websocket:
            super().data_received(data)
        elif not self._answered:
            self._received += data
            self._decide()

    def _decide(self) -> None:
        head, end, body = self._received.partition(_END_OF_HEAD)
        if len(head) > LARGEST_HEAD:
            self._reply(HttpResponse(431))
            return
        if not end:
            return
        request = _parse(head)
        if request is None:
            self._reply(HttpResponse(400))
        elif "websocket" in request.headers.get("upgrade", "").lower():
            self._is_websocket = True
            received, self._received = self._received, b""
            super().data_received(received)
        elif "transfer-encoding" in request.headers:
            self._reply(HttpResponse(411))
        else:
            length = request.headers.get("content-length", "0")
            if not length.isdecimal():
                self._reply(HttpResponse(400))
            elif int(length) > LARGEST_BODY:
                self._reply(HttpResponse(413))
            elif len(body) >= int(length):
                whole = HttpRequest(
                    request.method, request.path, request.headers, body[: int(length)]
                )
                self._reply(type(self).answer(whole))

    def _reply(self, response: HttpResponse) -> None:
        self._answered = True
        self._received = b""
        self.transport.write(response.encode())
        self.transport.close()


def connection_class(
    answer: Callable[[HttpRequest], HttpResponse],
) -> type[HttpOrWebSocketConnection]:
    """A connection class, for ``websockets.serve(create_connection=…)``, that uses ``answer``."""
    return type("Connection", (HttpOrWebSocketConnection,), {"answer": staticmethod(answer)})


def _parse(head: bytes) -> HttpRequest | None:
    try:
        first, *rest = head.decode("latin-1").split("\r\n")
        method, path, protocol = first.split(" ")
        pairs = [line.split(":", 1) for line in rest]
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
    except ValueError:
        return None
    return HttpRequest(method, path, headers) if protocol.startswith("HTTP/1.") else None
