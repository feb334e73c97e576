"""The schema of the messages between kernel and page: their types and fields.

``tests/vectors/page_messages.json`` holds examples of each message in both directions, which the
tests of both sides read. Messages are sent and received by ``page.pages`` (for a viewer: by
``runtime.viewer_controller``, for a sheet, with the table in ``page.sheet_messages``: by
``explore.view``) and ``page.image_preview`` only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from decart_widget._version import __version__
from decart_widget.page.checks import (
    MAX_TEXT,
    is_camera,
    is_candidate,
    is_event,
    is_mapping,
    is_moment,
    is_number,
    is_obtained,
    is_text,
    is_whole,
    is_words,
)
from decart_widget.page.chunks import CHUNKS
from decart_widget.page.refusals import REFUSALS, TROUBLES
from decart_widget.protocol.messages import Candidate, RoomInfo
from decart_widget.session.media import EndReason, Preparation

PROTOCOL: Final = 1
"""Version of this schema; each end sends its own in ``hello`` and ``welcome``."""

MAX_EVENTS: Final = 50
"""Entries of a page's log in one message; a page sends at most 20."""

MEDIA_STATES: Final = frozenset(
    {
        "camera",
        "connected",
        "first-frame",
        "reconnecting",
        "disconnected",
        "stalled",
        "failed",
        "ended",
    }
)
"""States of a page's media; ``stalled``: no new picture arrives, or only black ones."""

MAX_CAMERAS: Final = 32
"""Cameras in one message."""

TAP_STATES: Final = frozenset({"began", "ended", "failed"})
"""States of a tap."""

STREAMS: Final = ("output", "input")
"""The pictures that a page can watch: the received ones, and those that are sent."""

CODECS: Final = ("h264", "jpeg")
"""How ``picture`` messages can be encoded."""


class Send(Protocol):
    """Sends a message to all pages that show a widget."""

    def __call__(self, message: dict[str, Any], buffers: list[bytes] | None = None, /) -> None:
        """Returns at once; ``buffers`` travel as the message's binary parts."""


class MalformedError(ValueError):
    """A message of a type that the schema lacks, or with a field that doesn't match it."""


Check = Callable[[Any], bool]
"""Whether a field's value (None where it is missing) is one that the schema allows."""

_STATS: dict[str, Check] = dict.fromkeys(
    ("fps", "width", "height", "rtt_s", "loss", "bitrate"), is_number
)
"""Fields of ``stats``; for their units see the widget's ``stats`` trait."""

FROM_BROWSER: Final[dict[str, dict[str, Check]]] = {
    "hello": {
        "protocol": is_whole,
        "version": lambda v: v is None or is_text(v, 100),
        "page": is_mapping,
    },
    "heartbeat": {"attempt": is_whole},
    "leaving": {},
    "pagehide": {},
    "need": {"name": lambda v: v in CHUNKS, "hash": lambda v: is_text(v, 64)},
    "intent": {},
    "log": {
        "now": is_moment,
        "dropped": is_whole,
        "events": lambda v: isinstance(v, list) and len(v) <= MAX_EVENTS and all(map(is_event, v)),
    },
    "start": {},
    "take": {},
    "wake": {},
    "stop": {"attempt": lambda v: v is None or is_whole(v)},
    "apply": {
        "prompt": lambda v: isinstance(v, str) and len(v) <= MAX_TEXT,
        "enrich": lambda v: isinstance(v, bool),
    },
    "offer": {"attempt": is_whole, "sdp": is_text},
    "candidate": {"attempt": is_whole, "candidate": is_candidate},
    "media": {"attempt": is_whole, "state": lambda v: v in MEDIA_STATES, "detail": is_mapping},
    "refused": {
        "attempt": is_whole,
        "reason": lambda v: v in REFUSALS,
        "message": lambda v: v is None or isinstance(v, str),
    },
    "stats": {"attempt": is_whole, **_STATS},
    # Its binary part is the piece's data.
    "piece": {"id": is_whole, "last": lambda v: isinstance(v, bool), "detail": is_mapping},
    "tapped": {"id": is_whole, "state": lambda v: v in TAP_STATES, "detail": is_mapping},
    "cameras": {
        "cameras": lambda v: (
            isinstance(v, list) and len(v) <= MAX_CAMERAS and all(map(is_camera, v))
        ),
        "camera": lambda v: v is None or is_obtained(v),
        "request": lambda v: v is None or is_whole(v),
    },
    # Its binary part is the part of the file at this offset; a total of 0 removes the image.
    "image": {"id": is_whole, "at": is_whole, "total": is_whole},
    "trouble": {"code": lambda v: v in TROUBLES},
    "record": {"on": lambda v: isinstance(v, bool)},
    # What this page wants to see now of a session in the kernel: [] while no view of it is visible.
    # Sent at each change, and again after a decoder's error: the next picture is a keyframe then.
    # The size is that of its largest view, in device pixels; pictures are never scaled up to it.
    "watch": {
        "attempt": is_whole,
        "streams": lambda v: is_words(v, STREAMS),
        "codecs": lambda v: is_words(v, CODECS) and len(v) > 0,
        "width": is_whole,
        "height": is_whole,
    },
    # A frame of the page's camera, its binary part, for a session in the kernel. ``at_ms``: when it
    # was taken, on the page's clock. ``dropped``: frames so far that had no credit. ``shown``: as
    # in the message of that name, for the output.
    "camera-frame": {
        "attempt": is_whole,
        "number": is_whole,
        "codec": lambda v: v in CODECS,
        "key": lambda v: isinstance(v, bool),
        "width": is_whole,
        "height": is_whole,
        "at_ms": is_moment,
        "dropped": is_whole,
        "shown": lambda v: v is None or is_whole(v),
    },
    # What the owner saw of a look: after how many seconds the picture changed (None: not seen), and
    # whether it did (None: nobody watched). Its binary part, if any, is a small JPEG of the output.
    "effect": {
        "number": is_whole,
        "seconds": is_number,
        "changed": lambda v: v is None or isinstance(v, bool),
    },
    "mark": {
        "number": is_whole,
        "star": lambda v: isinstance(v, bool),
        "pin": lambda v: isinstance(v, bool),
    },
    "switch": {"number": is_whole},
    "sweep": {},
    "thumbnails": {},
    # This picture has been decoded, or passed over as late: the credit for another one.
    "shown": {"attempt": is_whole, "stream": lambda v: v in STREAMS, "number": is_whole},
}
"""Messages from pages: the fields besides ``type`` and ``page_id``, and the check of each."""


def read(
    content: object, table: Mapping[str, Mapping[str, Check]] = FROM_BROWSER
) -> dict[str, Any]:
    """Checks a message from a page.

    Args:
        content: The message.
        table: The messages that are known.

    Returns:
        The fields that the schema knows; those that are missing are None.

    Raises:
        MalformedError: The schema has no such type, or a field doesn't match.
    """
    if not isinstance(content, Mapping):
        raise MalformedError("not an object")
    kind = content.get("type")
    fields = table.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise MalformedError("unknown type")
    if not is_text(content.get("page_id"), 100):
        raise MalformedError(f"{kind} without a page_id")
    for name, check in fields.items():
        try:
            good = check(content.get(name))
        except TypeError:  # an unhashable value where a word is expected
            good = False
        if not good:
            raise MalformedError(f"{kind} with a bad {name}")
    known = ("type", "page_id", *fields)
    return {name: content.get(name) for name in known if name in content or fields[name](None)}


def former_pages(page: Mapping[str, Any]) -> list[str]:
    """The ids that a page had before it was reloaded, from ``page`` of its ``hello``."""
    former = page.get("former")
    return [one for one in former[:64] if isinstance(one, str)] if isinstance(former, list) else []


def welcome(page_id: str, *, owner: bool, attempt: int | None) -> dict[str, Any]:
    """The answer to a page's ``hello``."""
    return {
        "type": "welcome",
        "page_id": page_id,
        "owner": owner,
        "protocol": PROTOCOL,
        "version": __version__,
        "attempt": attempt,
    }


def prepare(
    page_id: str | None, attempt: int, preparation: Preparation, *, in_kernel: bool = False
) -> dict[str, Any]:
    """Tells a page to open its camera and to prepare the connection.

    With the transport ``kernel`` it opens no camera: the session runs in the kernel, and the page
    watches it (``watch``). Every page that shows the widget gets this message then, also after its
    ``welcome`` during a session.

    Args:
        page_id: The page.
        attempt: The attempt's number.
        preparation: What the media needs; a page that watches gets no ICE servers.
        in_kernel: Whether the session runs in the kernel.
    """
    model = preparation.model
    return {
        "type": "prepare",
        "attempt": attempt,
        "page_id": page_id,
        "transport": "kernel" if in_kernel else preparation.transport,
        "model": {
            "name": model.name,
            "fps": model.fps,
            "width": model.width,
            "height": model.height,
        },
        "video": {**preparation.video.as_message(), "start_bitrate": preparation.start_bitrate},
        "rtc": {} if in_kernel else dict(preparation.rtc),
        "timeout_s": preparation.timeout_s,
    }


def room_to_join(page_id: str | None, attempt: int, room: RoomInfo) -> dict[str, Any]:
    """Sends a page the room and a short-lived token for it."""
    return {
        "type": "room",
        "attempt": attempt,
        "page_id": page_id,
        "url": room.url,
        "token": room.token,
        "room_name": room.room_name,
    }


def picture(page_id: str, attempt: int, about: Mapping[str, Any]) -> dict[str, Any]:
    """Sends a page a picture of a session in the kernel; its binary part (< 1 MB) is the picture.

    It is encoded only when the page has credit (two pictures of a stream may be not ``shown`` yet,
    later as many as fill the road), from the newest frame, so a stream of pictures has no gaps.

    Args:
        page_id: The page.
        attempt: The attempt's number.
        about: ``stream`` (``STREAMS``), ``number`` (from 0 for each page, stream and attempt),
            ``codec`` (``CODECS``), ``key`` (whether it can be decoded without earlier ones),
            ``config`` (the codec string of WebCodecs, for instance ``avc1.42E01F``; None for JPEG),
            ``width``, ``height`` (pixels), ``at`` (seconds in the source, or None; of
            the page's own camera: since 1970, on the page's clock) and ``dropped``
            (frames of this stream that were passed over since the picture before).
    """
    return {"type": "picture", "page_id": page_id, "attempt": attempt, **about}


def camera_credit(attempt: int, frames: int, *, key: bool) -> dict[str, Any]:
    """Lets the owner send that many more frames of its camera to the kernel.

    Args:
        attempt: The attempt's number.
        frames: How many more.
        key: Whether the next one has to be decodable without earlier ones.
    """
    return {"type": "camera-credit", "attempt": attempt, "frames": frames, "key": key}


def end(attempt: int, reason: EndReason, *, keep_camera: bool) -> dict[str, Any]:
    """Ends an attempt in the pages."""
    return {"type": "end", "attempt": attempt, "reason": reason, "keep_camera": keep_camera}


def answer(attempt: int, sdp: str) -> dict[str, Any]:
    """The service's session description."""
    return {"type": "answer", "attempt": attempt, "sdp": sdp}


def candidate(attempt: int, found: Candidate | None) -> dict[str, Any]:
    """An ICE candidate of the service; None means end of candidates."""
    as_json = None if found is None else found.as_json()
    return {"type": "candidate", "attempt": attempt, "candidate": as_json}


def beat() -> dict[str, Any]:
    """The kernel's heartbeat."""
    return {"type": "beat"}


def owner_changed(page_id: str) -> dict[str, Any]:
    """Tells all pages which one is the owner."""
    return {"type": "owner", "page_id": page_id}


def switch_camera(page_id: str | None, request: int) -> dict[str, Any]:
    """Requests a page's next camera; its ``cameras`` message in answer has this number."""
    return {"type": "switch-camera", "page_id": page_id, "request": request}


def tap(page_id: str | None, request: Mapping[str, Any]) -> dict[str, Any]:
    """Requests a still, frames or a clip from a page; see ``capture.taps``."""
    return {"type": "tap", "page_id": page_id, **request}


def credit(number: int, frames: int) -> dict[str, Any]:
    """Grants so many more frames of a tap."""
    return {"type": "credit", "id": number, "frames": frames}


def untap(number: int) -> dict[str, Any]:
    """Ends a tap."""
    return {"type": "untap", "id": number}


def recording(state: str, name: str, text: str) -> dict[str, Any]:
    """The state of a clip that is recorded; see ``Pages.recording``."""
    return {"type": "recording", "state": state, "name": name, "text": text}


def look(number: int, uses: int, ago_s: float | None, asked_ms: float) -> dict[str, Any]:
    """Tells pages that a look is live; the owner answers with ``effect``.

    Args:
        number: The look's.
        uses: How often it was asked for.
        ago_s: Seconds since it was asked for; None: the session began with it.
        asked_ms: When it was asked for, in ms since 1970 on the kernel's clock: tells the page by
            how much this message took longer than others.
    """
    about = {"number": number, "uses": uses, "ago_s": ago_s, "asked_ms": asked_ms}
    return {"type": "look", **about}


def thumbnails(sizes: list[tuple[int, int]]) -> dict[str, Any]:
    """Sends pages pictures of looks; the binary part is one JPEG file after the other.

    Args:
        sizes: Each look's number, and the bytes of its file.
    """
    return {"type": "thumbnails", "sizes": [list(one) for one in sizes]}


def image_state(state: str, text: str = "") -> dict[str, Any]:
    """The state of the reference image.

    Args:
        state: ``"none"``, ``"set"`` or ``"failed"``.
        text: A file id for ``"set"``, the reason for ``"failed"``.
    """
    return {"type": "image-state", "state": state, "text": text}
