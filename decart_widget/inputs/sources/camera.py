"""Cameras of this machine and of its network, as sources of frames."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from decart_widget.diagnostics.hidden_arguments import hides_constructor_arguments
from decart_widget.diagnostics.redaction import remember
from decart_widget.errors import InvalidKeyError, SourceError
from decart_widget.inputs.secrets import Secret
from decart_widget.inputs.sources.camera_device import DeviceReader, device_label
from decart_widget.inputs.sources.camera_stream import SCHEMES, StreamReader, stream_label
from decart_widget.inputs.sources.reader import FrameReader, Target

MAX_INDEX: Final = 99
"""The largest index of a camera."""

_CHECKED: Final = Target(64, 36, 30)
"""The picture for which `Camera.check` reads a frame."""


@hides_constructor_arguments
class Camera:
    """A camera, opened in the process that sends its frames.

    A camera gives frames at its own times; the newest is sent.

    Args:
        camera: Its index on this machine, from 0; the path of its device, such as
            ``"/dev/video0"``; or the URL of its stream: ``rtsp://`` or ``rtsps://``, or an
            ``http(s)://`` address of Motion JPEG, MPEG-TS or another container. A URL may hold a
            name and a password, which no text shows.

    Raises:
        SourceError: It is none of these.
    """

    def __init__(self, camera: int | str | os.PathLike[str] = 0) -> None:
        self._device: int | str | None = None
        self._url: Secret | None = None
        if isinstance(camera, os.PathLike):
            camera = os.fsdecode(camera)
        is_index = isinstance(camera, int) and not isinstance(camera, bool)
        if is_index and 0 <= int(camera) <= MAX_INDEX:
            self._device = int(camera)
        elif isinstance(camera, str) and camera.startswith("/dev/"):
            self._device = camera
        elif isinstance(camera, str) and re.match(r"[A-Za-z][A-Za-z0-9+.\-]*://", camera):
            self._url = _checked_url(camera)
        else:
            shown = repr(camera) if isinstance(camera, int | float) else type(camera).__name__
            raise SourceError(
                f"A camera can't be {shown}.",
                remedy='Give its index (0 is the first), "/dev/video0", or an rtsp:// or http:// '
                "URL; a file goes into VideoFile(...).",
            )

    @property
    def label(self) -> str:
        """What the source is, for people: no part of a URL but its host."""
        if self._url is not None:
            return stream_label(self._url.reveal())
        assert self._device is not None
        return device_label(self._device)

    def check(self) -> None:
        """Opens the camera, reads a frame and closes it.

        Raises:
            SourceError: It doesn't open, or gives no frame.
        """
        reader = open_camera(self.describe(), _CHECKED)
        try:
            if reader.read() is None:
                raise SourceError(
                    f"{self.label} gives no picture.", remedy="Check that it is on and free."
                )
        finally:
            reader.close()

    def describe(self) -> Mapping[str, Any]:
        """Returns the description from which the worker opens the source, as JSON values.

        It holds the whole URL, with its password: it belongs in no text.
        """
        if self._url is not None:
            return {"kind": "camera", "url": self._url.reveal()}
        return {"kind": "camera", "device": self._device}

    def __repr__(self) -> str:
        return f"Camera({self.label if self._url is not None else self._device!r})"


def open_camera(description: Mapping[str, Any], target: Target) -> FrameReader:
    """Opens a camera from what `Camera.describe` returned.

    Args:
        description: The description.
        target: The picture that is made of each frame.

    Raises:
        SourceError: It doesn't open.
    """
    if "url" in description:
        url = description["url"]
        _remember_secrets(url)
        return StreamReader(url, target)
    return DeviceReader(description["device"], target)


def _checked_url(url: str) -> Secret:
    remedy = f"Give a URL that begins with {', '.join(f'{scheme}://' for scheme in SCHEMES)}."
    try:
        parts = urlsplit(url)
        is_known = parts.scheme.lower() in SCHEMES and parts.hostname
        _ = parts.port
    except ValueError:
        raise SourceError("The camera's URL is not well-formed.", remedy=remedy) from None
    if not is_known:
        raise SourceError("The camera's URL can't be read.", remedy=remedy)
    _remember_secrets(url)
    try:
        return Secret(url, name="The camera's URL")
    except InvalidKeyError:
        raise SourceError(
            "The camera's URL has characters that no URL has.",
            remedy="Write them as in a browser's address, a space as %20.",
        ) from None


def _remember_secrets(url: str) -> None:
    """Lets no text of this process show a URL's password or query."""
    parts = urlsplit(url)
    for part in (parts.password, parts.query):
        if part:
            remember(part, "key")
            remember(unquote(part), "key")
