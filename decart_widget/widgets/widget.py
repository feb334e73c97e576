"""``DecartWidget``, the public class. Its ``WidgetController`` works on the background loop.

Modules that only an instance needs (the checks, asyncio, the session) are imported when the first
one is created, so that importing the class costs little more than importing anywidget.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Never
from weakref import WeakSet

import traitlets as t

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.errors import ClosedError
from decart_widget.widgets.base import PageWidget
from decart_widget.widgets.camera_traits import CameraTraits
from decart_widget.widgets.capture_methods import CaptureMethods
from decart_widget.widgets.exploring import Exploring
from decart_widget.widgets.session_methods import SessionControl, SessionMethods

if TYPE_CHECKING:
    from decart_widget.inputs.templates import Template
    from decart_widget.models import RealtimeModel
    from decart_widget.options import ConnectionOptions, VideoOptions
    from decart_widget.runtime.settings import Settings
    from decart_widget.session.background import Operation
    from decart_widget.session.media import Transport

_made: Final[WeakSet[DecartWidget]] = WeakSet()
"""The widgets of this process."""


class DecartWidget(SessionMethods, CameraTraits, CaptureMethods, Exploring, PageWidget):
    """Your camera, transformed live, in a notebook cell.

    Args:
        model: Name of a realtime model, or a ``RealtimeModel`` of your own.
        prompt: What the picture is to become; None leaves the picture alone.
        enrich: Whether the service may elaborate the prompt.
        template: A prompt with fields, as ``explore.template`` returns it. They stand as menus
            above the prompt box, and are the traits of ``w.fields``. Without ``prompt``, the prompt
            is that of their first values.
        image: A reference image: path, bytes, http(s) URL, file id, PIL image or RGB array.
        camera: Which one: an id or a label (a part of it will do) of ``cameras``, ``"front"``,
            ``"back"``, or None for the browser's choice.
        mirror: ``"off"``, ``"on"``, or ``"auto"`` for a front camera's picture only. The sent
            picture is mirrored, so that text which the service draws into it stays readable.
        orientation: ``"landscape"``, or ``"portrait"`` for a picture with the model's sides
            swapped, cut out of the middle of the camera's.
        source: What is sent. By the page: ``"camera"`` (``Webcam()``), ``"screen"`` (the browser
            asks which) or ``"test-pattern"``. By the kernel, whose result all pages show: a
            ``VideoFile`` or its path, ``Frames`` or an array, a ``Camera`` or its number, or a
            ``TestPattern``.
        engine: Where what the page sends meets the service: ``"browser"``: in the page;
            ``"kernel"``: the kernel carries it, which takes longer, for a browser that can't reach
            the service's media; None: in the page, and if that fails before it was established, in
            the kernel. The trait ``engine`` says which it is.
        microphone: Whether to send the microphone too, and to get its sound back with the picture;
            the trait ``muted`` silences it.
        transport: How media is negotiated: ``"livekit"`` (a LiveKit room, as in Decart's clients of
            2026) or ``"webrtc"`` (offer and answer on the control channel).
        connection: ICE servers and time-outs.
        video: Codec, bitrates (bit/s) and frame rate of what is sent.
        resolution: ``"720p"``, ``"1080p"`` or None for the model's own.
        speed: ``"fast"`` for models that have it.
        budget: Seconds of generation after which the session ends; at least 10 at the service.
            ``remaining`` counts them down, ``budget_low`` turns True when 80 % are used up. Or US
            dollars, ``"$2"``, which the model's list price (``decart_widget.prices``) converts.
        api_key: A permanent key or a client token; None reads ``DECART_API_KEY``.
        endpoint: None (Decart with a key, else the sandbox), ``"decart"``, ``"sandbox"``, a URL,
            a pair of URLs, or a function ``f(frame, prompt, image) -> frame`` or ``sandbox.Model``.
        autostart: Whether to start as soon as a browser shows the widget.

    Raises:
        ConfigurationError: An argument is invalid; then nothing is started.
    """

    @hides_arguments
    def __init__(
        self,
        model: str | RealtimeModel = "lucy-latest",
        prompt: str | None = None,
        enrich: bool = True,
        image: Any = None,
        *,
        template: Template | None = None,
        camera: str | None = None,
        mirror: str = "off",
        orientation: str = "landscape",
        source: Any = "camera",
        engine: Literal["browser", "kernel"] | None = None,
        microphone: bool = False,
        transport: Transport = "livekit",
        connection: ConnectionOptions | None = None,
        video: VideoOptions | None = None,
        resolution: str | None = None,
        speed: str | None = None,
        budget: float | str | None = None,
        api_key: str | None = None,
        endpoint: Any = None,
        autostart: bool = False,
        **unknown: Never,
    ) -> None:
        from decart_widget.inputs.secrets import Secret
        from decart_widget.runtime.controller import WidgetController
        from decart_widget.runtime.destination import SANDBOX, Destination, warn_of_sandbox
        from decart_widget.runtime.trait_values import media_trait, own_model_words
        from decart_widget.session.background import Background
        from decart_widget.widgets.arguments import (
            check_bool,
            check_engine,
            check_prompt_state,
            check_settings,
            refuse_unknown,
        )
        from decart_widget.widgets.fields import check_template
        from decart_widget.widgets.rerun import cells, current_execution
        from decart_widget.widgets.source_choice import chosen_source
        from decart_widget.widgets.trait_types import check_traits

        # No variable here keeps a key as text, not even one that was passed under a wrong name,
        # because a traceback may show local variables.
        try:
            key = None if api_key is None else Secret(api_key)
            names = tuple(unknown)
        finally:
            del api_key, unknown
        refuse_unknown(names, DecartWidget.__init__)
        self._settings = check_settings(model, transport, video, connection, resolution, speed)
        self._take_template(check_template(template))
        if prompt is None:
            prompt = self.fields.prompt or None
        self._has_video_options = video is not None
        self._transport = transport
        prompt_state, image_url = check_prompt_state(self._settings.model, prompt, enrich, image)
        check_bool("autostart", autostart)
        chosen, _ = chosen_source(source)
        check_engine(engine, in_kernel=chosen is not None)
        self._engine = engine
        destination = Destination(endpoint, key)
        self._given_endpoint = endpoint
        traits = {
            "budget": budget,
            "camera": camera,
            "mirror": mirror,
            "orientation": orientation,
            "microphone": microphone,
        }
        check_traits(self, traits)
        # Set before the comm is opened, so that its first message contains them.
        self.set_trait("endpoint", destination.name)
        self.set_trait("_own_model", own_model_words(destination.own_model()))
        has_image = image is not None
        self.set_trait("_media", media_trait(self._settings.model, has_image=has_image))
        with self._closed_on_error():
            super().__init__(
                model=self._settings.model.name,
                prompt=prompt or "",
                enrich=enrich,
                source=source if chosen is None else chosen,
                **traits,
            )
            self._background = Background.get()
            self._controller = WidgetController(
                destination,
                self._send_to_pages,
                self._publish,
                self._current_settings,
                prompt_state,
                kernel=self._kernel_link,
                shape=lambda: (self.orientation, self.mirror == "on"),
                source_failed=partial(self._user_code.report, "The frames given as source="),
                image_url=image_url,
                autostart=autostart,
                log=self.log,
                saves_thumbnails=lambda: self.save_thumbnails,
                sweep=self._sweep_wanted,
            )
            self._controller.engine.choose(chosen)
            self._controller.relay.choose(engine)
            self._listen(self._controller.pages.receive)
            destination.watch(self._function_failed)
            _made.add(self)
            for older in cells.register(current_execution(), self._controller):
                self._controller.deck.looks.take_from(older.deck.looks)
                self._background.call(older.superseded)
                self._show_looks()
        if endpoint is None and destination.name == SANDBOX and not self._has_pages:
            warn_of_sandbox(stacklevel=3)

    # --- methods ------------------------------------------------------------------------------

    def connect(self, timeout: float | None = None) -> Operation[str]:
        """Starts a session; the page that shows the widget opens its camera.

        A source that the kernel sends needs no page.

        Args:
            timeout: Seconds until the session must be established; None for
                ``ConnectionOptions.connection_timeout`` (15). Time in the queue doesn't count.

        Returns:
            An operation whose result is the connection state: ``"connected"`` or
            ``"generating"``, ``"no-frontend"`` when no browser shows the widget, ``"error"`` (see
            the trait ``error``) or ``"disconnected"``. None of these makes awaiting it raise.

        Raises:
            ClosedError: The widget is closed.
        """
        self._need_open()
        return self._background.start(self._controller.connect(timeout), "connect")

    @classmethod
    def running(cls) -> list[DecartWidget]:
        """Returns the widgets of this process with a running session, oldest session first."""
        from decart_widget.runtime.registry import running

        widgets = {widget._controller.sessions: widget for widget in list(_made)}  # noqa: SLF001
        return [widgets[owner] for owner in running() if owner in widgets]

    live = running
    """Alias of ``running``."""

    @classmethod
    def stop_all(cls) -> Operation[int]:
        """Ends every session of this process, and so their billing.

        Returns:
            An operation whose result is the number of sessions.
        """
        from decart_widget.runtime.registry import end_all
        from decart_widget.session.background import Background

        return Background.get().start(end_all(), "stop_all")

    def close(self) -> None:
        """Ends the session and the widget. May be called twice."""
        if not getattr(self, "_closed", True):
            self._background.start(self._controller.close(), "close")
        super().close()

    # --- trait changes by the notebook or a page ----------------------------------------------

    def _trait_changed(self, change: t.Bunch) -> None:
        name = change["name"]
        if not self._is_listening:
            return
        if name == "model":
            self._model_set(change["new"])
        elif name in ("prompt", "enrich") and not self._is_publishing(name, change["new"]):
            self._background.call(self._controller.prompts.typed, self.prompt, self.enrich)
        elif name == "budget":
            self._background.call(self._controller.settings_changed)
        elif name == "_fields":
            self._places_set(change["new"])
        elif name == "save_thumbnails":
            self._show_looks()

    def _current_settings(self) -> Settings:
        settings = super()._current_settings()
        automatic = self.engine == "kernel" and not self._has_video_options
        return settings.in_kernel() if automatic else settings

    def _where(self) -> dict[str, Any]:
        settings = self._settings
        endpoint = self.endpoint if self._given_endpoint is None else self._given_endpoint
        given = {"transport": self._transport, "endpoint": endpoint}
        if settings.resolution is not None:
            given["resolution"] = settings.resolution
        if settings.speed is not None:
            given["speed"] = settings.speed
        if self._has_video_options:
            given["video"] = settings.video
        return given

    def _model_set(self, model: str) -> None:
        from dataclasses import replace

        from decart_widget.models import realtime_model
        from decart_widget.runtime.trait_values import media_trait

        if model != self._settings.model.name:
            self._settings = replace(self._settings, model=realtime_model(model))
        has_image = bool(self._media.get("has_image"))
        self.set_trait("_media", media_trait(self._settings.model, has_image=has_image))
        self._background.call(self._controller.model_changed)

    @t.validate("model")
    def _check_model(self, proposal: Any) -> str:
        from decart_widget.models import realtime_model

        name: str = proposal["value"]
        # The name of a custom RealtimeModel is not in MODELS.
        return name if name == self._settings.model.name else realtime_model(name).name

    def _about(self) -> dict[str, Any]:
        about = super()._about()
        pages = self._controller.pages
        owner = pages.owner_page
        return {
            **about,
            "model": self.model,
            "engine": self.engine,
            "video": repr(self._settings.video),
            "connection": repr(self._settings.connection),
            "pages": len(pages.by_id),
            "browser": owner.agent if owner is not None else "none",
        }

    @property
    def _has_pages(self) -> bool:
        """Whether pages can show the widget: not in a program that is no Jupyter kernel."""
        import comm

        return not isinstance(self.comm, getattr(comm, "DummyComm", ()))

    @property
    def _control(self) -> SessionControl:
        return self._controller

    def _need_open(self) -> None:
        if self._closed:
            raise ClosedError("This widget is closed.", remedy="Make a new DecartWidget.")

    def __repr__(self) -> str:
        if self._closed:
            return "DecartWidget(closed)"
        return (
            f"DecartWidget(model={self.model!r}, prompt={self.prompt!r}, "
            f"endpoint={self.endpoint!r}, connection_state={self.connection_state!r})"
        )
