"""The traits and methods that select what a widget sends: camera, source, microphone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets as t

from decart_widget.errors import InvalidOptionError
from decart_widget.widgets.source_choice import PAGE_SOURCES, SourceTrait, chosen_source
from decart_widget.widgets.trait_types import Choice, Switch, Text

if TYPE_CHECKING:
    from decart_widget.inputs.sources.reader import Source
    from decart_widget.runtime.controller import WidgetController
    from decart_widget.session.background import Background, Operation


class CameraTraits(t.HasTraits):
    """A mix-in of the widget. The owner's page applies each change without a reconnect."""

    _background: Background
    _controller: WidgetController
    _source: Source | None = None  # what the kernel sends
    _engine: str | None = None  # where the page's own source is sent; None: where it works

    if TYPE_CHECKING:

        def _need_open(self) -> None:
            """Raises ``ClosedError`` when the widget is closed."""

    camera = Text(
        None,
        'Give an id or (a part of) a label of w.cameras, "front", "back", or None.',
        allow_none=True,
        help="Which camera: an id or (a part of) a label of `cameras`, front or back; None for the "
        "browser's choice.",
    ).tag(sync=True, page="sets")
    mirror = Choice(
        "off",
        "auto",
        "on",
        help="Whether the sent picture is mirrored: off, on, or auto (only a front camera's).",
    ).tag(sync=True, page="sets")
    orientation = Choice(
        "landscape",
        "portrait",
        help="Of the sent picture: landscape, or portrait (width and height swapped, cut out of "
        "the middle of the camera's picture).",
    ).tag(sync=True, page="sets")
    source = SourceTrait(
        help="What is sent: camera, screen, test-pattern or file (the video file that was dropped "
        "on the widget) by the page; or the label of a source that the kernel sends, such as the "
        "name of a video file. Set it to such a source, or to a file's path.",
    ).tag(sync=True, page="sets")
    engine = t.Enum(
        ["browser", "kernel"],
        "browser",
        read_only=True,
        help="Where the media of the next session runs, or of the one that is active: in the "
        "browser (the page's camera, screen, pattern or file), or in the kernel (a Source).",
    ).tag(sync=True)
    microphone = Switch(
        False,
        help="Whether the microphone is sent too. With transport='webrtc' a session that began "
        "without it sends it after its next start or reconnect.",
    ).tag(sync=True, page="sets")
    muted = Switch(False, help="Whether silence is sent instead of the microphone.").tag(
        sync=True, page="sets"
    )

    # Not synced, and so not saved in notebooks: a camera's label may contain a person's name.
    cameras: t.List[dict[str, str]] = t.List(
        read_only=True,
        help="The cameras of the owner's page: dicts with id, label and position (front, back or "
        "unknown).",
    )
    position = t.Enum(
        ["front", "back", "unknown"],
        "unknown",
        read_only=True,
        help="Of the camera in use: front, back or unknown.",
    )

    def replace_source(self, source: Any) -> Operation[str]:
        """Sets the trait ``source`` and waits until that source is sent.

        The session continues meanwhile. If a source of the page can't be opened, it continues too,
        and the page sends the previous source.

        Args:
            source: While the page sends: ``"camera"``, ``"test-pattern"``, ``"file"`` (the one that
                was dropped on the widget) or ``"screen"``, which browsers share only after a click
                in their page. While the kernel sends: a source, or a video file's path.

        Returns:
            An operation whose result is the source's label, empty where it has none. Awaiting it
            raises ``MediaError`` when there is no session, or the source can't be opened.

        Raises:
            InvalidOptionError: There is no such source, or a session runs whose source is on the
                other side.
            SourceError: The source can't be used; the present one stays.
            ClosedError: The widget is closed.
        """
        self._need_open()
        chosen, label = chosen_source(source)
        self._need_same_engine(chosen)
        if chosen is None:
            work = self._controller.replace_source(label)
        else:
            if self._controller.is_active:
                self.source = chosen
            work = self._controller.source_replaced(label)
        return self._background.start(work, "replace_source")

    def switch_camera(self) -> Operation[str]:
        """Switches to the next camera: between front and back where there are both, else in turn.

        The session continues meanwhile.

        Returns:
            An operation whose result is the camera's label. Awaiting it raises ``MediaError`` when
            there is no session, or no other camera.

        Raises:
            ClosedError: The widget is closed.
        """
        self._need_open()
        return self._background.start(self._controller.switch_camera(), "switch_camera")

    # --- inside -------------------------------------------------------------------------------

    def _choose_source(self, value: Any) -> str:
        """Notes what is sent from now on; called when the trait ``source`` is set.

        Returns:
            The trait's value.
        """
        source, label = chosen_source(value)
        self._need_same_engine(source)
        self._source = source
        self.set_trait("engine", self._engine_of(source))
        controller = getattr(self, "_controller", None)
        if controller is not None:
            self._background.call(controller.choose_source, source)
        return label

    def _engine_of(self, source: Source | None) -> str:
        """Where the media of the next session is, if it sends this."""
        if source is not None:
            return "kernel"
        controller = getattr(self, "_controller", None)
        is_relayed = self._engine == "kernel" if controller is None else controller.relay.is_chosen
        return "kernel" if is_relayed else "browser"

    def _need_same_engine(self, source: Source | None) -> None:
        """Raises ``InvalidOptionError`` while a session runs whose source is on the other side."""
        controller = getattr(self, "_controller", None)
        if controller is None or not controller.is_active:
            return
        if (source is None) != (self._source is None):
            here = "page" if self._source is None else "kernel"
            raise InvalidOptionError(
                f"A session is running whose picture the {here} sends.",
                remedy="End it with disconnect(), then set this source for the next one; or give "
                + (f"one of {', '.join(PAGE_SOURCES)}." if here == "page" else "a VideoFile."),
            )
