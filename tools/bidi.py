"""WebDriver BiDi: commands to a browser and its events, over one WebSocket.

The protocol is JSON (https://w3c.github.io/webdriver-bidi/): each command has an `id`, which its
result repeats; events have a `method` and no `id`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from typing import Any, Self

import websockets


class BidiError(RuntimeError):
    """The browser refused a command or has ended; the message is the browser's own."""


def to_remote(value: Any) -> dict[str, Any]:
    """A text or number as an argument of a script, in the protocol's notation."""
    return {"type": "string" if isinstance(value, str) else "number", "value": value}


class Connection:
    """A connection to a browser. Use it in `async with`, which closes it.

    Args:
        socket: An open WebSocket.
        on_event: Called with the method and the parameters of each event.
    """

    def __init__(
        self, socket: websockets.ClientConnection, on_event: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._socket = socket
        self._on_event = on_event
        self._ids = itertools.count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        if self._reading is not None:
            await self._reading

    async def ask(self, method: str, /, *, timeout: float = 60.0, **parameters: Any) -> Any:
        """Sends a command and returns its result.

        Raises:
            BidiError: The browser refused it, or has ended.
            TimeoutError: There was no result within `timeout` seconds.
        """
        number = next(self._ids)
        result = asyncio.get_running_loop().create_future()
        self._results[number] = result
        command = {"id": number, "method": method, "params": parameters}
        try:
            await self._socket.send(json.dumps(command))
        except websockets.ConnectionClosed as closed:
            raise BidiError("the browser has ended") from closed
        return await asyncio.wait_for(result, timeout)

    async def _read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in self._socket:
                message = json.loads(text)
                if message["type"] == "event":
                    self._on_event(message["method"], message["params"])
                    continue
                result = self._results.pop(message.get("id") or 0, None)
                if result is None or result.done():
                    continue
                if message["type"] == "success":
                    result.set_result(message["result"])
                else:
                    result.set_exception(BidiError(f"{message['error']}: {message['message']}"))
        for result in self._results.values():
            if not result.done():
                result.set_exception(BidiError("the browser has ended"))
