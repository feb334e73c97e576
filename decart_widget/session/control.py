"""The control channel: a WebSocket with JSON text frames.

A thin shell: frames in, frames out, and every way in which it can break becomes one of our errors
without the URL in it, because the URL carries a client token.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from decart_widget.diagnostics.secrets import Secret, redact
from decart_widget.errors import (
    ConnectionLostError,
    DecartError,
    ProtocolError,
    TransportError,
)
from decart_widget.protocol.messages import ClientMessage, encode
from decart_widget.protocol.retry import closed_error, service_error

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MAX_FRAME_BYTES: Final = 16 * 2**20
"""A larger frame closes the channel; one above ``messages.MAX_FRAME`` is merely ignored."""

CLOSE_TIMEOUT: Final = 2.0

# The library logs requests with their URL at DEBUG; the URL carries a token.
_silent = logging.getLogger("decart_widget.session.wire")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False
_silent.setLevel(logging.CRITICAL + 1)


class ControlChannel:
    """An open control channel; made by ``open_control``."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, message: ClientMessage) -> None:
        """Sends one message. Raises ``ConnectionLostError`` or what the service closed with."""
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(encode(message))
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def frames(self) -> AsyncIterator[str | bytes]:
        """What the service sends, until the channel closes; then raises why."""
        from websockets.exceptions import ConnectionClosed

        while True:
            try:
                frame = await self._connection.recv()
            except ConnectionClosed as closed:
                raise _closed(closed) from None
            yield frame

    async def answers(self, timeout: float) -> bool:
        """Whether the other end answers a ping within so many seconds."""
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
    if received is None and sent is not None and sent.code == 1009:
        return ProtocolError(
            f"The service sent a message of more than {MAX_FRAME_BYTES / 2**20:g} MiB."
        )
    if received is None:
        return closed_error(None, "")
    return closed_error(received.code, received.reason)


@asynccontextmanager
async def open_control(
    url: Secret, name: str, timeout: float, *, direct: bool = False
) -> AsyncIterator[ControlChannel]:
    """The control channel of a session, closed at the end of the block.

    Args:
        url: With the client token in its query.
        name: What to call the service in errors.
        timeout: Seconds for TCP, TLS and the WebSocket handshake together.
        direct: Whether to pass by a proxy that the environment names.

    Raises ``AuthenticationError``, ``AtCapacityError``, another ``ServiceError``, or
    ``TransportError``.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException

    failure: DecartError | None = None
    connection: ClientConnection | None = None
    try:
        connection = await connect(
            url.reveal(),
            open_timeout=timeout,
            close_timeout=CLOSE_TIMEOUT,
            max_size=MAX_FRAME_BYTES,
            max_queue=64,
            compression=None,
            logger=_silent,
            user_agent_header=None,
            proxy=None if direct else True,
        )
    except TimeoutError:
        failure = TransportError(f"{name} did not answer within {timeout:.0f} s.")
    except InvalidStatus as refused:
        status = refused.response.status_code
        body = bytes(refused.response.body or b"")[:300].decode("utf-8", "replace")
        failure = service_error(f"HTTP {status}: {body}", 1013 if status == 503 else None)
    except InvalidHandshake as error:
        failure = TransportError(f"{name} is no realtime service ({redact(str(error))[:200]}).")
    except (OSError, WebSocketException) as error:
        shown = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        failure = TransportError(f"{name} can't be reached ({redact(shown)[:200]}).")
    if failure is not None or connection is None:
        # Outside the handlers, so that no exception with the URL hangs on ours.
        raise failure or ConnectionLostError(f"{name} can't be reached.")
    try:
        yield ControlChannel(connection)
    finally:
        with suppress(Exception):
            # Shielded: a cancelled session must still say goodbye, or it goes on being billed.
            await asyncio.shield(connection.close())
