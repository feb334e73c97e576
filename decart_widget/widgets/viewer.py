"""``DecartViewer``: shows a running session in another cell, tab or notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.errors import InvalidOptionError
from decart_widget.widgets.base import PageWidget

if TYPE_CHECKING:
    from decart_widget.options import ConnectionOptions


class DecartViewer(PageWidget):
    """Shows a session that runs elsewhere: no camera, no controls, nothing billed.

    Args:
        token: ``w.subscribe_token`` of a connected widget, unless that has ``transport="webrtc"``.
        connection: ICE servers and time-outs.
        api_key: A permanent key or a client token; None reads ``DECART_API_KEY``.
        endpoint: None for the token's endpoint, or Decart if it names none; else as for
            ``DecartWidget``.

    ``connection_state`` is *generating* while a page shows the picture.

    Raises:
        InvalidOptionError: The token is not a subscribe token, or another argument is invalid.
        InvalidKeyError: The session is Decart's, and there is no key.
    """

    @hides_arguments
    def __init__(
        self,
        token: str,
        *,
        connection: ConnectionOptions | None = None,
        api_key: str | None = None,
        endpoint: Any = None,
        **unknown: Never,
    ) -> None:
        from decart_widget.inputs.secrets import Secret
        from decart_widget.options import ConnectionOptions
        from decart_widget.runtime.destination import Destination
        from decart_widget.runtime.viewer_controller import ViewerController
        from decart_widget.session.background import Background
        from decart_widget.session.subscribe import Subscription
        from decart_widget.widgets.arguments import refuse_unknown, typed

        if not isinstance(token, str):
            raise InvalidOptionError(
                "The viewer needs a subscribe token.",
                remedy="Connect a widget with transport 'livekit' and give its subscribe_token.",
            )
        # No variable here keeps a key as text, because a traceback may show local variables.
        try:
            key = None if api_key is None else Secret(api_key)
            subscription = Subscription.parse(token)
            names = tuple(unknown)
        finally:
            del api_key, token, unknown
        refuse_unknown(names, DecartViewer.__init__)
        if endpoint is None:
            endpoint = subscription.endpoint or "decart"
            key = subscription.key if key is None else key
        destination = Destination(endpoint, key)
        options = typed("connection", connection, ConnectionOptions)
        # Set before the comm is opened, so that its first message contains them.
        self.set_trait("_kind", "viewer")
        self.set_trait("endpoint", destination.name)
        self.set_trait("_media", {"width": 1280, "height": 720, "fps": 30, "has_image": False})
        with self._closed_on_error():
            super().__init__()
            self._background = Background.get()
            self._controller = ViewerController(
                subscription, destination, self._send_to_pages, self._publish, options, self.log
            )
            self._listen(self._controller.receive)

    def close(self) -> None:
        """Leaves the room in every page. May be called twice."""
        if not getattr(self, "_closed", True):
            self._background.start(self._controller.close(), "close")
        super().close()

    def __repr__(self) -> str:
        return f"DecartViewer(connection_state={self.connection_state!r})"
