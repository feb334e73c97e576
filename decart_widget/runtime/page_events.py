"""What a page gives a widget besides its session's media: images, cameras, pictures, clips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from decart_widget.capture.taps import Sink, What, Which, no_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from decart_widget.capture.clips import Clips
    from decart_widget.capture.taps import Taps
    from decart_widget.diagnostics.log import Log
    from decart_widget.errors import DecartError
    from decart_widget.page.cameras import Cameras
    from decart_widget.page.image_upload import ImageUpload
    from decart_widget.protocol.messages import ImageData
    from decart_widget.runtime.controller import Send
    from decart_widget.runtime.trait_updates import Coalescer
    from decart_widget.session.session import Session


class Giving:
    """Handlers of page messages that are not session media; mixed into ``WidgetController``."""

    log: Log
    taps: Taps
    clips: Clips
    image: ImageUpload
    cameras: Cameras
    widget: Callable[[], Any]
    _send: Send
    _traits: Coalescer
    _session: Session | None
    _early_trouble: DecartError | None
    """Said by the page before the session was there to hear it."""

    if TYPE_CHECKING:

        @property
        def is_active(self) -> bool:
            """Whether a session exists."""

    def tap(self, sink: Sink, what: What, which: Which, **options: Any) -> int:
        """Takes something from the picture; see ``Taps.open``. Raises ``MediaError``."""
        if not self.is_active:
            raise no_picture()
        return self.taps.open(sink, what, which, **options)

    def image_given(self, message: dict[str, Any]) -> None:
        """A page gives a reference image, or takes it away."""
        self.image.receive(message)

    async def _apply_image(self, image: ImageData | None) -> None:
        widget = self.widget()
        if widget is not None:
            await widget.set(image=image)

    def _tell_image(self, message: dict[str, Any], data: bytes | None) -> None:
        self._send(message, [data] if data else None)

    def cameras_changed(self, message: dict[str, Any]) -> None:
        """The page with the session says what it can film with, and does."""
        self.cameras.changed(message)

    def camera_trouble(self, code: str) -> None:
        """What was wished of the camera could not be had."""
        error = self.cameras.failed(code)
        self.log.add("warning", error.message, code=code)
        if not self.is_active:
            self._traits.update({"error": error.as_trait()})
        elif self._session is None:
            self._early_trouble = error
        else:
            self._session.complain(error)

    async def switch_camera(self) -> str:
        """Takes the page's next camera; returns its label. Raises ``MediaError``."""
        if not self.is_active:
            raise no_picture()
        return await self.cameras.switch()

    async def replace_source(self, source: str) -> str:
        """Sends something else from now on; returns its label. Raises ``MediaError``."""
        widget = self.widget()
        if not self.is_active or widget is None:
            raise no_picture()
        return await self.cameras.replace(source, lambda: setattr(widget, "source", source))

    def tapped(self, message: dict[str, Any]) -> None:
        """The page gives what was asked for."""
        self.taps.receive(message)

    def record_asked(self, *, on: bool) -> None:
        """Record was pressed in a page."""
        self.clips.asked_by_page(on=on)
