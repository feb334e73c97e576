"""The frames of one cell: kept as they came, made RGB when they are read."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEPT_BYTES: Final = 128 * 1024 * 1024
"""Bytes of one clip's frames in memory; more are kept in a temporary file."""


class Pictures(Sequence["NDArray[np.uint8]"]):
    """Frames of one size; each item is a new ``(height, width, 3)`` uint8 RGB array.

    It can be pickled: without loss, and compressed.

    Args:
        planes: ``(height * 3 / 2, width)`` uint8 arrays, I420, all of one shape.

    Attributes:
        planes: As given, or a copy in a temporary file.
    """

    def __init__(self, planes: Sequence[NDArray[np.uint8]]) -> None:
        size = sum(plane.nbytes for plane in planes)
        self.planes: Any = planes if size <= KEPT_BYTES else _filed(planes)

    def __len__(self) -> int:
        return len(self.planes)

    @overload
    def __getitem__(self, at: int) -> NDArray[np.uint8]: ...

    @overload
    def __getitem__(self, at: slice) -> Pictures: ...

    def __getitem__(self, at: int | slice) -> NDArray[np.uint8] | Pictures:
        if isinstance(at, slice):
            return Pictures(self.planes[at])
        import cv2
        import numpy as np

        return np.asarray(cv2.cvtColor(self.planes[at], cv2.COLOR_YUV2RGB_I420), np.uint8)

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        return unpacked, (packed(self.planes),)


def _filed(planes: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    import numpy as np

    # The file has no name, and its blocks are written before they are mapped: a full disk is an
    # OSError here, and would be a SIGBUS later.
    with tempfile.TemporaryFile() as file:
        for plane in planes:
            file.write(np.ascontiguousarray(plane).data)
        file.flush()
        return np.memmap(file, np.uint8, "r", shape=(len(planes), *planes[0].shape))


def packed(planes: Sequence[NDArray[np.uint8]]) -> bytes:
    """Returns pictures as a file that loses nothing: H.264 without quantisation.

    Args:
        planes: I420 pictures of one shape.
    """
    if not len(planes):
        return b""
    import av
    import numpy as np

    rows, width = planes[0].shape
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        options = {"qp": "0", "preset": "ultrafast"}
        stream: Any = container.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = width, rows * 2 // 3, "yuv420p"
        for at, plane in enumerate(planes):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(plane), format="yuv420p")
            frame.pts, frame.time_base = at, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def unpacked(data: bytes) -> Pictures:
    """Returns the pictures of `packed`."""
    if not data:
        return Pictures([])
    import av

    with av.open(io.BytesIO(data), "r", format="matroska") as container:
        frames: list[Any] = [frame.to_ndarray() for frame in container.decode(video=0)]
        return Pictures(frames)
