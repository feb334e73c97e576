"""HTTP and WebSocket on one port.

The websockets library answers GET requests without a body, but it never reads a request's body, and
``POST /v1/client/tokens`` has one. So the first bytes of each connection are parsed here, with h11:
a WebSocket upgrade is passed on to websockets unchanged, every other request is read to its end and
answered here. A connection serves one plain request; then it is closed.
"""

from __future__ import annotations

import asyncio
import http
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, cast

import h11
from websockets.asyncio.server import ServerConnection
from websockets.version import version as websockets_version

from decart_widget.diagnostics.redaction import trace
from decart_widget.errors import SandboxError

logger = logging.getLogger(__name__)

LARGEST_HEAD: Final = 16 * 1024
"""Bytes of request line and headers: more than any client sends, little enough for every one."""

LARGEST_BODY: Final = 64 * 1024
"""Bytes of a request's body; a request for a client token has a few hundred."""

LARGEST_UPLOAD: Final = 64 * 1024 * 1024
"""Bytes of the body of a request that brings pictures or a clip."""


@dataclass(frozen=True)
class HttpRequest:
    """A request; of a WebSocket upgrade the head only.

    Attributes:
        method: Such as ``POST``.
        path: The request target, with its query.
        headers: By lower-case name; the values of a repeated header are joined with commas
            (RFC 9110, 5.3).
        body: What came with it.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def is_websocket(self) -> bool:
        """Whether it asks for an upgrade to WebSocket."""
        return "websocket" in self.headers.get("upgrade", "").lower()


@dataclass(frozen=True)
class HttpResponse:
    """Status, body (JSON unless ``content_type`` says otherwise) and further headers."""

    status: int
    body: str | bytes = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class HttpExchange:
    """One request and its response as bytes, without a socket.

    Args:
        largest_body: Returns how many bytes the body of a request may have, by its head.

    Attributes:
        received: Everything that came up to the end of the head, and what came with its last
            packet.
    """

    def __init__(
        self, largest_body: Callable[[HttpRequest], int] = lambda _head: LARGEST_BODY
    ) -> None:
        self.received = b""
        self._largest_body = largest_body
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        self._head: HttpRequest | None = None
        self._body = bytearray()

    def receive(self, data: bytes) -> HttpRequest | HttpResponse | None:
        """Parse what came.

        Args:
            data: The next bytes of the connection. Don't call again after a result.

        Returns:
            The request when it is complete (a WebSocket upgrade: when its head is), the response
            that refuses it, or None while there is more to come.
        """
        try:
            self._http.receive_data(data)
            if self._head is None:
                self.received += data
                event = self._http.next_event()
                if not isinstance(event, h11.Request):
                    return None
                self._head = head = _request(event)
                refusal = self._refuse(event, head)
                if refusal is not None or head.is_websocket:
                    return refusal or head
            return self._read_body(self._head)
        except h11.RemoteProtocolError as error:
            return HttpResponse(error.error_status_hint)

    def encode(self, response: HttpResponse) -> bytes:
        """The bytes of a response, which is the last thing on its connection."""
        body = response.body if isinstance(response.body, bytes) else response.body.encode()
        headers = {
            "Content-Type": response.content_type,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            **response.headers,
        }
        reason = http.HTTPStatus(response.status).phrase
        head = h11.Response(
            status_code=response.status, headers=list(headers.items()), reason=reason
        )
        is_head = self._head is not None and self._head.method == "HEAD"
        events = [head, h11.Data(data=b"" if is_head else body), h11.EndOfMessage()]
        return b"".join(self._http.send(event) or b"" for event in events)

    def _refuse(self, event: h11.Request, head: HttpRequest) -> HttpResponse | None:
        rest, _ = self._http.trailing_data
        if len(self.received) - len(rest) > LARGEST_HEAD:  # h11 measures incomplete heads only
            return HttpResponse(431)
        if not event.http_version.startswith(b"1."):
            return HttpResponse(400)
        if head.is_websocket:
            return None
        if "transfer-encoding" in head.headers:
            return HttpResponse(411)
        if int(head.headers.get("content-length", "0")) > self._largest_body(head):
            return HttpResponse(413)
        return None

    def _read_body(self, head: HttpRequest) -> HttpRequest | None:
        while isinstance(event := self._http.next_event(), h11.Data):
            self._body += event.data
        if not isinstance(event, h11.EndOfMessage):
            return None
        return HttpRequest(head.method, head.path, head.headers, bytes(self._body))


class HttpOrWebSocketConnection(ServerConnection):
    """A connection that answers plain HTTP itself and becomes a WebSocket on an upgrade request.

    It overrides the two methods of ``asyncio.Protocol`` that websockets' connection inherits;
    `connection_class` checks that it still does. The time that websockets allows for the opening
    handshake (``open_timeout``) bounds plain requests too.

    Attributes:
        answer: Answers the plain requests; set on a subclass by `connection_class`.
        largest_body: As for `HttpExchange`; likewise.
    """

    answer: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]
    largest_body: Callable[[HttpRequest], int]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio when the connection is accepted."""
        self._exchange = HttpExchange(type(self).largest_body)
        self._is_websocket = False
        self._is_answered = False
        self._socket_transport = cast(asyncio.Transport, transport)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with each packet."""
        if self._is_websocket:
            super().data_received(data)
            return
        result = None if self._is_answered else self._exchange.receive(data)
        if isinstance(result, HttpResponse):
            self._respond(result)
        elif result is not None and result.is_websocket:
            self._is_websocket = True
            super().data_received(self._exchange.received)
            del self._exchange
        elif result is not None:
            answer = type(self).answer(result)
            if isinstance(answer, HttpResponse):
                self._respond(answer)
            else:
                self._is_answered = True
                self._answering = asyncio.ensure_future(self._respond_later(answer))

    async def _respond_later(self, answer: Awaitable[HttpResponse]) -> None:
        try:
            response = await answer
        except Exception as error:
            logger.error("a request could not be answered\n%s", trace(error))
            response = HttpResponse(500)
        if not self._socket_transport.is_closing():
            self._respond(response)

    def _respond(self, response: HttpResponse) -> None:
        self._is_answered = True
        self._socket_transport.write(self._exchange.encode(response))
        self._socket_transport.close()


def connection_class(
    answer: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]],
    largest_body: Callable[[HttpRequest], int] = lambda _head: LARGEST_BODY,
) -> type[HttpOrWebSocketConnection]:
    """A class for ``websockets.serve(create_connection=…)``.

    Args:
        answer: Called on the event loop with each plain request; it must not block. What it
            returns may be awaitable, for as long as websockets allows for an opening handshake.
        largest_body: As for `HttpExchange`.

    Raises:
        SandboxError: This release of websockets doesn't let a connection see its first bytes.
    """
    if not issubclass(ServerConnection, asyncio.Protocol):
        raise SandboxError(
            f"The local server can't answer HTTP with websockets {websockets_version}: its "
            "connections are no asyncio.Protocol any more.",
            remedy="Install a release that decart-widget declares: pip install 'websockets<18'.",
        )
    members = {"answer": staticmethod(answer), "largest_body": staticmethod(largest_body)}
    return type("Connection", (HttpOrWebSocketConnection,), members)


def _request(event: h11.Request) -> HttpRequest:
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:  # h11 gives names in lower case
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return HttpRequest(event.method.decode("ascii"), event.target.decode("ascii"), headers)
