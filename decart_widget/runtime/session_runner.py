"""Runs the sessions of one widget, one after the other, and the prompts that are sent to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from decart_widget.diagnostics.log import Log
from decart_widget.errors import (
    DecartError,
    NoFrontEndError,
    internal_error,
    unattended_error,
)
from decart_widget.protocol.messages import ImageData
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState
from decart_widget.runtime.destination import SANDBOX, Destination
from decart_widget.runtime.model_names import ModelNames
from decart_widget.runtime.prompts import Prompts
from decart_widget.runtime.registry import register
from decart_widget.runtime.session_log import SessionLog
from decart_widget.runtime.settings import Settings
from decart_widget.runtime.trait_updates import Coalescer
from decart_widget.runtime.trait_values import IDLE, cost, price_of, trait_values
from decart_widget.session.endpoints import DECART
from decart_widget.session.media import EndReason, Media
from decart_widget.session.session import Session
from decart_widget.session.subscribe import Subscription
from decart_widget.session.tokens import Tokens


class Fallback(Protocol):
    """Knows other media for a session whose media could not reach the service."""

    def takes_over(self, session: Session, media: Media) -> bool:
        """Whether a session that was never established is to be followed by one with others."""

    def take_over(self) -> DecartError:
        """Chooses the other media; returns what is said about that."""


class SessionRunner:
    """Starts, shows and ends the sessions of one widget; use it on the background loop.

    Args:
        destination: Where sessions go.
        settings: Returns the settings of the next session.
        tokens: Fetches client tokens.
        names: Asks the service for models.
        make_media: Returns what carries the media of the next session.
        traits: Publishes the session's state.
        log: Receives an entry for each change.
        publish: Sets traits at once; from any thread.
        show_image: Called with the requested reference image after each change.
        prompt_state: The initial prompt state.
        image_url: URL of a reference image that the first start downloads.
        session_over: Called when a session is over.
        fallback: Knows other media for a session that was not established.
        shown: Called with the session after each of its changes.

    Attributes:
        prompts: The requested prompt state.
        session: The current or last session; None before the first, and while one is started.
        failure: Why the current or last start or session failed; None for any other end.
        media: What carries the media of the current or last session; None before the first.
    """

    def __init__(
        self,
        destination: Destination,
        settings: Callable[[], Settings],
        tokens: Tokens,
        names: ModelNames,
        make_media: Callable[[], Media],
        traits: Coalescer,
        log: Log,
        *,
        publish: Callable[[dict[str, Any]], None],
        show_image: Callable[[ImageData | None], None],
        prompt_state: PromptState,
        image_url: str | None,
        session_over: Callable[[], None],
        fallback: Fallback | None = None,
        shown: Callable[[Session], None] = lambda _session: None,
    ) -> None:
        self._destination = destination
        self._settings = settings
        self._tokens = tokens
        self._names = names
        self._make_media = make_media
        self._traits = traits
        self._log = log
        self._session_over = session_over
        self._fallback = fallback
        self._shown = shown
        self.prompts = Prompts(self, settings, publish, show_image, log, prompt_state, image_url)
        self.session: Session | None = None
        self.media: Media | None = None
        self.failure: DecartError | None = None
        self._session_log = SessionLog(log)
        self._price: float | None = None  # of the current or last session
        self._run: asyncio.Task[None] | None = None
        self._established = asyncio.Event()
        self._last_attempt = 0
        self._start_ended_by: DecartError | None = None
        """Why a start was ended before its session was created."""
        self._early_complaint: DecartError | None = None
        """An error that a page reported before the session was created."""

    # --- state -------------------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        """Whether a session exists, or is being started."""
        return self._run is not None and not self._run.done()

    @property
    def attempt(self) -> int | None:
        """The current attempt's number; None without a session."""
        return self.session.attempt if self.session is not None and self.is_active else None

    @property
    def subscribe_token(self) -> str | None:
        """The token with which viewers subscribe to this session; None until it has a room."""
        session = self.session
        if session is None or session.machine.room_name is None:
            return None
        endpoint, room_name = session.config.endpoint, session.machine.room_name
        if endpoint == DECART:
            return Subscription(room_name).token()
        key = session.config.key if endpoint.name == SANDBOX else None
        return Subscription(room_name, endpoint, key).token()

    def show(self, _session: Session | None = None) -> None:
        """Updates the traits with the session's state; the session calls it after each change."""
        session = self.session
        if session is None or self.is_followed():
            return
        self._session_log.record(session)
        if session.machine.established and not self._established.is_set():
            self._established.set()
            self._names.look_up(session.config.model, session.config.endpoint)
        self._traits.update(trait_values(session, self._price, typing=self.prompts.typing))
        self._shown(session)

    def is_followed(self) -> bool:
        """Whether the session failed, and one with other media takes its place at once."""
        session, media = self.session, self.media
        return (
            self._fallback is not None
            and session is not None
            and media is not None
            and session.end_reason == "error"
            and not self._established.is_set()
            and self._fallback.takes_over(session, media)
        )

    def show_now(self) -> None:
        """Publishes pending trait values, before an operation returns its result."""
        self._traits.flush()

    # --- start and end ------------------------------------------------------------------------

    def start(self, timeout: float | None = None) -> None:
        """Starts a session, unless one is active.

        Args:
            timeout: Seconds until it must be established; None for the connection options' own.
        """
        if self.is_active:
            return
        self.session = self._early_complaint = self.failure = None
        self._established = asyncio.Event()
        self._start_ended_by = None
        # Not urgent, because the page in which Start was clicked already shows "connecting".
        self._show_without_session(urgent=False, connection_state=ConnectionState.CONNECTING.value)
        self._run = asyncio.ensure_future(self._run_session(timeout))
        register(self, self._run)

    async def established(self) -> str:
        """Waits until the session that was started is established or over.

        Returns:
            The connection state, or ``"no-frontend"`` if no page has shown the widget.
        """
        run, established = self._run, asyncio.ensure_future(self._established.wait())
        assert run is not None
        ends: set[asyncio.Future[Any]] = {run, established}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        established.cancel()
        session = self.session
        if session is None:
            state = ConnectionState.IDLE if run.cancelled() else ConnectionState.ERROR
        else:
            state = session.machine.state
        no_page = session is not None and isinstance(session.error, NoFrontEndError)
        self.show_now()
        return "no-frontend" if no_page else state.value

    async def over(self) -> None:
        """Waits until the session that was started is over; returns at once without one."""
        if self._run is not None:
            await asyncio.wait({self._run})
        self.show_now()

    async def disconnect(self, reason: EndReason = "stopped") -> str:
        """Ends the session, if there is one, and returns when it is over.

        Args:
            reason: Sent to the pages.

        Returns:
            The connection state.
        """
        run = self._run
        self.stop(reason)
        if run is not None:
            await asyncio.wait({run})
        self.show_now()
        session = self.session
        return (ConnectionState.IDLE if session is None else session.machine.state).value

    def stop(self, reason: EndReason = "stopped") -> None:
        """Ends the session or its start, if there is one, without waiting for the end."""
        if self.session is not None:
            self.session.stop(reason)
        elif self._run is not None:
            self._run.cancel()

    def end(self, reason: EndReason, error: DecartError) -> None:
        """Ends the session or its start, if there is one, with an error."""
        if not self.is_active or self._run is None:
            return
        if self.session is not None:
            self.session.stop(reason, error)
        else:
            self._start_ended_by = error
            self._run.cancel()

    # --- events -------------------------------------------------------------------------------

    def unattended(self) -> None:
        """Ends the session, which would be billed although no page has owned it for too long."""
        self.end("unattended", unattended_error())

    def woke(self) -> None:
        """Lets a reconnect skip its delay, because the network may be back."""
        if self.session is not None:
            self.session.wake()

    def verify(self) -> None:
        """Checks that the connection has survived a short suspend."""
        if self.session is not None and self.is_active:
            self.session.verify()

    def complain(self, error: DecartError) -> None:
        """Shows the error of a change of what is sent; the session continues."""
        self._log.add("warning", error.message, code=error.code)
        if not self.is_active:
            self._traits.update({"error": error.as_trait()})
        elif self.session is None:
            self._early_complaint = error
        else:
            self.session.complain(error)

    def show_settings(self) -> None:
        """Shows the next session's budget, unless a session is active."""
        if not self.is_active:
            self._traits.update({"remaining": self._settings().budget})

    # --- inside -------------------------------------------------------------------------------

    def _show_without_session(self, *, urgent: bool = True, **values: Any) -> None:
        settings = self._settings()
        shown = {
            **IDLE,
            "remaining": settings.budget,
            "cost": cost(0.0, price_of(settings, self._destination.name)),
            **values,
        }
        self._traits.update(shown, urgent=urgent)

    async def _run_session(self, timeout: float | None) -> None:
        while (session := await self._make_session(timeout)) is not None:
            try:
                await session.run(self.prompts.state)
            finally:
                self._last_attempt = session.attempt
                is_followed = self.is_followed()
                if session.end_reason == "error" and not is_followed:
                    self.failure = session.error
                self._session_over()
                self.prompts.stop_typing()
                self.show()
            if not is_followed or self._fallback is None:
                return
            self.session = None  # so that Stop ends this task
            self._early_complaint = self._fallback.take_over()

    async def _make_session(self, timeout: float | None) -> Session | None:
        """Returns the next session; None if it can't be started, which is shown then."""
        try:
            await self.prompts.download_image()
            endpoint, key = await self._destination.open()
            settings = self._settings()
            await self._names.check(settings.model, endpoint)
            self._price = price_of(settings, self._destination.name)
            config = settings.config(
                endpoint, key, timeout, tokens=self._tokens, renew=self._destination.open
            )
            self._session_log = SessionLog(self._log)
            self.media = self._make_media()
            session = Session(config, self.media, self.show, first_attempt=self._last_attempt + 1)
            self.session = session
            self.prompts.session_made()
            if self._early_complaint is not None:
                session.complain(self._early_complaint)
        except DecartError as error:
            self._start_failed(error)
            return None
        except Exception as unexpected:
            self._log.crash("The session could not begin", unexpected)
            self._start_failed(internal_error(unexpected))
            return None
        except asyncio.CancelledError:
            ended_by = self._start_ended_by
            self._show_without_session(error={} if ended_by is None else ended_by.as_trait())
            raise
        return session

    def _start_failed(self, error: DecartError) -> None:
        self.failure = error
        self._log.add("error", error.message, code=error.code)
        self._show_without_session(
            connection_state=ConnectionState.ERROR.value, error=error.as_trait()
        )
