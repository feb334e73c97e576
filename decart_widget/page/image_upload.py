"""Reference images that pages upload: assembled from their parts, checked and applied."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from decart_widget.errors import DecartError, InvalidImageError
from decart_widget.inputs.reference_image import MAX_IMAGE_BYTES, load_image
from decart_widget.page.image_preview import ImagePreview
from decart_widget.protocol.messages import ImageData

MAX_UPLOADS: Final = 2
"""Concurrent uploads; when there are more, the oldest is dropped."""


class ImageUpload:
    """Receives the reference images that the pages of one widget upload.

    Args:
        apply: Requests an image (None for no image) and returns when the service has answered;
            raises ``DecartError``.
        preview: Shows the outcome in pages.
    """

    def __init__(
        self, apply: Callable[[ImageData | None], Awaitable[object]], preview: ImagePreview
    ) -> None:
        self._apply = apply
        self._preview = preview
        self._parts: dict[int, bytearray] = {}
        self._newest = -1
        self._work: asyncio.Task[None] | None = None

    def receive(self, message: Mapping[str, Any]) -> None:
        """Handles an ``image`` message: a part of a file, or (total 0) the removal of the image."""
        number, total = message["id"], message["total"]
        if total == 0:
            self._parts.clear()
            self._begin(None)
            return
        if total > MAX_IMAGE_BYTES:
            self._preview.failed(
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

    def _begin(self, data: bytes | None) -> None:
        if self._work is not None:
            self._work.cancel()
        self._work = asyncio.ensure_future(self._take(data))

    async def _take(self, data: bytes | None) -> None:
        try:
            image = None if data is None else await asyncio.to_thread(load_image, data)
            await self._apply(image)
            self._preview.send_again()
        except DecartError as error:
            self._preview.failed(error)
