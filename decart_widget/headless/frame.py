"""One frame of a session: its picture, and which frame of the source it was made from."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from decart_widget.engine.received import ReceivedFrame


class Frame:
    """One transformed frame; usable wherever NumPy takes an array.

    The picture is converted when it is read first.

    Attributes:
        index: Number in the source of the frame that it was made from, from 0; None: not known.
        source_time: That frame's time in the source, in seconds; None: not known.
        capture_time: When the source gave that frame, in seconds since 1970; None: not known.
        time: When this frame was received, in seconds since 1970.
        latency: Seconds from ``capture_time`` to ``time``; None: not known.
        exact: Whether the values above are known; otherwise they are an estimate.
        attempt: Number of the attempt that it came with; rises with each reconnect.
        width: Width in pixels.
        height: Height in pixels.
    """

    __slots__ = (
        "_array",
        "_i420",
        "attempt",
        "capture_time",
        "exact",
        "height",
        "index",
        "latency",
        "source_time",
        "time",
        "width",
    )

    def __init__(self, received: ReceivedFrame) -> None:
        self._i420: NDArray[np.uint8] | None = received.picture
        self._array: NDArray[np.uint8] | None = None
        rows, width = received.picture.shape
        self.width, self.height = int(width), int(rows) * 2 // 3
        self.time = time.time() - (time.monotonic_ns() - received.received_ns) / 1e9
        self.index = received.index if received.index >= 0 else None
        has_time = not math.isnan(received.source_time)
        self.source_time = received.source_time if has_time else None
        self.latency: float | None = None
        self.capture_time: float | None = None
        if received.captured_ns:
            self.latency = (received.received_ns - received.captured_ns) / 1e9
            self.capture_time = self.time - self.latency
        self.exact = received.exact
        self.attempt = received.attempt

    @property
    def array(self) -> NDArray[np.uint8]:
        """The picture as ``(height, width, 3)`` uint8 RGB; the same array each time."""
        if self._array is None:
            import cv2
            import numpy as np

            assert self._i420 is not None
            rgb = cv2.cvtColor(self._i420, cv2.COLOR_YUV2RGB_I420)
            self._array = np.asarray(rgb, dtype=np.uint8)
            self._i420 = None
        return self._array

    image = array
    """Alias of ``array``, as in the frames of a widget."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(height, width, 3)``."""
        return self.height, self.width, 3

    def to_image(self) -> Image:
        """Returns the picture as a PIL image."""
        from PIL import Image

        return Image.fromarray(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        import numpy as np

        if copy is None:
            return np.asarray(self.array, dtype=dtype)
        if not copy and dtype is not None and np.dtype(dtype) != self.array.dtype:
            raise ValueError(f"the frame is uint8: as {np.dtype(dtype)} it has to be copied")
        return np.array(self.array, dtype=dtype) if copy else self.array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        device: tuple[int, int] = self.array.__dlpack_device__()
        return device

    def __repr__(self) -> str:
        known = "" if self.exact else " (estimated)"
        index = "?" if self.index is None else self.index
        return f"<Frame {index}{known}: {self.width}x{self.height}>"
