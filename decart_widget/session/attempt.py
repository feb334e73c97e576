"""One attempt of a session: media, token, control socket, and the wait until it is established."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from decart_widget.errors import (
    AuthenticationError,
    ConnectionLostError,
    ConnectTimeoutError,
    DecartError,
    MediaUnreachableError,
)
from decart_widget.inputs.secrets import Secret
from decart_widget.protocol.codec import decode
from decart_widget.protocol.machine import SessionMachine
from decart_widget.protocol.messages import ClientMessage, ServerError
from decart_widget.protocol.retry import service_error
from decart_widget.protocol.states import Phase
from decart_widget.session.config import SessionConfig
from decart_widget.session.control import ControlChannel, open_control
from decart_widget.session.deadlines import PausableTimeout
from decart_widget.session.media import Media, Preparation

logger = logging.getLogger(__name__)

PERMISSION_TIMEOUT_S: Final = 60.0
"""Seconds that the user may take to answer the browser's permission prompt for the camera."""

VERIFY_TIMEOUT_S: Final = 3.0
"""Seconds within which the service must answer a ping that verifies the connection."""

MIN_OPEN_TIMEOUT_S: Final = 0.1
"""Seconds that opening the control socket may take, however little is left of the timeout."""


class Attempt:
    """One attempt; call ``run`` once.

    Args:
        number: Rises with each attempt of a widget.
        config: What to connect to.
        machine: The session's machine; this attempt reports the control socket's events to it.
        media: What carries the picture.
        drive: Carries out what the machine decides; called after each report.

    Attributes:
        number: See above.
        initial_sent_at: When the initial state was sent, on the event loop's clock, in seconds.
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
        self._changed = asyncio.Event()
        self._broken: asyncio.Future[None] = self._loop.create_future()
        self._broken.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def run(
        self, stop: asyncio.Event, budget_s: float | None, on_established: Callable[[], None]
    ) -> DecartError | None:
        """Runs until the attempt breaks or ``stop`` is set, and closes everything it opened.

        Args:
            stop: Set to end the attempt.
            budget_s: Seconds for which the service may let this session last; None for no limit.
            on_established: Called once, when media flows.

        Returns:
            Why the attempt broke; None when it was stopped.
        """
        work = asyncio.ensure_future(self._work(budget_s, on_established))
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
            await _cancel(work, stopped)

    def break_off(self, error: DecartError) -> None:
        """Ends the attempt with this error, unless it has already ended."""
        if not self._broken.done():
            self._broken.set_exception(error)

    def send(self, messages: list[ClientMessage]) -> None:
        """Sends messages in order; drops them when the socket isn't open."""
        control = self._control
        if messages and control is not None:
            task = asyncio.ensure_future(self._send(control, messages))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    def notify_changed(self) -> None:
        """Wakes the wait of this attempt, because something it depends on may have changed."""
        self._changed.set()

    def verify(self) -> None:
        """Pings the service, and breaks the attempt off if no pong arrives in time.

        A connection can be dead without notice, for instance after the machine was suspended.
        """
        if self._control is not None:
            task = asyncio.ensure_future(self._verify(self._control))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    def unreachable(self) -> DecartError:
        """Returns the error for ICE that finds no path to the service."""
        loopback, in_browser = self._config.endpoint.is_loopback, self._media.in_browser
        if loopback and in_browser:
            return MediaUnreachableError(
                "This browser can't reach the local server: it runs on the kernel's machine and "
                "answers there only.",
                remedy="Open the notebook in a browser on that machine, or set DECART_API_KEY to "
                "use the service.",
                code="sandbox-unreachable",
            )
        if loopback:
            return MediaUnreachableError(
                "This machine can't reach its own local server by UDP.",
                remedy="Allow UDP on 127.0.0.1 in its firewall, or set DECART_API_KEY to use the "
                "service.",
                code="sandbox-unreachable",
            )
        here = "Browser" if in_browser else "This machine"
        return MediaUnreachableError(f"{here} and service found no way to exchange pictures.")

    # --- inside -------------------------------------------------------------------------------

    async def _work(self, budget_s: float | None, on_established: Callable[[], None]) -> None:
        config, limit_s = self._config, self._config.connection.connection_timeout
        timeout = PausableTimeout(limit_s, self._loop.time())
        await self._media.ready(limit_s)
        # The page prepares camera and offer while token, socket and first ack are awaited here.
        self._media.prepare(self.number, self._preparation())
        for is_last in (config.key.is_client_token, True):
            token = await config.tokens.take(
                config.key, config.endpoint, config.model, budget=budget_s, timeout=limit_s
            )
            try:
                await self._use(token, timeout, on_established)
            except AuthenticationError:
                if is_last or not self._machine.socket_refused():
                    raise
            else:
                return
            config.tokens.discard(token)
            self._drive()
            logger.info("The service refused the client token; requesting another.")

    async def _use(
        self, token: Secret, timeout: PausableTimeout, on_established: Callable[[], None]
    ) -> None:
        """Opens the control socket with a token and reads it until it closes."""
        config = self._config
        open_timeout_s = max(MIN_OPEN_TIMEOUT_S, timeout.remaining(self._loop.time()))
        async with open_control(
            self._url(token),
            config.endpoint.name,
            open_timeout_s,
        ) as control:
            self._control = control
            self.initial_sent_at = self._loop.time()
            self._machine.socket_opened()
            self._drive()
            reader = asyncio.ensure_future(self._read(control, token))
            try:
                await self._until_established(timeout, reader)
                logger.debug("Session established (attempt %d).", self.number)
                on_established()
                await reader
            finally:
                self._control = None
                await _cancel(reader)

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
            # A service that quotes what it was sent must not put a secret into our errors.
            clean = token.mask(self._config.key.mask(frame)) if isinstance(frame, str) else frame
            message = decode(clean)
            del frame, clean  # may hold a room's token, and a traceback may show this frame
            if isinstance(message, ServerError) and not self._machine.established:
                error = service_error(message.text)
                if isinstance(error, AuthenticationError):
                    raise error  # a refused token, which may be replaced
            self._machine.receive(message)
            self._drive()

    async def _send(self, control: ControlChannel, messages: list[ClientMessage]) -> None:
        try:
            async with self._send_lock:
                for message in messages:
                    await control.send(message)
        except DecartError as error:
            # The channel is closed. ``_read`` ends with it, but first reads the frames that arrived
            # before: one of them may say why.
            logger.debug("A message was not sent (%s).", error.code)

    async def _verify(self, control: ControlChannel) -> None:
        if not await control.answers(VERIFY_TIMEOUT_S):
            self.break_off(ConnectionLostError("The connection did not survive the sleep."))

    async def _until_established(
        self, timeout: PausableTimeout, reader: asyncio.Future[None]
    ) -> None:
        """Waits until the session is established, according to the state machine.

        Two limits apply in turn: the connection timeout, which pauses in the service's queue and
        during the permission prompt for the camera, and the time limit of that prompt.

        Args:
            timeout: The connection timeout.
            reader: The task that reads the control socket; it ends when that closes.

        Raises:
            ConnectTimeoutError: A limit has passed.
            MediaUnreachableError: The connection timeout passed while media was connecting.
            DecartError: The control socket closed.
        """
        permission = PausableTimeout(PERMISSION_TIMEOUT_S, self._loop.time())
        while not self._machine.established:
            asking = self._media.waiting_for_person
            now = self._loop.time()
            permission.pause(now, not asking)
            timeout.pause(now, self._machine.queued or asking)
            left_s = [t.remaining(now) for t in (timeout, permission) if not t.paused]
            if left_s and min(left_s) <= 0:
                raise self._too_late(asking)
            self._changed.clear()
            changed = asyncio.ensure_future(self._changed.wait())
            try:
                ends: set[asyncio.Future[Any]] = {changed, reader}
                limit_s = min(left_s) if left_s else None
                await asyncio.wait(ends, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
            if reader.done():
                reader.result()

    def _too_late(self, asking: bool) -> DecartError:
        phase = self._machine.phase
        if asking:
            return ConnectTimeoutError(
                f"The browser's question for the camera was not answered in "
                f"{PERMISSION_TIMEOUT_S:g} s.",
                remedy="Start again and allow the camera.",
            )
        if phase is Phase.ANSWERED:
            return self.unreachable()
        in_room = self._config.transport == "livekit"
        missing = {
            Phase.INITIAL: "the service has not acknowledged the prompt",
            Phase.READY: "the browser has made no offer"
            if self._media.in_browser
            else "the media process has made no offer",
            Phase.OFFERED: "the service has named no room"
            if in_room
            else "the service has not answered the offer",
        }.get(phase, "no answer")
        limit_s = self._config.connection.connection_timeout
        return ConnectTimeoutError(
            f"The session was not established within {limit_s:g} s: {missing}."
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


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    """Cancels tasks and returns when they have ended.

    Cancels repeatedly until they have: before Python 3.12 ``wait_for``, which libraries use, loses
    a cancellation that arrives in the same loop iteration as its result, and a stopped session
    would continue to be billed.

    Args:
        *tasks: Tasks whose exceptions, if any, have been handled or don't matter.
    """
    while pending := {task for task in tasks if not task.done()}:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.5)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # marks it as retrieved
