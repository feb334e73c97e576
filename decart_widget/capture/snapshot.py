"""One picture, lossless, from the owner's page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from decart_widget.capture.pictures import to_array
from decart_widget.errors import DecartError, MediaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.capture.taps import Taps, Which

MAX_BYTES: Final = 32_000_000
"""Maximum bytes of a PNG file; one of 1920x1080 has at most about 6 MB."""

PATIENCE_S: Final = 15.0
"""Seconds to wait for the picture; the first of a session may take several."""


class _Still:
    """The sink that assembles a file from its pieces."""

    def __init__(self) -> None:
        self.file: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._data = bytearray()

    def began(self, detail: Mapping[str, Any]) -> None:
        self._data.clear()

    def piece(self, data: bytes, _detail: Mapping[str, Any], *, last: bool) -> None:
        if len(self._data) + len(data) > MAX_BYTES:
            self.over(MediaError("The page sent too large a picture.", remedy="Try again."))
            return
        self._data += data
        if last and not self.file.done():
            self.file.set_result(bytes(self._data))

    def over(self, error: DecartError | None) -> None:
        if not self.file.done():
            self.file.set_exception(error or _ended())


def _ended() -> MediaError:
    return MediaError("The session ended before the picture came.", remedy="Start, then try again.")


def late_error() -> MediaError:
    """The error of a picture that did not come within ``PATIENCE_S``."""
    return MediaError(
        f"No picture came within {PATIENCE_S:g} s.",
        remedy="Wait until the picture is shown, then try again.",
        code="no-picture",
    )


async def snapshot(taps: Taps, which: Which) -> NDArray[np.uint8]:
    """Takes the current picture; runs on the background loop.

    Args:
        taps: The taps of the session.
        which: The transformed picture, or the one that is sent.

    Returns:
        The picture as ``(height, width, 3)`` uint8 RGB.

    Raises:
        MediaError: There is no session, or no picture arrived within 15 s.
    """
    still = _Still()
    number = taps.open(still, "snapshot", which)
    try:
        async with asyncio.timeout(PATIENCE_S):
            data = await still.file
    except TimeoutError:
        raise late_error() from None
    finally:
        taps.close(number)
        if still.file.done() and not still.file.cancelled():
            still.file.exception()  # marks it as retrieved, even if nothing awaits it
    return await to_array(data)
