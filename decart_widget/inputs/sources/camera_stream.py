"""Cameras of the network: streams by RTSP and HTTP.

No text has more of a URL than its host: name, password, path and query may be secrets, and errors
of FFmpeg and httpx quote URLs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.containers import (
    HEAD_BYTES,
    format_of,
    stretch_of,
    turn_of,
    video_stream,
)
from decart_widget.inputs.sources.live_reader import LiveReader
from decart_widget.inputs.sources.reader import Target

if TYPE_CHECKING:
    import httpx
    import numpy as np
    from numpy.typing import NDArray

SCHEMES: Final = ("rtsp", "rtsps", "http", "https")
"""Schemes of URLs that are read."""

TIMEOUT_S: Final = 10.0
"""Seconds without any data after which a stream is lost."""

MAX_REDIRECTS: Final = 5
"""Redirects that are followed."""

MAX_KNOWN_FPS: Final = 240.0
"""Frames/s above which what a stream states is a time base, not a rate."""

_OPTIONS: Final = {
    "analyzeduration": "2000000",
    "probesize": "1000000",
}
"""How long FFmpeg looks at a stream before it gives the first frame: 2 s (in us) and 1 MB."""

_MOTION_JPEG: Final = "multipart/x-mixed-replace"
"""Content type of Motion JPEG."""

_READ_BYTES: Final = 64 * 1024
"""Bytes of a response that are taken at once at most."""


def stream_label(url: str) -> str:
    """Returns what a URL's camera is called, for people: scheme, host and port."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"camera {parts.scheme.lower()}://{parts.hostname}{port}"


class StreamReader(LiveReader):
    """Reads the stream of a camera.

    Args:
        url: Its URL, with its name and password.
        target: The picture that is made of each frame.

    Raises:
        SourceError: It can't be opened or read.
    """

    def __init__(self, url: str, target: Target) -> None:
        super().__init__(stream_label(url), target)
        self._container: Any = None
        self._response: _Response | None = None
        try:
            stream = self._open(url)
            rate = stream.average_rate or stream.guessed_rate
            if rate and 1 <= float(rate) <= MAX_KNOWN_FPS:
                self.fps = min(float(rate), target.fps)
            self._stretch = stretch_of(stream)
            self._frames = self._decoded(stream)
        except BaseException:
            self.close()
            raise

    def _open(self, url: str) -> Any:
        import av

        source: Any = url
        name, options = "rtsp", {**_OPTIONS, "rtsp_transport": "tcp"}
        if urlsplit(url).scheme.lower() in ("http", "https"):
            self._response = source = _Response(url, self.label)
            name, options = source.format, _OPTIONS
        try:
            self._container = av.open(
                source, "r", format=name, options=options, timeout=(TIMEOUT_S, TIMEOUT_S)
            )
            stream = video_stream(self._container, self.label)
        except (av.FFmpegError, OSError, ValueError) as error:
            if isinstance(error, SourceError):
                raise
            raise self._failure("can't be opened", error) from None
        # Threads that each decode a frame would hold frames back.
        stream.thread_type = "SLICE"
        return stream

    def _next(self) -> NDArray[np.uint8] | None:
        import av

        try:
            frame = next(self._frames, None)
        except (av.FFmpegError, OSError, ValueError) as error:
            if isinstance(error, SourceError):
                raise
            raise self._failure("has stopped", error) from None
        if frame is None:
            self._ended = True
            if self._index < 0 and not self._closed:
                raise SourceError(
                    f"{self.label} gives no picture.", remedy="Check that a player shows it."
                )
            return None
        if not self._is_taken():
            return None
        return self._fitter.frame(frame, turn_of(frame), stretch=self._stretch)

    def _decoded(self, stream: Any) -> Iterator[Any]:
        """Yields the frames from the first keyframe on; damaged packets are left out."""
        import av

        has_keyframe = False
        for packet in self._container.demux(stream):
            has_keyframe = has_keyframe or packet.is_keyframe
            if self._closed:
                return
            if not has_keyframe:
                continue
            try:
                yield from packet.decode()
            except (av.InvalidDataError, av.ExternalError):
                continue

    def _failure(self, what: str, error: Exception) -> SourceError:
        return SourceError(
            f"{self.label} {what} ({type(error).__name__}).",
            remedy="Check its address, name and password, and that a player shows it.",
        )

    def _free(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.close()
        response, self._response = self._response, None
        if response is not None:
            response.close()
        self._closed = True


_secret_request: Final = threading.local()
"""``runs`` is True on a thread that requests a camera's URL."""


def _may_be_logged(record: logging.LogRecord) -> bool:
    """Keeps URLs of cameras out of what httpx logs."""
    return not getattr(_secret_request, "runs", False)


class _Response:
    """The body of an HTTP response, read like a file that can't be searched.

    Args:
        url: With name and password, for basic or digest authentication.
        label: What it is called in errors.

    Attributes:
        format: FFmpeg's name of its format.

    Raises:
        SourceError: It can't be reached, refuses, or has a format that isn't read.
    """

    def __init__(self, url: str, label: str) -> None:
        import httpx

        self._label = label
        parts = urlsplit(url)
        login = (unquote(parts.username or ""), unquote(parts.password or ""))
        host = parts.netloc.rpartition("@")[2]
        plain = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
        self._client = httpx.Client(
            timeout=TIMEOUT_S, follow_redirects=True, max_redirects=MAX_REDIRECTS
        )
        try:
            auth = httpx.BasicAuth(*login) if any(login) else None
            self._response = self._send(plain, auth)
            challenge = self._response.headers.get("www-authenticate", "")
            if self._response.status_code == 401 and challenge.lower().startswith("digest"):
                self._response.close()
                self._response = self._send(plain, httpx.DigestAuth(*login))
            self._chunks = self._response.iter_bytes(_READ_BYTES)
            self._left = b""
            self._check_status()
            self.format = self._format()
        except httpx.HTTPError as error:
            self.close()
            raise SourceError(
                f"{label} can't be reached ({type(error).__name__}).",
                remedy="Check its address, and that it is on.",
            ) from None
        except BaseException:
            self.close()
            raise

    def read(self, size: int) -> bytes:
        """Returns the next bytes, at most ``size``; nothing at the end."""
        import httpx

        if not self._left:
            try:
                self._left = next(self._chunks, b"")
            except httpx.HTTPError as error:
                raise OSError(type(error).__name__) from None
        data, self._left = self._left[:size], self._left[size:]
        return data

    def close(self) -> None:
        """Closes the connection. May be called twice."""
        self._client.close()

    def _send(self, url: str, auth: httpx.Auth | None) -> httpx.Response:
        request = self._client.build_request("GET", url)
        logging.getLogger("httpx").addFilter(_may_be_logged)  # again and again has no effect
        _secret_request.runs = True
        try:
            return self._client.send(request, stream=True, auth=auth)
        finally:
            _secret_request.runs = False

    def _check_status(self) -> None:
        status = self._response.status_code
        if status in (401, 403):
            raise SourceError(
                f"{self._label} refuses the name or the password (HTTP {status}).",
                remedy="Give them in the URL: http://name:password@host/path.",
            )
        if status != 200:
            raise SourceError(
                f"{self._label} answers with HTTP {status}.", remedy="Check its address."
            )

    def _format(self) -> str:
        content_type = self._response.headers.get("content-type", "").lower()
        if content_type.startswith(_MOTION_JPEG):
            return "mpjpeg"
        head = b""
        while len(head) < HEAD_BYTES and (chunk := self.read(_READ_BYTES)):
            head += chunk
        self._left = head + self._left
        name = format_of(head[:HEAD_BYTES])
        if name is None:
            what = "a playlist" if head.lstrip().startswith((b"#EXTM3U", b"<?xml")) else "no video"
            raise SourceError(
                f"{self._label} sends {what}.",
                remedy="Give the address of Motion JPEG or MPEG-TS, or an rtsp:// URL.",
            )
        return name
