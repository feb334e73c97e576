"""``Session``: one session after the other from a script, a test or a notebook, without a page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Never, Self

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.errors import ClosedError, no_session_error
from decart_widget.headless.frame_methods import FrameMethods
from decart_widget.protocol.states import ConnectionState
from decart_widget.widgets.session_methods import SessionControl, SessionMethods

if TYPE_CHECKING:
    import traitlets as t

    from decart_widget.engine.media import EngineMedia
    from decart_widget.inputs.secrets import Secret
    from decart_widget.models import RealtimeModel
    from decart_widget.options import ConnectionOptions, VideoOptions
    from decart_widget.runtime.settings import Settings
    from decart_widget.session.background import Operation
    from decart_widget.session.media import Transport

CLOSE_TIMEOUT_S: Final = 15.0
"""Seconds that ``close`` waits for the end of the session and of the engine's worker."""


class Session(FrameMethods, SessionMethods):
    """Sends a source of frames through a model and gives them back as arrays.

    ::

        with Session(prompt="watercolour", source="in.mp4") as session:
            for frame in session.frames():
                show(frame.array)

    ``async with`` and ``async for`` do the same in a coroutine. Names, defaults and errors are
    those of ``DecartWidget``, and the state is in the same traits: ``connection_state``,
    ``error``, ``generation_tick``, ``cost``, ``remaining`` ...

    A session is billed from its first frame until it ends: at the end of its ``with``, of its
    source, of its budget, of the process, or by ``disconnect()``.

    Args:
        model: Name of a realtime model, or a ``RealtimeModel`` of your own.
        prompt: What the picture is to become; None leaves the picture alone.
        enrich: Whether the service may elaborate the prompt.
        image: A reference image: path, bytes, http(s) URL, file id, PIL image or RGB array.
        source: What is sent: a ``VideoFile``, ``Frames``, ``Camera`` or ``TestPattern``; or a path,
            an array, an iterable of arrays, a camera's number, or ``"test-pattern"``.
        mirror: ``"on"`` to send the picture mirrored, or ``"off"``.
        orientation: ``"landscape"``, ``"portrait"`` (the model's sides swapped) or ``"auto"``: as
            the source's picture is. What doesn't fit is cut off at the edges.
        transport: ``"livekit"`` (a LiveKit room) or ``"webrtc"`` (offer and answer).
        connection: ICE servers and time-outs.
        video: Codec, bitrates (bit/s) and frame rate of what is sent; None for the model's frame
            rate, and H.264 where the service offers it.
        resolution: ``"720p"``, ``"1080p"`` or None for the model's own.
        speed: ``"fast"`` for models that have it.
        budget: Seconds of generation after which the session ends, or US dollars as in ``"$2"``.
        api_key: A permanent key or a client token; None reads ``DECART_API_KEY``.
        endpoint: None (Decart with a key, else the sandbox), ``"decart"``, ``"sandbox"``, a URL,
            a pair of URLs, or a function ``f(frame, prompt, image) -> frame`` or ``sandbox.Model``.

    Raises:
        ConfigurationError: An argument is invalid, or the source can't be read; nothing is started.
    """

    @hides_arguments
    def __init__(
        self,
        model: str | RealtimeModel = "lucy-latest",
        prompt: str | None = None,
        enrich: bool = True,
        image: Any = None,
        *,
        source: Any,
        mirror: str = "off",
        orientation: str = "landscape",
        transport: Transport = "livekit",
        connection: ConnectionOptions | None = None,
        video: VideoOptions | None = None,
        resolution: str | None = None,
        speed: str | None = None,
        budget: float | str | None = None,
        api_key: str | Secret | None = None,
        endpoint: Any = None,
        **unknown: Never,
    ) -> None:
        from decart_widget.engine.media import EngineMedia
        from decart_widget.engine.streams import Streams
        from decart_widget.headless.controller import SessionController
        from decart_widget.inputs.secrets import Secret
        from decart_widget.inputs.sources.choice import as_source
        from decart_widget.runtime.destination import SANDBOX, Destination, warn_of_sandbox
        from decart_widget.session.background import Background
        from decart_widget.widgets.arguments import (
            check_prompt_state,
            check_settings,
            one_of,
            refuse_unknown,
        )

        # No variable here keeps a key as text, because a traceback may show local variables.
        try:
            key = api_key if isinstance(api_key, Secret | None) else Secret(api_key)
            names = tuple(unknown)
        finally:
            del api_key, unknown
        refuse_unknown(names, Session.__init__)
        settings = check_settings(model, transport, video, connection, resolution, speed)
        if video is None:
            settings = settings.in_kernel()
        self._settings: Settings = settings
        prompt_state, image_url = check_prompt_state(settings.model, prompt, enrich, image)
        one_of("mirror", mirror, ("off", "on"))
        one_of("orientation", orientation, ("landscape", "portrait", "auto"))
        chosen = as_source(source)
        chosen.check()
        destination = Destination(endpoint, key)
        self.set_trait("endpoint", destination.name)
        super().__init__(
            model=settings.model.name, prompt=prompt or "", enrich=enrich, budget=budget
        )
        self._is_closing = False
        self._background = Background.get()
        self._destination = destination
        self._media = EngineMedia(chosen, orientation=orientation, mirror=mirror == "on")
        self._source = chosen
        self._streams = Streams(self._media, self._source_ended)
        self._controller = SessionController(
            destination,
            self._current_settings,
            prompt_state,
            image_url,
            self._media,
            self._streams,
            lambda values: self._publish(self._known(values)),
            self.log,
        )
        destination.watch(self._function_failed)
        if endpoint is None and destination.name == SANDBOX:
            warn_of_sandbox(stacklevel=3)

    # --- life ---------------------------------------------------------------------------------

    def connect(self, timeout: float | None = None) -> Operation[str]:
        """Starts a session unless one is active.

        Args:
            timeout: Seconds until it must be established; None for
                ``ConnectionOptions.connection_timeout`` (15). Time in the queue doesn't count.

        Returns:
            An operation whose result is the connection state: ``"connected"``, ``"generating"``,
            ``"error"`` (see ``error``) or ``"disconnected"``. None makes awaiting it raise.

        Raises:
            ClosedError: The session is closed.
        """
        self._need_open()
        return self._background.start(self._controller.connect(timeout), "connect")

    def connect_or_raise(self) -> None:
        """Starts a session unless one is active, and waits until it is established.

        Raises:
            DecartError: It failed.
            ClosedError: The session is closed.
        """
        self._check_established(self.connect().result(None))

    @property
    def media(self) -> EngineMedia:
        """The engine that carries the frames."""
        return self._media

    @property
    def settings(self) -> Settings:
        """The settings of the next session."""
        return self._current_settings()

    def wait(self) -> Operation[str]:
        """Waits until the session is over, for instance because its source has ended.

        Returns:
            An operation whose result is the connection state. Awaiting it raises the error with
            which the session ended, unless that is the end of its budget.

        Raises:
            ClosedError: The session is closed.
        """
        self._need_open()
        return self._background.start(self._controller.over(), "wait")

    def close(self) -> None:
        """Ends the session and everything that it has opened. May be called twice."""
        if getattr(self, "_is_closing", True):
            return
        self._is_closing = True
        try:
            self._background.start(self._controller.close(), "close").result(CLOSE_TIMEOUT_S)
        finally:
            self._closed = True  # from now on no trait changes

    def __enter__(self) -> Self:
        try:
            self.connect_or_raise()
        except BaseException:  # Ctrl-C too: nothing may go on being billed
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        try:
            self._check_established(await self.connect())
        except BaseException:
            await self._close_async()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._close_async()

    async def _close_async(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            try:
                await self._background.start(self._controller.close(), "close")
            finally:
                self._closed = True

    def _check_established(self, state: str) -> None:
        if state not in (ConnectionState.CONNECTED.value, ConnectionState.GENERATING.value):
            error = self._controller.error
            raise no_session_error() if error is None else error

    # --- prompt and source --------------------------------------------------------------------

    def replace_source(self, source: Any) -> Operation[None]:
        """Sends another source from now on; the session goes on.

        Args:
            source: As in the constructor. The numbers of its frames begin at 0 again.

        Returns:
            An operation that is over when the first frame of the new source can be sent.

        Raises:
            ConfigurationError: The source can't be used; the present one stays.
            ClosedError: The session is closed.
        """
        from decart_widget.inputs.sources.choice import as_source

        self._need_open()
        chosen = as_source(source)
        chosen.check()
        self._source = chosen
        return self._background.start(self._controller.replace_source(chosen), "replace_source")

    # --- inside -------------------------------------------------------------------------------

    @property
    def _control(self) -> SessionControl:
        return self._controller

    def _need_open(self) -> None:
        if self._is_closing:
            raise ClosedError("This session is closed.", remedy="Make a new Session.")

    def _source_ended(self) -> None:
        """Ends the session, which would be billed for nothing; on a thread of the engine."""
        self._background.call(self._controller.sessions.stop)

    def _trait_changed(self, change: t.Bunch) -> None:
        name, controller = change["name"], getattr(self, "_controller", None)
        if controller is None:
            return
        if name == "model":
            from decart_widget.models import realtime_model

            if change["new"] != self._settings.model.name:
                self._settings = replace(self._settings, model=realtime_model(change["new"]))
        elif name in ("prompt", "enrich") and not self._is_publishing(name, change["new"]):
            self._background.call(controller.sessions.prompts.typed, self.prompt, self.enrich)
        elif name == "budget":
            self._background.call(controller.sessions.show_settings)

    def _about(self) -> dict[str, Any]:
        from decart_widget.diagnostics.versions import versions

        return {"session": type(self).__name__, **versions(), "model": self.model}

    def __repr__(self) -> str:
        if self._closed:
            return "Session(closed)"
        return (
            f"Session(model={self.model!r}, prompt={self.prompt!r}, endpoint={self.endpoint!r}, "
            f"connection_state={self.connection_state!r})"
        )
