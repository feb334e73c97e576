"""What a widget sends, as traits and a verb: which camera, how turned, and whether it is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import traitlets as t

if TYPE_CHECKING:
    from decart_widget.runtime.background import Background, Operation
    from decart_widget.runtime.controller import WidgetController


class CameraTraits(t.HasTraits):
    """Mixed into the widget; the page does the work, each change without a reconnect."""

    _background: Background
    _controller: WidgetController

    if TYPE_CHECKING:

        def _need_open(self) -> None:
            """Raises ``ClosedError`` when the widget is closed."""

    camera = t.Unicode(
        None,
        allow_none=True,
        help="Which camera: an id or a label from `cameras`, front, back; None for the browser's.",
    ).tag(sync=True)
    mirror = t.Enum(
        ["off", "auto", "on"], "off", help="Mirrors what is sent; auto: a front camera's picture."
    ).tag(sync=True)
    orientation = t.Enum(["landscape", "portrait"], "landscape", help="Of what is sent.").tag(
        sync=True
    )
    source = t.Enum(
        ["camera", "screen", "test-pattern", "file"],
        "camera",
        help="What is sent; file: what was dropped on the widget.",
    ).tag(sync=True)
    microphone = t.Bool(
        False,
        help="Whether the microphone is sent too. With offer and answer a session that began "
        "without it takes it up with its next start or reconnect.",
    ).tag(sync=True)
    muted = t.Bool(False, help="Whether silence is sent in the microphone's place.").tag(sync=True)

    # Kept out of what is synced, and so out of saved notebooks: a camera's name may be its owner's.
    cameras: t.List[dict[str, str]] = t.List(
        read_only=True, help="What can film: dicts with id, label and position."
    )
    position = t.Enum(
        ["front", "back", "unknown"], "unknown", read_only=True, help="Of the camera in use."
    )

    def replace_source(self, source: str) -> Operation[str]:
        """Sends something else from now on, as setting ``source`` does, and says when it is.

        Args:
            source: ``"camera"``, ``"test-pattern"``; ``"file"`` for the one that was dropped on
                the widget. Browsers share a ``"screen"`` after a click in their page only.

        The session goes on meanwhile. The result is the source's label, empty where it has none.
        Awaiting raises ``MediaError`` when there is no session, or it can't be had; what was sent
        goes on then. Raises ``InvalidOptionError`` or ``ClosedError`` at once.
        """
        from decart_widget.widgets.arguments import one_of

        self._need_open()
        one_of("source", source, tuple(type(self).source.values or ()))
        return self._background.start(self._controller.replace_source(source), "replace_source")

    def switch_camera(self) -> Operation[str]:
        """Takes the next camera: front and back by turns where there are both, else all in turn.

        The session goes on meanwhile. The result is the camera's label. Awaiting raises
        ``MediaError`` when there is no session, or no other camera.
        """
        self._need_open()
        return self._background.start(self._controller.switch_camera(), "switch_camera")
