"""Encodes pictures for watchers: H.264 for WebCodecs, or JPEG where that isn't decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from decart_widget.engine.recorder import one_plane, views

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.rtc.x264 import X264Encoder

FPS: Final = 30.0
"""Frames/s that the rate control assumes; with fewer of them less is sent."""

BITS_PER_PIXEL: Final = 0.15
"""Of H.264: 4 Mbit/s for 1280x720 at 30 frames/s, at which x264's fastest preset looks good. The
pictures go to a browser on the same machine, or over a notebook's own connection."""

BITRATES_BPS: Final = (300_000, 6_000_000)
"""Limits of the bitrate in bit/s."""

JPEG_QUALITIES: Final = (80, 50, 20)
"""JPEG's quality, and those that are tried when a picture is too large for a message."""

MESSAGE_BYTES: Final = 950_000
"""Most bytes of an encoded picture: it becomes one message of the widget's comm, below 1 MB."""

MIN_SIDE_PX: Final = 16
"""Smallest width and height of a picture, in pixels."""

DEFAULT_CONFIG: Final = "avc1.42E01F"
"""The codec string of WebCodecs for constrained baseline, level 3.1."""

_SPS: Final = 7
"""Type of the NAL unit with profile and level (ITU-T H.264, table 7-1)."""


class Encoded(NamedTuple):
    """An encoded picture.

    Attributes:
        data: Its bytes.
        key: Whether it can be decoded without earlier ones.
        config: The codec string of WebCodecs; None for other codecs.
    """

    data: bytes
    key: bool
    config: str | None


class ViewEncoder(Protocol):
    """Encodes the pictures of one stream for one watcher; on any thread, one picture at a time."""

    def encode(
        self, picture: NDArray[np.uint8], *, key: bool, limit: int = MESSAGE_BYTES
    ) -> Encoded | None:
        """Encodes a picture.

        Args:
            picture: ``(height * 3 / 2, width)`` uint8, I420.
            key: Whether it has to be decodable without earlier ones.
            limit: Most bytes of an encoded picture.

        Returns:
            The encoded picture; None when it is larger. The next one has to be a ``key`` then.
        """


class H264Views:
    """H.264 baseline without delay, in Annex B format; the stream names its colours."""

    def __init__(self) -> None:
        self._encoder: X264Encoder | None = None
        self._size = (0, 0)
        self._config = DEFAULT_CONFIG

    def encode(  # noqa: D102 (inherited)
        self, picture: NDArray[np.uint8], *, key: bool, limit: int = MESSAGE_BYTES
    ) -> Encoded | None:
        from decart_widget.rtc.bitrates import Bitrates
        from decart_widget.rtc.x264 import X264Encoder

        size = picture.shape[1], picture.shape[0] * 2 // 3
        if self._encoder is None or self._size != size:
            low, high = BITRATES_BPS
            bitrate = int(min(max(size[0] * size[1] * FPS * BITS_PER_PIXEL, low), high))
            self._encoder = X264Encoder(Bitrates.fixed(bitrate), FPS, states_colours=True)
            self._size = size
        encoded = self._encoder.encode(picture, keyframe=key)
        if len(encoded.data) > limit:
            return None
        if encoded.is_keyframe:
            self._config = codec_string(encoded.data)
        return Encoded(encoded.data, encoded.is_keyframe, self._config)


class JpegViews:
    """Each picture by itself as JPEG."""

    def encode(  # noqa: D102 (inherited)
        self, picture: NDArray[np.uint8], *, key: bool, limit: int = MESSAGE_BYTES
    ) -> Encoded | None:
        import cv2

        image = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)
        for quality in JPEG_QUALITIES:
            done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if done and data.size <= limit:
                return Encoded(data.tobytes(), key=True, config=None)
        return None


class RawViews:
    """Each picture as it is."""

    def encode(  # noqa: D102 (inherited)
        self, picture: NDArray[np.uint8], *, key: bool, limit: int = MESSAGE_BYTES
    ) -> Encoded | None:
        return Encoded(picture.tobytes(), key=True, config=None)


def view_encoder(codec: str) -> ViewEncoder:
    """Returns a new encoder.

    Args:
        codec: ``"h264"``, ``"jpeg"`` or ``"i420"`` (not encoded).
    """
    encoders: dict[str, type[ViewEncoder]] = {"h264": H264Views, "jpeg": JpegViews}
    return encoders.get(codec, RawViews)()


def codec_string(access_unit: bytes) -> str:
    """Returns the codec string of WebCodecs for a keyframe, by its sequence parameter set.

    Args:
        access_unit: In Annex B format.
    """
    at = access_unit.find(b"\0\0\1")
    while at >= 0 and len(access_unit) >= at + 7:
        if access_unit[at + 3] & 0x1F == _SPS:
            return f"avc1.{access_unit[at + 4 : at + 7].hex().upper()}"
        at = access_unit.find(b"\0\0\1", at + 3)
    return DEFAULT_CONFIG


def fitted(width: int, height: int, limit: tuple[int, int]) -> tuple[int, int]:
    """Returns the size in which a picture is encoded: never larger than it is; even.

    Args:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        limit: Width and height that it is scaled down to fit into; 0: no limit.
    """
    shares = [most / own for own, most in ((width, limit[0]), (height, limit[1])) if most > 0]
    share = min(1.0, *shares) if shares else 1.0
    return (
        max(MIN_SIDE_PX, round(width * share) & ~1),
        max(MIN_SIDE_PX, round(height * share) & ~1),
    )


def scaled(picture: NDArray[np.uint8], limit: tuple[int, int]) -> NDArray[np.uint8]:
    """Returns an I420 picture, scaled down to fit.

    Args:
        picture: ``(height * 3 / 2, width)`` uint8.
        limit: As in ``fitted``.
    """
    width, height = picture.shape[1], picture.shape[0] * 2 // 3
    size = fitted(width, height, limit)
    if size == (width, height):
        return picture
    import cv2

    half = size[0] // 2, size[1] // 2
    planes: list[Any] = [
        cv2.resize(plane, to, interpolation=cv2.INTER_AREA)
        for plane, to in zip(views(picture), (size, half, half), strict=True)
    ]
    return one_plane(planes)
