"""The requested reference image, as pages show it."""

from __future__ import annotations

import base64

from decart_widget.errors import DecartError
from decart_widget.inputs.image_files import thumbnail
from decart_widget.page.messages import Send, image_state
from decart_widget.protocol.messages import ImageData


class ImagePreview:
    """Sends pages the requested reference image, as a thumbnail or a file id.

    Args:
        send: Sends a message to the widget's pages.
        image: The initial image.
    """

    def __init__(self, send: Send, image: ImageData | None = None) -> None:
        self._send = send
        self._image = image

    def show(self, image: ImageData | None) -> None:
        """Sets the requested image, and sends it to pages if it has changed."""
        if image != self._image:
            self._image = image
            self.send_again()

    def send_again(self) -> None:
        """Sends the image to all pages, for instance because a new page lacks it."""
        image = self._image
        if image is None:
            self._send(image_state("none"))
        elif image.data is None:
            self._send(image_state("set", str(image.ref)))
        else:
            self._send(image_state("set"), _buffers(thumbnail(base64.b64decode(image.data))))

    def failed(self, error: DecartError) -> None:
        """Tells pages why an uploaded image was rejected."""
        self._send(image_state("failed", str(error)))


def _buffers(data: bytes | None) -> list[bytes] | None:
    return [data] if data else None
