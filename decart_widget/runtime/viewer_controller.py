"""The controller of one viewer: each page that shows it subscribes to the room separately.

A viewer has no camera and no session, and nothing is billed for it. So none of its pages is an
owner: each gets a token of its own and, when its connection breaks, a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from decart_widget.diagnostics.log import Log
from decart_widget.errors import ConnectionLostError, DecartError, internal_error
from decart_widget.models import RealtimeModel
from decart_widget.options import ConnectionOptions, VideoOptions
from decart_widget.page.chunks import requested
from decart_widget.page.messages import (
    MalformedError,
    Send,
    end,
    prepare,
    read,
    room_to_join,
    welcome,
)
from decart_widget.page.rate_limit import Gate
from decart_widget.protocol.retry import delays, is_permanent
from decart_widget.protocol.states import ConnectionState
from decart_widget.runtime.destination import Destination
from decart_widget.runtime.trait_updates import Coalescer
from decart_widget.session.media import Preparation
from decart_widget.session.subscribe import Subscription, request_viewer_room

MAX_PAGES: Final = 16
"""Pages kept per viewer; when there are more, the oldest is forgotten."""

_ORDER: Final = (
    ConnectionState.GENERATING,
    ConnectionState.CONNECTED,
    ConnectionState.CONNECTING,
    ConnectionState.RECONNECTING,
    ConnectionState.ERROR,
    ConnectionState.DISCONNECTED,
    ConnectionState.IDLE,
)
"""States of pages by precedence; the trait shows the first of these that any page has."""


@dataclass
class ViewerPage:
    """A page that shows the viewer.

    Attributes:
        state: The state of its connection.
        attempt: The current attempt's number; None without one.
        task: Subscribes, again after each loss.
        broken: Set when the current attempt's connection is lost.
        established: Set when the current attempt has shown a picture.
    """

    state: ConnectionState = ConnectionState.IDLE
    attempt: int | None = None
    task: asyncio.Task[None] | None = None
    broken: asyncio.Event | None = None
    established: asyncio.Event | None = None


class ViewerController:
    """Runs one viewer on the background loop.

    Args:
        subscription: The session that is shown.
        destination: The service, and its key.
        send: Sends a message to the viewer's pages.
        publish: Sets traits.
        connection: ICE servers and time-outs.
        log: Receives an entry for each change.
    """

    def __init__(
        self,
        subscription: Subscription,
        destination: Destination,
        send: Send,
        publish: Callable[[dict[str, Any]], None],
        connection: ConnectionOptions,
        log: Log | None = None,
    ) -> None:
        self.log = Log() if log is None else log
        self._gate = Gate()
        self._subscription = subscription
        self._destination = destination
        self._send = send
        self._connection = connection
        self._pages: dict[str, ViewerPage] = {}
        self._attempt = 0
        self._error: DecartError | None = None
        self._traits = Coalescer(publish, {"connection_state": "idle", "error": {}})

    def receive(self, content: object, _data: bytes | None = None, /) -> None:
        """Handles a message from any page. Never raises for what the page sends."""
        try:
            message = read(content)
        except MalformedError as bad:
            self._drop(str(bad))
            return
        kind, name = message["type"], message["page_id"]
        if not self._gate.allows(kind, time.monotonic()):
            self._drop(f"too many {kind}")
            return
        if kind == "need":
            chunk = requested(message["name"], message["hash"])
            if chunk is not None:
                self._send(chunk.message(), [chunk.data])
            return
        if kind == "hello":
            page = self._page(name)
            self._send(welcome(name, owner=True, attempt=page.attempt))
            return
        page = self._page(name)
        if kind == "start":
            self._start(name, page)
        elif kind in ("stop", "pagehide"):
            self._stop(page)
        elif kind in ("media", "refused") and message["attempt"] == page.attempt:
            self._media(page, message)
        else:
            self._drop(f"{kind} of a viewer")

    async def close(self) -> None:
        """Leaves the room in every page."""
        for page in self._pages.values():
            self._stop(page)
        await asyncio.to_thread(self._destination.close)

    # --- inside -------------------------------------------------------------------------------

    def _page(self, name: str) -> ViewerPage:
        if name not in self._pages and len(self._pages) >= MAX_PAGES:
            self._stop(self._pages.pop(next(iter(self._pages))))
        return self._pages.setdefault(name, ViewerPage())

    def _start(self, name: str, page: ViewerPage) -> None:
        if page.task is None or page.task.done():
            page.task = asyncio.ensure_future(self._subscribe(name, page))

    def _stop(self, page: ViewerPage) -> None:
        if page.task is not None:
            page.task.cancel()
        if page.attempt is not None:
            self._send(end(page.attempt, "stopped", keep_camera=False))
        page.attempt = None
        self._move(page, ConnectionState.DISCONNECTED)

    def _media(self, page: ViewerPage, message: dict[str, Any]) -> None:
        state = message.get("state", "failed")
        if state == "connected":
            self._move(page, ConnectionState.CONNECTED)
        elif state == "first-frame":
            self._move(page, ConnectionState.GENERATING)
            if page.established is not None:
                page.established.set()
        elif state == "reconnecting":
            self._move(page, ConnectionState.RECONNECTING)
        elif state in ("failed", "ended") and page.broken is not None:
            page.broken.set()

    async def _subscribe(self, name: str, page: ViewerPage) -> None:
        """Joins the room, and again after each loss, until the session is over."""
        self._move(page, ConnectionState.CONNECTING)
        error: DecartError
        try:
            while True:
                # An attempt that has shown a picture restarts the series of delays; without one,
                # the error is shown after the last delay.
                for delay in delays():
                    seen, error = await self._join(name, page)
                    if is_permanent(error) or error.code == "session-over":
                        self._fail(page, error)
                        return
                    self._move(page, ConnectionState.RECONNECTING)
                    await asyncio.sleep(delay)
                    if seen:
                        break
                else:
                    self._fail(page, error)
                    return
        except asyncio.CancelledError:
            raise
        except Exception as unexpected:
            self.log.crash("The viewer failed", unexpected)
            self._fail(page, internal_error(unexpected))

    async def _join(self, name: str, page: ViewerPage) -> tuple[bool, DecartError]:
        """Runs one attempt to its end.

        Returns:
            Whether a picture was seen, and why the attempt ended.
        """
        self._attempt += 1
        attempt = page.attempt = self._attempt
        page.broken, page.established = asyncio.Event(), asyncio.Event()
        try:
            endpoint, key = await self._destination.open()
            preparation = Preparation(
                "livekit",
                RealtimeModel("viewer"),
                VideoOptions.for_transport("livekit"),
                self._connection.rtc_for(loopback=endpoint.is_loopback),
                self._connection.connection_timeout,
            )
            self._send(prepare(name, attempt, preparation))
            room = await request_viewer_room(self._subscription, endpoint, key)
            self._send(room_to_join(name, attempt, room))
            await page.broken.wait()
        except DecartError as error:
            return False, error
        finally:
            self._send(end(attempt, "reconnecting", keep_camera=False))
        return page.established.is_set(), ConnectionLostError("The picture's connection broke.")

    def _fail(self, page: ViewerPage, error: DecartError) -> None:
        page.attempt = None
        self._error = error
        self.log.add("error", error.message, code=error.code)
        self._move(page, ConnectionState.ERROR)

    def _move(self, page: ViewerPage, state: ConnectionState) -> None:
        if state is not page.state:
            self.log.add("info", state.value, attempt=page.attempt)
        page.state = state
        states = {each.state for each in self._pages.values()}
        shown = next((s for s in _ORDER if s in states), ConnectionState.IDLE)
        error = self._error if shown is ConnectionState.ERROR else None
        self._traits.update(
            {
                "connection_state": shown.value,
                "error": {} if error is None else error.as_trait(),
            }
        )

    def _drop(self, reason: str) -> None:
        self.log.refuse(f"page: {reason}")
