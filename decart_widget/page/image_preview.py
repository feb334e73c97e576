"""The requested reference image, as pages show it."""

from __future__ import annotations

import asyncio
import base64

from decart_widget.errors import DecartError
from decart_widget.inputs.decoder_thread import decode
from decart_widget.inputs.image_files import thumbnail
from decart_widget.page.messages import Send, image_state
from decart_widget.protocol.messages import ImageData


class ImagePreview:
    """Sends pages the requested reference image, as a thumbnail or a file id.

    Its methods are called on the background loop. The thumbnail of an image is made once, on the
    decoder's thread; the message follows when it is made.

    Args:
        send: Sends a message to the widget's pages.
        image: The initial image.
    """

    def __init__(self, send: Send, image: ImageData | None = None) -> None:
        self._send = send
        self._image = image
        self._thumbnail: bytes | None = None
        """The thumbnail of the image; None until it is made."""
        self._making: asyncio.Task[None] | None = None

    def show(self, image: ImageData | None) -> None:
        """Sets the requested image, and sends it to pages if it has changed."""
        if image != self._image:
            self._image = image
            self._thumbnail = None
            self._stop_making()
            self.send_again()

    def send_again(self) -> None:
        """Sends the image to all pages, for instance because a new page lacks it."""
        image = self._image
        if image is None:
            self._send(image_state("none"))
        elif image.data is None:
            self._send(image_state("set", str(image.ref)))
        elif self._thumbnail is not None:
            self._send(image_state("set"), [self._thumbnail] if self._thumbnail else None)
        elif self._making is None:
            self._making = asyncio.ensure_future(self._make(image.data))

    def failed(self, error: DecartError) -> None:
        """Tells pages why an uploaded image was rejected; after the image that they show now."""
        message = image_state("failed", str(error))
        if self._making is None:
            self._send(message)
        else:
            self._making.add_done_callback(lambda _made: self._send(message))

    async def _make(self, data: str) -> None:
        self._thumbnail = await decode(_thumbnail, data)
        self._making = None
        self.send_again()

    def _stop_making(self) -> None:
        if self._making is not None:
            self._making.cancel()
            self._making = None


def _thumbnail(data: str) -> bytes:
    return thumbnail(base64.b64decode(data))
