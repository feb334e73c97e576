"""The controller of one widget: receives calls of the notebook and events of the pages.

Everything here runs on the background loop, unless its docstring says otherwise. The widget calls
the controller, never the other way round; changes are published as trait values.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from decart_widget.capture.clips import Clips
from decart_widget.capture.taps import Taps
from decart_widget.diagnostics.log import Log
from decart_widget.errors import no_session_error, superseded_error, suspended_error
from decart_widget.inputs.sources.reader import Source
from decart_widget.page.cameras import Cameras
from decart_widget.page.image_preview import ImagePreview
from decart_widget.page.image_upload import ImageUpload
from decart_widget.page.media import BrowserMedia
from decart_widget.page.messages import Send
from decart_widget.page.pages import HEARTBEAT_TIMEOUT_S, Pages
from decart_widget.page.watchers import Watchers
from decart_widget.protocol.requests import PromptState
from decart_widget.runtime.deck import Deck
from decart_widget.runtime.destination import Destination
from decart_widget.runtime.kept_media import IDLE_S
from decart_widget.runtime.kernel_captures import KernelCaptures
from decart_widget.runtime.kernel_engine import KernelEngine, KernelMedia
from decart_widget.runtime.kernel_link import KernelLink
from decart_widget.runtime.liveness import Liveness
from decart_widget.runtime.looks import Looks
from decart_widget.runtime.model_names import ModelNames
from decart_widget.runtime.page_sessions import PageSessions
from decart_widget.runtime.player import Player
from decart_widget.runtime.relay import Relay
from decart_widget.runtime.settings import Settings
from decart_widget.runtime.trait_updates import Coalescer
from decart_widget.runtime.trait_values import IDLE, own_model_words
from decart_widget.runtime.warm_up import WarmUp
from decart_widget.session.account import Quota, quota
from decart_widget.session.background import Background
from decart_widget.session.media import Media
from decart_widget.session.session import Session
from decart_widget.session.tokens import Tokens

REST_S: Final = 1.0
"""Seconds after which the worker of a widget ends whose cell was run again."""


class WidgetController:
    """Creates the components of one widget, and carries out what concerns several of them.

    Args:
        destination: Where sessions go.
        send: Sends a message to the widget's pages.
        publish: Sets traits at once; from any thread.
        settings: Returns the settings of the next session.
        prompt_state: The initial prompt state.
        kernel: Tells whether page messages can arrive.
        shape: Returns the orientation of the next session in the kernel, and whether its picture is
            mirrored; from any thread.
        source_failed: Called with an error of the user's code that makes frames.
        image_url: URL of a reference image that the first start downloads.
        autostart: Whether the first page that shows the widget starts a session.
        log: Receives the entries of pages and sessions.
        saves_thumbnails: Returns whether pictures of earlier looks are put into a trait.
        sweep: Called when a page asks for a sweep.

    Attributes:
        pages: The pages that show the widget.
        sessions: Starts and ends sessions.
        prompts: The requested prompt state.
        image: Reference images that pages upload.
        cameras: The cameras of the owner's page.
        engine: The source and the media of sessions in the kernel.
        relay: Sends the page's camera through the kernel.
        watchers: The pages that watch a session in the kernel.
        taps: Open captures.
        page_clips: Recordings that a page makes.
        captures: Stills, frames and recordings of sessions in the kernel.
        deck: The prompts that were applied, and what pages saw of them.
        player: Plays a schedule.
    """

    def __init__(
        self,
        destination: Destination,
        send: Send,
        publish: Callable[[dict[str, Any]], None],
        settings: Callable[[], Settings],
        prompt_state: PromptState,
        *,
        kernel: KernelLink,
        shape: Callable[[], tuple[str, bool]] = lambda: ("landscape", False),
        source_failed: Callable[[BaseException], None] = lambda _error: None,
        image_url: str | None = None,
        autostart: bool = False,
        log: Log | None = None,
        saves_thumbnails: Callable[[], bool] = lambda: False,
        sweep: Callable[[], None] = lambda: None,
    ) -> None:
        self.log = Log() if log is None else log
        self._destination = destination
        self._stats: dict[str, Any] = {}
        self._settings = settings
        self._kernel = kernel
        self._autostart = autostart
        self._is_superseded = False
        self._traits = Coalescer(publish, {**IDLE, "kernel_busy": False})
        self._tokens = Tokens()
        self._names = ModelNames(self._traits.update, self.log)
        self._preview = ImagePreview(send, prompt_state.image)
        self.pages = Pages(send, self, log=self.log)
        self.watchers = Watchers(self.pages)
        self.engine = KernelEngine(
            self.watchers, shape, self._source_ended, source_failed, lambda: self.is_active
        )
        self.relay = Relay(self.pages, self.watchers, shape, publish, lambda: self.is_active)
        self.sessions = PageSessions(
            destination,
            settings,
            self._tokens,
            self._names,
            self._make_media,
            self._traits,
            self.log,
            publish=publish,
            show_image=self._preview.show,
            prompt_state=prompt_state,
            image_url=image_url,
            session_over=self._session_over,
            fallback=self.relay,
            shown=self._session_shown,
        )
        self.prompts = self.sessions.prompts
        self.deck = Deck(
            Looks(), send, self._traits.update, self.prompts, self.log, saves_thumbnails, sweep
        )
        self.player = Player(self.prompts, self._sending_engine, self.log)
        self.image = ImageUpload(self.prompts.apply_image, self._preview)
        self.cameras = Cameras(self.pages, self._traits.update, publish, self.sessions.complain)
        self.taps = Taps(self.sessions, self.pages, self.log)
        self.page_clips = Clips(self.sessions, self.taps, self.pages, self.log)
        self.captures = KernelCaptures(self.engine, self.sessions, self.pages, settings, self.log)
        self._warm_up = WarmUp(
            destination, settings, self._tokens, self._names, self.log, self.sessions.complain
        )
        self._liveness = Liveness(self)

    # --- from the notebook --------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        """Whether a session exists, or is being started; from any thread."""
        return self.sessions.is_active

    @property
    def attempt(self) -> int | None:
        """The current attempt's number; None without a session."""
        return self.sessions.attempt

    async def connect(self, timeout: float | None = None) -> str:
        """Starts a session unless one is active; returns when it is established or has failed.

        Args:
            timeout: Seconds until it must be established; None for the connection options' own.

        Returns:
            The connection state, or ``"no-frontend"`` if no page has shown the widget.
        """
        self._start(timeout)
        return await self.sessions.established()

    async def switch_camera(self) -> str:
        """Makes the owner's page switch to its next camera.

        Returns:
            The camera's label.

        Raises:
            MediaError: There is no session, or no other camera.
        """
        self._need_session()
        return await self.cameras.switch()

    async def replace_source(self, source: str) -> str:
        """Makes the owner's page send another source.

        Args:
            source: A value of the ``source`` trait.

        Returns:
            The source's label.

        Raises:
            MediaError: There is no session, or the source can't be opened.
        """
        self._need_session()
        return await self.cameras.replace(source)

    def choose_source(self, source: Source | None) -> None:
        """Sets what is sent: at once by a session in the kernel, else by the next session.

        Args:
            source: Already checked; None: the page's own.
        """
        self.engine.choose(source)
        if self.pages.by_id:
            self.start_likely()

    async def source_replaced(self, label: str) -> str:
        """Returns the label of the source that a session in the kernel sends now.

        Raises:
            MediaError: There is no session.
        """
        self._need_session()
        return label

    def model_changed(self) -> None:
        """Prepares for another model of the next session."""
        self._names.forget()
        self.settings_changed()

    def settings_changed(self) -> None:
        """Prepares for other settings of the next session, such as another budget."""
        self.sessions.show_settings()
        if self.pages.by_id and not self.is_active:
            self._warm_up.settings_changed()

    async def quota(self) -> Quota:
        """Asks the service how many sessions may run at once.

        Raises:
            DecartError: The service refused the key, or could not be asked.
        """
        endpoint, key = await self._destination.open()
        return await quota(key, endpoint)

    def superseded(self) -> None:
        """Ends the session: the cell that created this widget was run again."""
        self.sessions.end("superseded", superseded_error())
        self._is_superseded = True
        self._rest()

    async def close(self) -> None:
        """Ends the session, and closes everything that the controller has opened."""
        self.player.stop()
        await self.sessions.disconnect("closed")
        self._liveness.close()
        self._warm_up.close()
        self._names.close()
        self._tokens.close()
        await self.engine.close()
        await self.relay.close()
        await asyncio.to_thread(self._destination.close)

    @property
    def clips(self) -> Clips | KernelCaptures:
        """What handles the Record button: a page or the kernel records."""
        return self.captures if self.pages.shared else self.page_clips

    # --- from pages (page.events.PageEvents) ---------------------------------------------------

    def started(self) -> None:
        """Starts a session: Start was clicked."""
        self.log.add("debug", "start requested by a page")
        self._start(None)
        self.watchers.started()

    def start_likely(self) -> None:
        """Prepares what is free of charge: the pointer is over Start, or a page has connected."""
        if not self.is_active:
            self._warm_up.start()
            self.engine.warm(self._settings().transport)
            if self.engine.source is None:
                self.relay.warm(self._settings().transport)

    def owner_came(self, *, replaced: bool) -> None:
        """A page is the owner now; ``replaced`` if the current attempt was another page's."""
        if self.is_active:
            self.taps.ask_again()
        self.relay.owner_came()
        self.sessions.owner_came(replaced=replaced)
        if self.prompts.state.image is not None:
            self._preview.send_again()
        self.start_likely()
        self._liveness.start()
        if self._autostart and not self.is_active:
            self._autostart = False
            self._start(None)

    def stats_received(self, message: dict[str, Any]) -> None:
        """Publishes the owner's measurements of the connection, which arrive once a second."""
        received = {k: v for k, v in message.items() if k not in ("type", "page_id")}
        sent = self.engine.sent if self.pages.shared else self.cameras.obtained
        self._stats = {**received, "sent": sent}
        self._publish_stats()

    def _publish_stats(self) -> None:
        figures = self._destination.own_model()
        if figures is None:
            self._traits.update({"stats": self._stats})
        else:
            stats = {**self._stats, "model": figures}
            self._traits.update({"stats": stats, "_own_model": own_model_words(figures)})

    # --- liveness (runtime.liveness.LivenessTarget) -------------------------------------------

    def liveness_due(self) -> bool:
        """Whether pages and kernel have to be checked every second."""
        # Without a session, only ``kernel_busy`` has to be kept up to date.
        return self.is_active or (bool(self.pages.by_id) and self._kernel.may_block)

    def check_liveness(self, *, beat: bool) -> None:
        """Checks the owner's page and the kernel; see ``LivenessTarget``."""
        blocked = self._kernel.page_messages_blocked()
        self._traits.update({"kernel_busy": blocked})
        if self._destination.own_model() is not None:  # whether a page measures anything or not
            self._publish_stats()
        if not self.pages.shared:
            self.pages.check_owner(page_messages_blocked=blocked)
        elif self.watchers.is_deserted(excused=blocked or self.captures.in_use):
            self.sessions.unattended()
        if beat and self.is_active:
            self.pages.beat()

    def suspended(self, seconds: float) -> None:
        """Ends the session after a long suspend; after a short one, verifies its connection."""
        self.log.add("warning", "was suspended", seconds=round(seconds))
        if seconds > HEARTBEAT_TIMEOUT_S:
            self.sessions.end("unattended", suspended_error(seconds))
            return
        self.pages.extend_deadline(seconds)
        self.sessions.verify()

    def liveness_ended(self) -> None:
        """Resets ``kernel_busy``, which is not checked any more."""
        self._traits.update({"kernel_busy": False})

    # --- inside -------------------------------------------------------------------------------

    def _start(self, timeout: float | None) -> None:
        self.sessions.start(timeout)
        self._liveness.start()

    def _make_media(self) -> Media:
        if self.engine.source is not None:
            in_kernel = self.engine.make()
            self.watchers.begin(in_kernel.views)
            return in_kernel
        if self.relay.is_chosen:
            relayed = self.relay.make()
            self.watchers.begin(relayed.views, owner_only=True)
            return relayed
        self.watchers.begin(None)
        return BrowserMedia(self.pages, self.sessions.is_followed)

    def _source_ended(self) -> None:
        """Ends the session, which would be billed for nothing; on a thread of the engine."""
        Background.get().call(self.sessions.stop, "ended")

    def _rest(self) -> None:
        """Ends the workers soon, unless another session begins before."""
        seconds = REST_S if self._is_superseded else IDLE_S
        self.engine.rest(seconds)
        self.relay.rest(seconds)

    def _session_shown(self, session: Session) -> None:
        self.deck.session_changed(session)
        self.player.session_changed(session.machine.state)

    def _sending_engine(self) -> KernelMedia | None:
        return None if self.engine.source is None else self.engine.media

    def _session_over(self) -> None:
        self.taps.end_all()
        self.watchers.over()
        self._rest()
        failure = self.sessions.failure
        self.captures.over(None if failure is None else failure.bare())
        if self.pages.by_id:
            self._warm_up.start()

    def _need_session(self) -> None:
        if not self.is_active:
            raise no_session_error()
