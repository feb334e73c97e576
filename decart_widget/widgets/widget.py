"""``DecartWidget``: traits and verbs. What they do is done in ``live`` on the background thread.

What only a widget that exists needs (the checks, asyncio, all of the session) is imported when the
first one is made, so that importing the class costs little more than anywidget itself.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

import traitlets as t

from decart_widget.errors import (
    ClosedError,
    InvalidImageError,
    InvalidOptionError,
    InvalidPromptError,
)
from decart_widget.protocol.states import ServiceStatus
from decart_widget.widgets.base import PageWidget
from decart_widget.widgets.camera_traits import CameraTraits
from decart_widget.widgets.capture_methods import CaptureMethods

if TYPE_CHECKING:
    from decart_widget.models import RealtimeModel
    from decart_widget.options import ConnectionOptions, VideoOptions
    from decart_widget.protocol.requests import PromptState
    from decart_widget.runtime.background import Operation
    from decart_widget.runtime.controller import WidgetController
    from decart_widget.runtime.destination import Destination
    from decart_widget.runtime.settings import Settings
    from decart_widget.session.media import Transport

TRANSPORTS: Final = ("webrtc", "livekit")
RESOLUTIONS: Final = ("720p", "1080p")

_UNSET: Any = type("_Unset", (), {"__repr__": lambda _self: "unchanged"})()


class DecartWidget(CameraTraits, CaptureMethods, PageWidget):
    """Your camera, transformed live, in a notebook cell.

    Args:
        model: Name of a realtime model, or a ``RealtimeModel`` of your own.
        prompt: What the picture is to become; None leaves it alone.
        enrich: Whether the service may elaborate the prompt.
        image: A reference image: path, bytes, http(s) URL, file id, PIL image or RGB array.
        camera: Which one: an id or a label (a part of it will do) of ``cameras``, ``"front"``,
            ``"back"``, or None for the browser's choice.
        mirror: ``"off"``, ``"on"``, or ``"auto"`` for a front camera's picture only. What is sent
            is mirrored, so that what the service writes into the picture stays readable.
        orientation: ``"landscape"``, or ``"portrait"`` for a picture with the model's sides
            swapped, cut out of the middle of the camera's.
        source: ``"camera"``, ``"screen"`` (the browser asks which) or ``"test-pattern"``.
        microphone: Whether to send the microphone too, and to get its sound back with the picture;
            ``muted`` silences it.
        transport: How pictures travel: ``"livekit"`` (a room, as Decart's clients of 2026 do it) or
            ``"webrtc"`` (offer and answer).
        connection: ICE servers and time-outs.
        video: Codec, bitrates (bit/s) and frame rate of what is sent.
        resolution: ``"720p"``, ``"1080p"`` or None for the model's own.
        speed: ``"fast"`` for models that have it.
        budget: Seconds of generation after which the session ends; at least 10 at the service.
            ``remaining`` counts them down, ``budget_low`` turns True when 80 % are used up.
        api_key: A permanent key or a client token; None reads ``DECART_API_KEY``.
        endpoint: None (Decart with a key, else the sandbox), ``"decart"``, ``"sandbox"``, a URL,
            a pair of URLs, or a function ``f(frame, prompt, image) -> frame``.
        autostart: Whether to start as soon as a browser shows the widget.

    Raises a ``ConfigurationError`` for whatever can't be; nothing has been started then.
    """

    # What you set.
    model = t.Unicode("lucy-latest", help="Name of the model; used by the next start.").tag(
        sync=True
    )
    prompt = t.Unicode("", help="What is wanted; sent 300 ms after the last change.").tag(sync=True)
    enrich = t.Bool(True, help="Whether the service may elaborate the prompt.").tag(sync=True)
    budget = t.Float(None, allow_none=True, help="Seconds of generation.").tag(sync=True)

    # What the kernel knows. Read-only: a page can't make them say something else.
    service_status = t.Enum(
        [status.value for status in ServiceStatus],
        ServiceStatus.UNKNOWN.value,
        read_only=True,
        help="unknown, entering-queue or ready.",
    ).tag(sync=True)
    queue_position = t.Int(None, allow_none=True, read_only=True, help="From 1.").tag(sync=True)
    queue_size = t.Int(None, allow_none=True, read_only=True).tag(sync=True)
    session_id = t.Unicode(None, allow_none=True, read_only=True).tag(sync=True)
    generation_tick = t.Float(0.0, read_only=True, help="Billed seconds so far.").tag(sync=True)
    remaining = t.Float(
        allow_none=True, read_only=True, help="Seconds left of the budget; None without one."
    ).tag(sync=True)
    budget_low = t.Bool(False, read_only=True, help="True once 80 % of the budget is used up.").tag(
        sync=True
    )
    kernel_busy = t.Bool(
        False,
        read_only=True,
        help="True while a cell keeps the kernel from hearing pages (no subshells).",
    ).tag(sync=True)
    applied_prompt = t.Unicode(
        None, allow_none=True, read_only=True, help="What the service has acknowledged."
    ).tag(sync=True)
    prompt_status = t.Enum(["idle", "pending", "applied", "rejected"], "idle", read_only=True).tag(
        sync=True
    )
    stats = t.Dict(read_only=True, help="The last second: what was received, what the camera gave.")
    # For the front end only.
    _retry = t.Dict(read_only=True).tag(sync=True)
    _applied_in = t.Float(None, allow_none=True, read_only=True).tag(sync=True)

    def __init__(
        self,
        model: str | RealtimeModel = "lucy-latest",
        prompt: str | None = None,
        enrich: bool = True,
        image: Any = None,
        *,
        camera: str | None = None,
        mirror: str = "off",
        orientation: str = "landscape",
        source: str = "camera",
        microphone: bool = False,
        transport: Transport = "livekit",
        connection: ConnectionOptions | None = None,
        video: VideoOptions | None = None,
        resolution: str | None = None,
        speed: str | None = None,
        budget: float | None = None,
        api_key: str | None = None,
        endpoint: Any = None,
        autostart: bool = False,
        **unknown: Any,
    ) -> None:
        from decart_widget.diagnostics.secrets import Secret
        from decart_widget.inputs.prompts import check_prompt
        from decart_widget.inputs.reference_image import check_image_url, is_url, load_image
        from decart_widget.models import realtime_model
        from decart_widget.options import ConnectionOptions, VideoOptions
        from decart_widget.protocol.requests import PromptState
        from decart_widget.runtime.background import Background
        from decart_widget.runtime.destination import Destination
        from decart_widget.widgets.arguments import one_of, refuse_unknown, typed
        from decart_widget.widgets.rerun import cells, current_execution

        # No frame of ours holds a key as text, not even one that came under a wrong name.
        try:
            key = None if api_key is None else Secret(api_key)
            names = tuple(unknown)
        finally:
            del api_key, unknown
        refuse_unknown(names, DecartWidget.__init__)
        self._model = realtime_model(model)
        self._connection = typed("connection", connection, ConnectionOptions)
        one_of("transport", transport, TRANSPORTS)
        self._transport = transport
        chosen = VideoOptions.for_transport(transport) if video is None else video
        self._video = typed("video", chosen, VideoOptions)
        one_of("resolution", resolution, (None, *RESOLUTIONS))
        one_of("speed", speed, (None, *self._model.speeds))
        self._resolution, self._speed = resolution, speed
        if image is not None:
            self._need_image_model()
        if is_url(image):
            check_image_url(image)
        fetched = image is not None and not is_url(image)
        prompt_state = PromptState(
            None if prompt is None else check_prompt(prompt),
            bool(enrich),
            load_image(image) if fetched else None,
        )
        destination = Destination(endpoint, key, stacklevel=2)
        # Set before there are pages to tell: they get it with the rest, in one message.
        self.set_trait("endpoint", destination.name)
        self._describe_media(image is not None)
        super().__init__(
            model=self._model.name,
            prompt=prompt or "",
            enrich=bool(enrich),
            budget=budget,
            camera=camera,
            mirror=mirror,
            orientation=orientation,
            source=source,
            microphone=microphone,
        )
        self._background = Background.get()
        self._controller = self._make_controller(destination, prompt_state, autostart)
        if is_url(image):
            self._controller.image_url = image
        self._listen(self._controller.pages.receive)
        self.observe(self._on_prompt_trait, ["prompt", "enrich"])
        self.observe(self._note_budget, "budget")
        for older in cells.register(current_execution(), self._controller):
            self._background.call(older.superseded)

    def _make_controller(
        self, destination: Destination, prompt_state: PromptState, autostart: bool
    ) -> WidgetController:
        import asyncio

        from decart_widget.runtime.background import BusyProbe
        from decart_widget.runtime.controller import WidgetController
        from decart_widget.runtime.settings import Settings

        def settings() -> Settings:
            return Settings(
                self._transport,
                self._model,
                self._video,
                self._connection,
                self.budget,
                self._resolution,
                self._speed,
            )

        live = WidgetController(
            destination,
            self._send_to_pages,
            self._publish,
            settings,
            prompt_state,
            autostart=autostart,
            log=self.log,
        )
        live.widget = weakref.ref(self)
        try:
            probe = BusyProbe(asyncio.get_running_loop())
        except RuntimeError:
            return live  # no loop in this thread: not a kernel that could be busy
        live.may_block = lambda: self._comm_on_main_thread
        live.page_messages_blocked = lambda: self._comm_on_main_thread and probe.busy()
        return live

    # --- verbs --------------------------------------------------------------------------------

    def connect(self, timeout: float | None = None) -> Operation[str]:
        """Starts a session; the page that shows the widget opens its camera.

        Args:
            timeout: Seconds until the session must stand; None for
                ``ConnectionOptions.connection_timeout`` (15). Time in the queue doesn't count.

        The result is the connection state: ``"connected"`` or ``"generating"``,
        ``"no-frontend"`` when no browser shows the widget, ``"error"`` (see ``error``) or
        ``"disconnected"``. It never raises for these, and never hangs.
        Raises ``ClosedError``.
        """
        self._need_open()
        return self._background.start(self._controller.connect(timeout), "connect")

    def disconnect(self) -> Operation[str]:
        """Ends the session, and the bill with it; the camera goes off.

        The result is the connection state then. Without a session nothing happens.
        """
        self._need_open()
        return self._background.start(self._controller.disconnect(), "disconnect")

    def set(
        self, prompt: str | None = _UNSET, image: Any = _UNSET, enrich: bool = _UNSET
    ) -> Operation[str]:
        """Changes prompt, image and enrich together, in one message, without the 300 ms wait.

        Args:
            prompt: None to go on without one; what is not given stays as it is.
            image: As in the constructor; None takes the reference image away.
            enrich: Whether the service may elaborate the prompt.

        The result is ``"applied"`` once the service has acknowledged it, ``"superseded"`` when a
        newer one took its place, or ``"stored"`` when there is no session: then the next one
        begins with it. Awaiting raises ``RequestRejectedError`` or ``AckTimeoutError``.

        Raises ``InvalidPromptError``, ``InvalidImageError`` or ``ClosedError`` at once, and
        changes nothing then.
        """
        from decart_widget.inputs.prompts import check_prompt
        from decart_widget.inputs.reference_image import check_image_url, is_url, load_image

        self._need_open()
        changes: dict[str, Any] = {}
        if prompt is not _UNSET:
            changes["prompt"] = None if prompt is None else check_prompt(prompt)
        if enrich is not _UNSET:
            if not isinstance(enrich, bool):
                raise InvalidOptionError(f"enrich is {enrich!r}.", remedy="Give True or False.")
            changes["enrich"] = enrich
        if image is not _UNSET:
            if image is not None:
                self._need_image_model()
            if not is_url(image):
                changes["image"] = None if image is None else load_image(image)
        if is_url(image):
            check_image_url(image)
            return self._background.start(self._set_with_url(changes, image), "set")
        operation = self._background.start(self._controller.set_prompt_state(**changes), "set")
        self._show_prompt_state(changes)
        return operation

    async def _set_with_url(self, changes: dict[str, Any], url: str) -> str:
        import asyncio

        from decart_widget.inputs.reference_image import load_image

        changes["image"] = await asyncio.to_thread(load_image, url)
        self._show_prompt_state(changes)
        return await self._controller.set_prompt_state(**changes)

    def _show_prompt_state(self, changes: dict[str, Any]) -> None:
        # The observers hand prompt and enrich over once more, which finds nothing new.
        if "prompt" in changes:
            self.prompt = changes["prompt"] or ""
        if "enrich" in changes:
            self.enrich = changes["enrich"]
        if "image" in changes:
            self._describe_media(changes["image"] is not None)

    @property
    def subscribe_token(self) -> str | None:
        """What ``DecartViewer`` needs to show this session elsewhere.

        None until the session has a room (``transport="livekit"``, connected), and again when it
        is over. Whoever has it can watch: it is kept out of the traits and so out of the notebook.
        """
        return self._controller.subscribe_token

    @classmethod
    def live(cls) -> list[DecartWidget]:
        """The widgets of this process whose session runs now, oldest session first."""
        from decart_widget.runtime.registry import running

        return [widget for live in running() if (widget := live.widget()) is not None]

    @classmethod
    def stop_all(cls) -> Operation[int]:
        """Ends every session of this process, and the bills with them.

        The result is how many there were.
        """
        from decart_widget.runtime.background import Background
        from decart_widget.runtime.registry import end_all

        return Background.get().start(end_all(), "stop_all")

    def close(self) -> None:
        """Ends the session and the widget. May be called twice."""
        if not getattr(self, "_closed", True):
            self._background.start(self._controller.close(), "close")
        super().close()

    def _note_budget(self, _change: Any) -> None:
        self._background.call(self._controller.budget_changed)

    def _on_prompt_trait(self, _change: Any) -> None:
        self._background.call(self._controller.prompt_typed, self.prompt, self.enrich)

    # --- checks -------------------------------------------------------------------------------

    @t.validate("model")
    def _check_model(self, proposal: Any) -> str:
        from decart_widget.models import realtime_model

        model = (
            self._model
            if proposal["value"] == self._model.name
            else realtime_model(proposal["value"])
        )
        self._model = model
        if hasattr(self, "_controller"):
            self._describe_media(bool(self._media.get("has_image")))
        return model.name

    @t.validate("prompt")
    def _check_prompt(self, proposal: Any) -> str:
        from decart_widget.inputs.prompts import MAX_PROMPT

        prompt: str = proposal["value"]
        if len(prompt) > MAX_PROMPT:
            raise InvalidPromptError(
                f"The prompt has {len(prompt):,} characters.",
                remedy=f"Give at most {MAX_PROMPT:,}.",
            )
        return prompt

    @t.default("remaining")
    def _whole_budget(self) -> float | None:
        budget: float | None = self.budget
        return budget

    @t.validate("budget")
    def _check_budget(self, proposal: Any) -> float | None:
        budget = proposal["value"]
        if budget is not None and not 0 < budget <= 86_400:
            raise InvalidOptionError(
                f"The budget is {budget:g} s.", remedy="Give 10 to 86400 seconds, or None."
            )
        return None if budget is None else float(budget)

    def _about(self) -> dict[str, Any]:
        about = super()._about()
        owner = self._controller.pages.by_id.get(self._controller.pages.owner or "")
        return {
            **about,
            "model": self.model,
            "video": repr(self._video),
            "connection": repr(self._connection),
            "pages": len(self._controller.pages.by_id),
            "browser": owner.agent if owner is not None else "none",
        }

    def _describe_media(self, has_image: bool) -> None:
        model = self._model
        self.set_trait(
            "_media",
            {
                "width": model.width,
                "height": model.height,
                "fps": model.fps,
                "has_image": has_image,
                "takes_image": model.reference_image,
            },
        )

    def _need_image_model(self) -> None:
        if not self._model.reference_image:
            raise InvalidImageError(
                f"{self._model.name} takes no reference image.",
                remedy='Choose another model, for instance "lucy-latest".',
            )

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
