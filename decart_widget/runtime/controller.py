"""The part of a widget that lives on the background thread: its pages, its prompts, its session.

Everything here runs on the background loop. The widget hands over what the notebook asks for;
what changes goes back through ``publish``, coalesced, as values of traits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Protocol

from decart_widget.capture.clips import Clips
from decart_widget.capture.taps import Taps
from decart_widget.diagnostics.log import Log
from decart_widget.errors import (
    ConnectionLostError,
    DecartError,
    InvalidPromptError,
    NoFrontEndError,
    internal_error,
)
from decart_widget.inputs.prompts import check_prompt
from decart_widget.inputs.reference_image import load_image
from decart_widget.page.cameras import Cameras
from decart_widget.page.chunks import chunk
from decart_widget.page.image_upload import ImageUpload
from decart_widget.page.media import BrowserMedia
from decart_widget.page.pages import HEARTBEAT_TIMEOUT, Pages
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState
from decart_widget.runtime import end_reasons as endings
from decart_widget.runtime.destination import SANDBOX, Destination
from decart_widget.runtime.liveness import check_liveness
from decart_widget.runtime.page_events import Giving
from decart_widget.runtime.registry import register
from decart_widget.runtime.session_log import SessionLog
from decart_widget.runtime.settings import Settings
from decart_widget.runtime.trait_updates import Coalescer
from decart_widget.runtime.trait_values import IDLE, trait_values
from decart_widget.session.endpoints import DECART
from decart_widget.session.media import EndReason
from decart_widget.session.session import Session
from decart_widget.session.subscribe import Subscription
from decart_widget.session.tokens import Tokens

DEBOUNCE: Final = 0.3
"""Seconds of quiet before a prompt that is being typed is sent."""


class Send(Protocol):
    """Sends a message to the pages that show the widget."""

    def __call__(self, message: dict[str, Any], buffers: list[bytes] | None = None, /) -> None:
        """Returns at once."""


class WidgetController(Giving):
    """One widget's life on the background loop.

    Args:
        destination: Where sessions go.
        send: Sends a message to the widget's pages.
        publish: Sets traits.
        settings: Reads what the next session is to be like.
        prompt_state: What the picture is to look like at first.
        autostart: Whether the first page that shows the widget starts a session.
        log: Where its story goes.
    """

    def __init__(
        self,
        destination: Destination,
        send: Send,
        publish: Callable[[dict[str, Any]], None],
        settings: Callable[[], Settings],
        prompt_state: PromptState,
        *,
        autostart: bool = False,
        log: Log | None = None,
    ) -> None:
        self.log = Log() if log is None else log
        self.pages = Pages(send, self, log=self.log)
        self.taps = Taps(self.pages, self.log)
        self.clips = Clips(self)
        self.image = ImageUpload(self._apply_image, self._tell_image, prompt_state.image)
        self._session_log = SessionLog(self.log)
        self._send = send
        self.prompt_state = prompt_state
        """What is wanted; the session knows what is applied."""
        self.image_url: str | None = None
        """A reference image that the next start fetches first."""
        self.stats: dict[str, Any] = {}
        self._destination = destination
        self._settings = settings
        self._autostart = autostart
        self._traits = Coalescer(publish, {**IDLE, "kernel_busy": False})
        self.cameras = Cameras(self.pages, self._traits.update)
        self._media: BrowserMedia | None = None
        self._session: Session | None = None
        self._run: asyncio.Task[None] | None = None
        self._established = asyncio.Event()
        self._last_attempt = 0
        self._typing: asyncio.TimerHandle | None = None
        self._image_changed = False
        self._warm: asyncio.Task[Any] | None = None
        self._tokens = Tokens()
        self._watcher: asyncio.Task[None] | None = None
        self._ended_by: DecartError | None = None
        """Why a start was given up."""
        self.page_messages_blocked: Callable[[], bool] = lambda: False
        """Whether browsers' messages can't arrive at present."""
        self.may_block: Callable[[], bool] = lambda: False
        """Whether browsers' messages wait for cells."""
        self.widget: Callable[[], Any] = lambda: None
        """Whose life this is, while that exists."""

    # --- what the notebook asks for -----------------------------------------------------------

    @property
    def is_active(self) -> bool:
        """Whether a session exists."""
        return self._run is not None and not self._run.done()

    @property
    def subscribe_token(self) -> str | None:
        """What others need to watch this session; None until it has a room."""
        session = self._session
        if session is None or session.machine.room_name is None:
            return None
        endpoint, room_name = session.config.endpoint, session.machine.room_name
        if endpoint == DECART:
            return Subscription(room_name).token()
        key = session.config.key if endpoint.name == SANDBOX else None
        return Subscription(room_name, endpoint, key).token()

    async def connect(self, timeout: float | None = None) -> str:
        """Starts a session unless one runs; returns when it stands or has failed.

        Returns the connection state, or ``"no-frontend"``.
        """
        if not self.is_active:
            self._start(timeout)
        run, established = self._run, asyncio.ensure_future(self._established.wait())
        assert run is not None
        ends: set[asyncio.Future[Any]] = {run, established}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        established.cancel()
        session = self._session
        if session is None:
            state = ConnectionState.IDLE if run.cancelled() else ConnectionState.ERROR
        else:
            state = session.machine.state
        nobody = session is not None and isinstance(session.error, NoFrontEndError)
        return self._told("no-frontend" if nobody else state.value)

    async def disconnect(self, reason: EndReason = "stopped") -> str:
        """Ends the session, if there is one, and returns when it is over."""
        run = self._run
        if self._session is not None:
            self._session.stop(reason)
        elif self.is_active and run is not None:
            run.cancel()
        if run is not None:
            await asyncio.wait({run})
        return self._told(self._shown_state().value)

    def _told(self, outcome: str) -> str:
        """The outcome, which the traits show by the time that anybody has it."""
        self._traits.flush()
        return outcome

    async def set_prompt_state(self, **changes: Any) -> str:
        """Changes prompt, enrich or image and sends the whole at once.

        Returns ``"applied"``, ``"superseded"`` or, without a session, ``"stored"``.
        Raises ``RequestRejectedError`` or ``AckTimeoutError``.
        """
        self._change(**changes)
        self._stop_typing()
        submitted = self._submit()
        return "stored" if submitted is None else self._told(await submitted)

    def prompt_typed(self, prompt: str, enrich: bool) -> None:
        """A trait was set: what it says is sent after a moment of quiet."""
        prompt_now = prompt if prompt.strip() else None
        if (prompt_now, enrich) == (self.prompt_state.prompt, self.prompt_state.enrich):
            return
        if self.is_active and prompt_now is None:
            return  # an emptied box is not a wish for the raw camera
        self._change(prompt=prompt_now, enrich=enrich)
        self._stop_typing()
        if self.is_active:
            self._typing = asyncio.get_running_loop().call_later(DEBOUNCE, self._typed)
            self._show()

    def budget_changed(self) -> None:
        """What the next session may spend is another now."""
        if not self.is_active:
            self._traits.update({"remaining": self._settings().budget})

    def superseded(self) -> None:
        """The cell that made this widget was run again, and made another one."""
        self._end("superseded", endings.superseded())

    async def close(self) -> None:
        """Ends everything."""
        await self.disconnect("closed")
        for task in (self._watcher, self._warm):
            if task is not None:
                task.cancel()
        self._tokens.close()
        await asyncio.to_thread(self._destination.close)

    # --- what browsers say (frontend.Browser) -------------------------------------------------

    @property
    def attempt(self) -> int | None:
        """The live attempt's number."""
        return self._session.attempt if self._session is not None and self.is_active else None

    def started(self) -> None:
        """Start was clicked."""
        self.log.add("debug", "a page asks for a start")
        if not self.is_active:
            self._start(None)

    def start_likely(self) -> None:
        """Somebody is about to click Start, or may be: what costs nothing is got ready."""
        if not self.is_active and (self._warm is None or self._warm.done()):
            self._warm = asyncio.ensure_future(self._warm_up())

    def stopped(self) -> None:
        """Stop was clicked."""
        self.log.add("debug", "a page asks for a stop")
        if self._session is not None:
            self._session.stop("stopped")
        elif self._run is not None:
            self._run.cancel()

    def prompt_applied(self, prompt: str, enrich: bool) -> None:
        """Enter or Apply."""
        try:
            self._change(prompt=check_prompt(prompt), enrich=enrich)
        except InvalidPromptError as error:
            self.log.refuse(f"page: prompt not taken ({error.code})")
            return
        self._stop_typing()
        self._submit()

    def media_message(self, message: dict[str, Any]) -> None:
        """The page reports about camera and connection."""
        if message["type"] == "stats":
            self.stats = {k: v for k, v in message.items() if k not in ("type", "page_id")}
            self._traits.update({"stats": {**self.stats, "sent": self.cameras.obtained}})
        elif self._media is not None:
            self._media.receive(message)

    def chunk_needed(self, name: str, digest: str) -> None:
        """A page lacks a piece of the front end."""
        piece = chunk(name)
        if piece.digest == digest:  # another version's page gets nothing, and says so
            self._send(piece.message(), [piece.data])

    def owner_came(self, *, replaced: bool) -> None:
        """A page shows the widget."""
        if self.is_active:
            self.taps.ask_again()
        if self._media is not None:
            self._media.owner_came()
            if replaced and self._session is not None:
                self._media.page_changed()
                self._session.media_moved(ConnectionLostError("The picture moved to another page."))
        if self.prompt_state.image is not None:
            self.image.tell_again()
        self.start_likely()
        self._start_liveness_checks()
        if self._autostart and not self.is_active:
            self._autostart = False
            self._start(None)

    def owner_left(self) -> None:
        """The page goes: until it, or another, is there nothing is generated, nor billed."""
        session = self._session
        if session is not None and session.machine.state is not ConnectionState.CONNECTING:
            session.media_lost(ConnectionLostError("The page was left."))

    def woke(self) -> None:
        """What broke may be whole again."""
        if self._session is not None:
            self._session.wake()

    def unattended(self) -> None:
        """Nobody watches: nobody shall pay."""
        self._end("unattended", endings.unattended())

    # --- inside -------------------------------------------------------------------------------

    def _start(self, timeout: float | None) -> None:
        self._session = self._early_trouble = None
        self._established = asyncio.Event()
        self._ended_by = None
        # The page that was clicked shows it already.
        self._rest(urgent=False, connection_state=ConnectionState.CONNECTING.value)
        self._run = asyncio.ensure_future(self._run_session(timeout))
        register(self, self._run)
        self._start_liveness_checks()

    def _end(self, reason: EndReason, error: DecartError) -> None:
        """Ends the session, if there is one, and says why."""
        if not self.is_active or self._run is None:
            return
        if self._session is not None:
            self._session.stop(reason, error)
        else:
            self._ended_by = error
            self._run.cancel()

    def _rest(self, *, urgent: bool = True, **values: Any) -> None:
        """Shows what is so without a session, and these values."""
        shown = {**IDLE, "remaining": self._settings().budget, **values}
        self._traits.update(shown, urgent=urgent)

    async def _run_session(self, timeout: float | None) -> None:
        try:
            await self._fetch_image()
            endpoint, key = await self._destination.open()
            config = self._settings().config(
                endpoint, key, timeout, tokens=self._tokens, renew=self._destination.open
            )
            self._media = BrowserMedia(self.pages)
            session = Session(config, self._media, self._show, first_attempt=self._last_attempt + 1)
            self._session, self._image_changed = session, False
            if self._early_trouble is not None:
                session.complain(self._early_trouble)
        except DecartError as error:
            self._never_began(error)
            return
        except Exception as unexpected:
            self.log.crash("The session could not begin", unexpected)
            self._never_began(internal_error(unexpected))
            return
        except asyncio.CancelledError:
            self._rest(error={} if self._ended_by is None else self._ended_by.as_trait())
            raise
        try:
            await session.run(self.prompt_state)
        finally:
            self._last_attempt = session.attempt
            self.taps.end_all()
            self._stop_typing()
            self._show()

    def _never_began(self, error: DecartError) -> None:
        self.log.add("error", error.message, code=error.code)
        self._rest(connection_state=ConnectionState.ERROR.value, error=error.as_trait())

    async def _fetch_image(self) -> None:
        if self.image_url is not None:
            image = await asyncio.to_thread(load_image, self.image_url)
            self.image_url = None
            self._change(image=image)

    async def _warm_up(self) -> None:
        """Gets ready what a start would otherwise wait for."""
        try:
            # The libraries of a first connection: a quarter of a second, better spent now.
            await asyncio.to_thread(_load_network_libraries)
            endpoint, key = await self._destination.open()
            settings = self._settings()
            self._tokens.prepare(key, endpoint, settings.model, budget=settings.budget)
        except DecartError as error:
            # A start tries again, and says why.
            self.log.add("warning", "not ready yet", code=error.code)

    def _start_liveness_checks(self) -> None:
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        await check_liveness(self._liveness_check_due, self._check_liveness, self._slept)
        self._traits.update({"kernel_busy": False})

    def _liveness_check_due(self) -> bool:
        # Without a session only a page that waits for cells has something to be told.
        return self.is_active or (bool(self.pages.by_id) and self.may_block())

    def _check_liveness(self, *, beat: bool) -> None:
        page_messages_blocked = self.page_messages_blocked()
        self._traits.update({"kernel_busy": page_messages_blocked})
        self.pages.check_owner(page_messages_blocked=page_messages_blocked)
        if beat and self.is_active:
            self.pages.beat()

    def _slept(self, asleep: float) -> None:
        self.log.add("warning", "was asleep", seconds=round(asleep))
        if asleep > HEARTBEAT_TIMEOUT:
            self._end("unattended", endings.slept(asleep))
            return
        self.pages.extend_deadline(asleep)
        if self._session is not None and self.is_active:
            self._session.verify()

    def _change(self, **changes: Any) -> None:
        if "image" in changes:
            self.image_url = None
            self._image_changed |= changes["image"] != self.prompt_state.image
        self.prompt_state = replace(self.prompt_state, **changes)
        self.image.show(self.prompt_state.image)

    def _stop_typing(self) -> None:
        if self._typing is not None:
            self._typing.cancel()
            self._typing = None

    def _typed(self) -> None:
        self._typing = None
        self._submit()

    def _submit(self) -> asyncio.Future[str] | None:
        session = self._session
        if session is None or not self.is_active:
            self._show()
            return None
        with_image, self._image_changed = self._image_changed, False
        outcome = session.submit(self.prompt_state, with_image=with_image)
        if with_image:
            outcome.add_done_callback(lambda done: self._image_answered(session, done))
        return outcome

    def _image_answered(self, session: Session, outcome: asyncio.Future[str]) -> None:
        """An image that was refused must not come along with the next prompt."""
        applied = session.machine.applied
        if not outcome.cancelled() and outcome.exception() is not None and applied is not None:
            self.prompt_state = replace(self.prompt_state, image=applied.image)

    def _shown_state(self) -> ConnectionState:
        return ConnectionState.IDLE if self._session is None else self._session.machine.state

    def _show(self, _session: Session | None = None) -> None:
        session = self._session
        if session is None:
            return
        self._session_log.record(session)
        if session.machine.established:
            self._established.set()
        self._traits.update(trait_values(session, typing=self._typing is not None))


def _load_network_libraries() -> None:
    import httpx  # noqa: F401
    import websockets.asyncio.client  # noqa: F401
