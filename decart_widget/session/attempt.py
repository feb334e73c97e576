"""One attempt of a session: media, token, control socket, and the wait until it stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from decart_widget.diagnostics.secrets import Secret
from decart_widget.errors import (
    ConnectionLostError,
    ConnectTimeoutError,
    DecartError,
    MediaUnreachableError,
)
from decart_widget.protocol.machine import Phase, SessionMachine
from decart_widget.protocol.messages import ClientMessage, decode
from decart_widget.protocol.waiting import Patience
from decart_widget.session.config import SessionConfig
from decart_widget.session.control import ControlChannel, open_control
from decart_widget.session.media import Media, Preparation

log = logging.getLogger(__name__)

PERSON_PATIENCE: Final = 60.0
"""Seconds that somebody may think about the browser's question for the camera."""

VERIFY_PATIENCE: Final = 3.0
"""Seconds in which a connection that is in doubt must answer."""


class Attempt:
    """One attempt; ``run`` it once.

    Args:
        number: Rises with each attempt of a widget.
        config: What to connect to.
        machine: The session's; this attempt reports what happens on the control socket.
        media: What carries the picture.
        drive: Carries out what the machine says; called after each report.
    """

    def __init__(
        self,
        number: int,
        config: SessionConfig,
        machine: SessionMachine,
        media: Media,
        drive: Callable[[], None],
    ) -> None:
        self.number = number
        self.initial_sent_at = 0.0
        self._config = config
        self._machine = machine
        self._media = media
        self._drive = drive
        self._loop = asyncio.get_running_loop()
        self._control: ControlChannel | None = None
        self._send_lock = asyncio.Lock()
        self._sending: set[asyncio.Task[None]] = set()
        self._moved = asyncio.Event()
        self._broken: asyncio.Future[None] = self._loop.create_future()
        self._broken.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def run(
        self, stop: asyncio.Event, budget: float | None, stands: Callable[[], None]
    ) -> DecartError | None:
        """Works until it breaks, or ``stop`` is set.

        Args:
            stop: Set to end the attempt.
            budget: Seconds that the service may let this session last.
            stands: Called once, when media flows.

        Returns why it broke; None when it was stopped. Everything that it opened is closed.
        """
        work = asyncio.ensure_future(self._work(budget, stands))
        stopped = asyncio.ensure_future(stop.wait())
        try:
            ends: set[asyncio.Future[Any]] = {work, stopped, self._broken}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for future in (work, self._broken):
                if future.done() and (raised := future.exception()) is not None:
                    if isinstance(raised, DecartError):
                        return raised.bare()
                    raise raised
            return None
        finally:
            self._control = None
            await _end(work, stopped)

    def break_off(self, error: DecartError) -> None:
        """Ends the attempt with this error, unless it has ended already."""
        if not self._broken.done():
            self._broken.set_exception(error)

    def send(self, messages: list[ClientMessage]) -> None:
        """Sends messages in order; drops them when the socket is not open."""
        control = self._control
        if messages and control is not None:
            task = asyncio.ensure_future(self._send(control, messages))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    def moved(self) -> None:
        """Something changed that a wait of this attempt may depend on."""
        self._moved.set()

    def verify(self) -> None:
        """Breaks off soon when the control socket doesn't answer; it may have died unnoticed."""
        if self._control is not None:
            task = asyncio.ensure_future(self._verify(self._control))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    def unreachable(self) -> DecartError:
        """The error of a browser that finds no way to the service's media."""
        if self._config.endpoint.is_loopback:
            return MediaUnreachableError(
                "This browser can't reach the local server: it runs on the kernel's machine and "
                "answers there only.",
                remedy="Open the notebook in a browser on that machine, or set DECART_API_KEY to "
                "use the service.",
                code="sandbox-unreachable",
            )
        return MediaUnreachableError("Browser and service found no way to exchange pictures.")

    # --- inside -------------------------------------------------------------------------------

    async def _work(self, budget: float | None, stands: Callable[[], None]) -> None:
        config, limit = self._config, self._config.connection.connection_timeout
        patience = Patience(limit, self._loop.time())
        await self._media.ready(limit)
        # From here on camera and offer are on their way, beside token, socket and first ack.
        self._media.prepare(self.number, self._preparation())
        token = await config.tokens.take(
            config.key, config.endpoint, config.model, budget=budget, timeout=limit
        )
        url = self._url(token)
        open_timeout = max(0.1, patience.remaining(self._loop.time()))
        async with open_control(
            url, config.endpoint.name, open_timeout, direct=config.endpoint.is_loopback
        ) as control:
            self._control = control
            self.initial_sent_at = self._loop.time()
            self._machine.socket_opened()
            self._drive()
            reader = asyncio.ensure_future(self._read(control, token))
            try:
                await self._until_established(patience, reader)
                log.debug("Session established (attempt %d).", self.number)
                stands()
                await reader
            finally:
                await _end(reader)

    def _url(self, token: Secret) -> Secret:
        config = self._config
        in_room = config.transport == "livekit"
        return config.endpoint.realtime_url(
            config.model,
            token,
            resolution=config.resolution,
            speed=config.speed,
            livekit_early_room_info="true" if in_room else None,
            livekit_server_codec=self._media.server_codec if in_room else None,
        )

    async def _read(self, control: ControlChannel, token: Secret) -> None:
        async for frame in control.frames():
            # A service that quotes what it was sent must not put it into our errors.
            clean = token.mask(self._config.key.mask(frame)) if isinstance(frame, str) else frame
            message = decode(clean)
            del frame, clean  # a room's token may be in it, and this frame in a traceback
            self._machine.receive(message)
            self._drive()

    async def _send(self, control: ControlChannel, messages: list[ClientMessage]) -> None:
        try:
            async with self._send_lock:
                for message in messages:
                    await control.send(message)
        except DecartError as error:
            self.break_off(error)

    async def _verify(self, control: ControlChannel) -> None:
        if not await control.answers(VERIFY_PATIENCE):
            self.break_off(ConnectionLostError("The connection did not survive the sleep."))

    async def _until_established(self, patience: Patience, reader: asyncio.Future[None]) -> None:
        person = Patience(PERSON_PATIENCE, self._loop.time())
        while not self._machine.established:
            asked = self._media.waiting_for_person
            now = self._loop.time()
            person.pause(now, not asked)
            patience.pause(now, self._machine.queued or asked)
            left = [p.remaining(now) for p in (patience, person) if not p.paused]
            if left and min(left) <= 0:
                raise self._too_late(asked)
            self._moved.clear()
            moved = asyncio.ensure_future(self._moved.wait())
            try:
                ends: set[asyncio.Future[Any]] = {moved, reader}
                limit = min(left) if left else None
                await asyncio.wait(ends, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            finally:
                moved.cancel()
            if reader.done():
                reader.result()

    def _too_late(self, asked: bool) -> DecartError:
        phase = self._machine.phase
        if asked:
            return ConnectTimeoutError(
                f"The browser's question for the camera was not answered in {PERSON_PATIENCE:g} s.",
                remedy="Start again and allow the camera.",
            )
        if phase is Phase.ANSWERED:
            return self.unreachable()
        in_room = self._config.transport == "livekit"
        waits = {
            Phase.INITIAL: "the service has not acknowledged the prompt",
            Phase.READY: "the browser has made no offer",
            Phase.OFFERED: "the service has named no room"
            if in_room
            else "the service has not answered the offer",
        }
        limit = self._config.connection.connection_timeout
        return ConnectTimeoutError(
            f"The session did not stand within {limit:g} s: {waits.get(phase, 'no answer')}."
        )

    def _preparation(self) -> Preparation:
        connection = self._config.connection
        config, loopback = self._config, self._config.endpoint.is_loopback
        return Preparation(
            config.transport,
            config.model,
            config.video,
            connection.rtc_for(loopback=loopback),
            connection.connection_timeout,
            loopback,
        )


async def _end(*tasks: asyncio.Future[Any]) -> None:
    """Cancels tasks and returns when they are over.

    Asks again while one goes on: before Python 3.12 ``wait_for``, which libraries use, forgets a
    cancellation that comes in the same moment as its result, and a session that was told to stop
    would go on being billed.
    """
    while pending := {task for task in tasks if not task.done()}:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.5)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # whoever cared has asked already
