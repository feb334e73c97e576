"""The control channel: a WebSocket with JSON text frames.

It sends and receives frames, and converts every failure of the socket into an error of this package
that doesn't contain the URL, because the URL contains a client token.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import (
    ConnectionLostError,
    DecartError,
    ProtocolError,
    TransportError,
)
from decart_widget.inputs.proxies import (
    check_certificates,
    connection_error,
    proxy_for,
    refused_by_proxy,
)
from decart_widget.inputs.secrets import Secret
from decart_widget.protocol.codec import encode
from decart_widget.protocol.messages import ClientMessage
from decart_widget.protocol.retry import (
    CAPACITY_CLOSE_CODE,
    REDIRECTS,
    closed_error,
    redirect_error,
    service_error,
)
from decart_widget.session.endpoints import need_private

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MAX_FRAME_BYTES: Final = 16 * 2**20
"""A larger frame closes the channel; one above ``codec.MAX_FRAME`` is merely ignored."""

MAX_QUEUED_FRAMES: Final = 64
"""Frames received and not yet read before the library stops reading the socket."""

MESSAGE_TOO_BIG: Final = 1009
"""WebSocket close code (RFC 6455) with which our side rejects a frame that is too large."""

CLOSE_TIMEOUT_S: Final = 2.0
"""Seconds that the closing handshake may take."""

_MAX_TEXT: Final = 200
"""Characters of a library's error text that our errors quote."""

# The library logs requests with their URL at DEBUG, and the URL carries a token.
_wire_logger = logging.getLogger("decart_widget.session.wire")
_wire_logger.addHandler(logging.NullHandler())
_wire_logger.propagate = False
_wire_logger.setLevel(logging.CRITICAL + 1)


class ControlChannel:
    """An open control channel; created by ``open_control``."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, message: ClientMessage) -> None:
        """Sends one message.

        Raises:
            ConnectionLostError: The channel is closed.
            ServiceError: The service closed it with a reason.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(encode(message))
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def frames(self) -> AsyncIterator[str | bytes]:
        """Iterates over the service's frames until the channel closes.

        Yields:
            One frame: text, or bytes for a binary one.

        Raises:
            ConnectionLostError: The channel has closed.
            ServiceError: The service closed it with a reason.
        """
        from websockets.exceptions import ConnectionClosed

        while True:
            try:
                frame = await self._connection.recv()
            except ConnectionClosed as closed:
                raise _closed(closed) from None
            yield frame

    async def answers(self, timeout: float) -> bool:
        """Returns whether the service answers a ping within ``timeout`` seconds."""
        from websockets.exceptions import ConnectionClosed

        try:
            async with asyncio.timeout(timeout):
                await (await self._connection.ping())
        except (ConnectionClosed, TimeoutError):
            return False
        return True


def _closed(closed: object) -> DecartError:
    received = getattr(closed, "rcvd", None)
    sent = getattr(closed, "sent", None)
    if received is None and sent is not None and sent.code == MESSAGE_TOO_BIG:
        return ProtocolError(
            f"The service sent a message of more than {MAX_FRAME_BYTES / 2**20:g} MiB."
        )
    if received is None:
        return closed_error(None, "")
    return closed_error(received.code, received.reason)


@asynccontextmanager
async def open_control(url: Secret, name: str, timeout: float) -> AsyncIterator[ControlChannel]:
    """Opens a session's control channel and closes it at the end of the block.

    Args:
        url: The WebSocket's URL, with the client token in its query.
        name: The service's name in errors.
        timeout: Seconds for TCP, TLS and the WebSocket handshake together.

    Yields:
        The open channel.

    Raises:
        AuthenticationError: The service refused the token.
        AtCapacityError: The service is full.
        ServiceError: The service refused the handshake for another reason.
        TransportError: The service can't be reached, or is no WebSocket server; or the proxy or
            certificates that the environment names can't be used.
        InvalidURLError: The token would travel to another machine in clear text.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import (
        InvalidHandshake,
        InvalidStatus,
        ProxyError,
        WebSocketException,
    )

    class ConnectWithoutRedirects(connect):
        def process_redirect(self, exc: Exception) -> Exception:
            return exc

    need_private(url.reveal())
    proxy = proxy_for(url.reveal())
    if url.reveal().startswith("wss:"):
        check_certificates()
    failure: DecartError | None = None
    connection: ClientConnection | None = None
    try:
        connection = await ConnectWithoutRedirects(
            url.reveal(),
            open_timeout=timeout,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_FRAME_BYTES,
            max_queue=MAX_QUEUED_FRAMES,
            compression=None,
            logger=_wire_logger,
            user_agent_header=None,
            proxy=None if proxy is None else proxy.url,
        )
    except TimeoutError:
        failure = TransportError(f"{name} did not answer within {timeout:.0f} s.")
    except InvalidStatus as refused:
        status = refused.response.status_code
        if status in REDIRECTS:
            failure = redirect_error(name, status)
        else:
            # Whole, because it is redacted before it is cut.
            body = bytes(refused.response.body or b"").decode("utf-8", "replace")
            failure = service_error(
                f"HTTP {status}: {body}", CAPACITY_CLOSE_CODE if status == 503 else None
            )
    except ProxyError as error:
        text = shorten(str(error), _MAX_TEXT)
        failure = TransportError(text) if proxy is None else refused_by_proxy(proxy, text)
    except InvalidHandshake as error:
        text = shorten(str(error), _MAX_TEXT)
        failure = TransportError(f"{name} is no realtime service ({text}).")
    except (OSError, WebSocketException) as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        failure = connection_error(name, shorten(text, _MAX_TEXT), proxy)
    if failure is not None or connection is None:
        # Raised outside the handlers, so that no exception with the URL is chained to it.
        raise failure or ConnectionLostError(f"{name} can't be reached.")
    try:
        yield ControlChannel(connection)
    finally:
        with suppress(Exception):
            # Shielded: a cancelled session must still close its socket, or billing continues.
            await asyncio.shield(connection.close())
