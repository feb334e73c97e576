"""A reference image that somebody gave to a page: put together, checked, and shown back."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from decart_widget.errors import DecartError, InvalidImageError
from decart_widget.inputs.image_files import thumbnail
from decart_widget.inputs.reference_image import MAX_IMAGE_BYTES, load_image
from decart_widget.protocol.messages import ImageData

MAX_UPLOADS: Final = 2
"""Uploads under way at once; the newest wins."""

Tell = Callable[[dict[str, Any], bytes | None], None]


class ImageUpload:
    """One widget's reference image, as pages give it and see it.

    Args:
        apply: Makes an image the wanted one, or none; returns when the service has answered.
        tell: Sends a message to the pages, with bytes or without.
        image: What is wanted at first.
    """

    def __init__(
        self,
        apply: Callable[[ImageData | None], Awaitable[object]],
        tell: Tell,
        image: ImageData | None = None,
    ) -> None:
        self._apply = apply
        self._tell = tell
        self._parts: dict[int, bytearray] = {}
        self._newest = -1
        self._work: asyncio.Task[None] | None = None
        self._shown = image

    def receive(self, message: Mapping[str, Any]) -> None:
        """Takes a piece of a page's file, or its wish to have no image."""
        number, total = message["id"], message["total"]
        if total == 0:
            self._parts.clear()
            self._begin(None)
            return
        if total > MAX_IMAGE_BYTES:
            self._fail(
                InvalidImageError(
                    f"The image has {total / 1e6:.1f} MB.",
                    remedy=f"Make it smaller: at most {MAX_IMAGE_BYTES / 1e6:g} MB.",
                )
            )
            return
        data = message.get("data") or b""
        if number > self._newest:
            self._newest = number
            self._parts[number] = bytearray()
            while len(self._parts) > MAX_UPLOADS:
                del self._parts[min(self._parts)]
        part = self._parts.get(number)
        if part is None or not data or len(part) + len(data) > total:
            self._parts.pop(number, None)
            return
        part += data
        if len(part) == total:
            del self._parts[number]
            self._begin(bytes(part))

    def show(self, image: ImageData | None) -> None:
        """The wanted image is another one now, whoever chose it."""
        if image != self._shown:
            self._shown = image
            self.tell_again()

    def tell_again(self) -> None:
        """A page came that has not seen it."""
        image = self._shown
        if image is None:
            self._tell({"type": "image-state", "state": "none", "text": ""}, None)
        elif image.data is None:
            self._tell({"type": "image-state", "state": "set", "text": str(image.ref)}, None)
        else:
            small = thumbnail(base64.b64decode(image.data))
            self._tell({"type": "image-state", "state": "set", "text": ""}, small)

    def _begin(self, data: bytes | None) -> None:
        if self._work is not None:
            self._work.cancel()
        self._work = asyncio.ensure_future(self._take(data))

    async def _take(self, data: bytes | None) -> None:
        try:
            image = None if data is None else await asyncio.to_thread(load_image, data)
            await self._apply(image)
            self.tell_again()
        except DecartError as error:
            self._fail(error)

    def _fail(self, error: DecartError) -> None:
        self._tell({"type": "image-state", "state": "failed", "text": str(error)}, None)
