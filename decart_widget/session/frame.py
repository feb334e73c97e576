"""One frame of a session: its picture, and which frame of the source it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


class Frame:
    """One frame; usable wherever NumPy takes an array, and as a pair of picture and time.

    The picture is converted when it is read first.

    Args:
        picture: ``(height * 3 / 2, width)`` uint8, I420; or ``(height, width, 3)``, RGB.
        time: As the attribute; likewise the others.
        is_rgb: Whether the picture is RGB.

    Attributes:
        index: Number in the source of the frame that it was made from, from 0; None: not known.
        source_time: That frame's time in the source, in seconds; None: not known.
        capture_time: When the source gave that frame, in seconds since 1970; None: not known.
        time: When this frame was received (one that is sent: when it was given), in seconds since
            1970.
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

    def __init__(
        self,
        picture: NDArray[np.uint8],
        time: float,
        *,
        is_rgb: bool = False,
        index: int | None = None,
        source_time: float | None = None,
        capture_time: float | None = None,
        exact: bool = False,
        attempt: int = 0,
    ) -> None:
        self._i420 = None if is_rgb else picture
        self._array = picture if is_rgb else None
        rows, self.width = int(picture.shape[0]), int(picture.shape[1])
        self.height = rows if is_rgb else rows * 2 // 3
        self.time = time
        self.index = index
        self.source_time = source_time
        self.capture_time = capture_time
        self.latency = None if capture_time is None else time - capture_time
        self.exact = exact
        self.attempt = attempt

    def __iter__(self) -> Iterator[Any]:
        """Yields picture and time, for ``for image, time in ...``."""
        yield self.array
        yield self.time

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
    """Alias of ``array``."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(height, width, 3)``."""
        return self.height, self.width, 3

    def resized(self, width: int, height: int) -> Frame:
        """Returns the frame scaled to another size.

        Args:
            width: In pixels.
            height: In pixels.
        """
        import cv2
        import numpy as np

        scaled = cv2.resize(self.array, (width, height), interpolation=cv2.INTER_AREA)
        frame = Frame(np.asarray(scaled, np.uint8), self.time, is_rgb=True)
        for name in ("index", "source_time", "capture_time", "latency", "exact", "attempt"):
            setattr(frame, name, getattr(self, name))
        return frame

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
