"""Reference images that pages upload: assembled from their parts, checked and applied."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from decart_widget.errors import DecartError, InvalidImageError, internal_error
from decart_widget.inputs.decoder_thread import decode
from decart_widget.inputs.image_download import MAX_SOURCE_BYTES
from decart_widget.inputs.reference_image import load_image
from decart_widget.page.image_preview import ImagePreview
from decart_widget.protocol.messages import ImageData

PATIENCE_S: Final = 15.0
"""Seconds without a part of an upload after which it is given up."""


class ImageUpload:
    """Receives the reference images that the pages of one widget upload.

    A file arrives in parts, each with the upload's number, which the page counts, and the offset of
    the part in the file. Uploads are told apart by page and number; the part with offset 0 begins
    one, and ends the one before: the last image that any page was given is the one that is applied.

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
        self._upload: tuple[object, int] | None = None
        """Page and number of the upload that is being received."""
        self._received = bytearray()
        self._patience: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None

    def receive(self, message: Mapping[str, Any]) -> None:
        """Handles an ``image`` message: a part of a file, or (total 0) the removal of the image."""
        upload = (message.get("page_id"), message["id"])
        at, total = message.get("at") or 0, message["total"]
        data = message.get("data") or b""
        if at == 0:
            self._end_upload()
            if total == 0:
                self._begin(None)
                return
            if total > MAX_SOURCE_BYTES:
                self._preview.failed(
                    InvalidImageError(
                        f"The image has {total / 1e6:.1f} MB.",
                        remedy=f"Make it smaller: at most {MAX_SOURCE_BYTES / 1e6:g} MB.",
                    )
                )
                return
            self._upload = upload
        if upload != self._upload:
            return  # a part of an upload that a newer one has replaced
        if at != len(self._received) or not data or at + len(data) > total:
            self._fail("arrived incomplete")
            return
        self._received += data
        if len(self._received) == total:
            received = bytes(self._received)
            self._end_upload()
            self._begin(received)
            return
        self._stop_patience()
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(PATIENCE_S, self._fail, "did not arrive")

    def _fail(self, why: str) -> None:
        self._end_upload()
        self._preview.failed(
            InvalidImageError(f"The image {why}.", remedy="Choose it again.", code="upload")
        )

    def _end_upload(self) -> None:
        self._upload = None
        self._received = bytearray()
        self._stop_patience()

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _begin(self, data: bytes | None) -> None:
        if self._work is not None:
            self._work.cancel()
        self._work = asyncio.ensure_future(self._take(data))

    async def _take(self, data: bytes | None) -> None:
        try:
            image = None if data is None else await decode(load_image, data)
            await self._apply(image)
            self._preview.send_again()
        except DecartError as error:
            self._preview.failed(error)
        except Exception as error:
            self._preview.failed(internal_error(error))
            raise
