"""The looks of a widget: every prompt that was applied or refused, with what became of it.

Pure and bounded: no clock, loop or message. ``runtime.deck`` fills it on the background loop, and
``History`` reads it on the notebook's thread.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import Any, Final

from decart_widget.protocol.messages import ImageData
from decart_widget.protocol.requests import PromptState

MAX_LOOKS: Final = 200
"""Looks that are kept; the oldest without a mark are dropped first."""

MAX_BYTES: Final = 300_000
"""Bytes of all records, as JSON, and thumbnails together."""

MAX_THUMBNAIL: Final = 12_000
"""Bytes of one thumbnail; one of 192 x 108 pixels takes about 5,000."""

KEYS: Final = tuple(range(1, 10))
"""The keys that switch between looks."""


@dataclass
class Look:
    """One prompt state that was applied or refused.

    Attributes:
        number: From 1, rising; never used again.
        prompt: The prompt; None for none.
        enrich: Whether the service may elaborate it.
        image: Of the reference image, the first 16 hex digits of the SHA-256 of its bytes, or the
            id of its file; None: none.
        model: Name of the model.
        at: When it was asked for first, in seconds since 1970.
        status: ``"applied"`` or ``"refused"``.
        reason: Why it was refused; else empty.
        code: Code of that error; else empty.
        effect_s: Seconds from the request until the picture changed, the last time; None: not seen.
        changed: Whether a page saw the picture change; None: no page watched it.
        billed_s: Seconds that were billed while it was live, all uses together.
        uses: How often it was asked for.
        star: Whether it is starred.
        pin: Whether it is A, which others are compared with; at most one is.
        key: The key from 1 to 9 that it keeps while it is starred or pinned; else None.
    """

    number: int
    prompt: str | None
    enrich: bool
    image: str | None
    model: str
    at: float
    status: str = "applied"
    reason: str = ""
    code: str = ""
    effect_s: float | None = None
    changed: bool | None = None
    billed_s: float = 0.0
    uses: int = 1
    star: bool = False
    pin: bool = False
    key: int | None = None

    @property
    def is_marked(self) -> bool:
        """Whether it is starred or pinned."""
        return self.star or self.pin


FIELDS: Final = tuple(field.name for field in fields(Look))
"""Names of the values of a record."""


def image_key(image: ImageData | None) -> str | None:
    """Returns what names a reference image in records; None for none."""
    if image is None:
        return None
    if image.data is None:
        return image.ref
    return hashlib.sha256(image.data.encode("ascii", "replace")).hexdigest()[:16]


class Looks:
    """The looks of one widget, oldest first; thread-safe.

    Attributes:
        live: Number of the look that is applied; None without a session.
    """

    def __init__(self) -> None:
        self.live: int | None = None
        self._lock = threading.RLock()
        self._looks: dict[int, Look] = {}
        self._thumbnails: dict[int, bytes] = {}
        self._last_number = 0

    # --- what happens -------------------------------------------------------------------------

    def applied(self, state: PromptState, model: str, at: float) -> Look:
        """Notes that a prompt state was applied: a new look, or the same one again.

        Args:
            state: What was applied.
            model: Name of the model.
            at: When it was asked for, in seconds since 1970.

        Returns:
            The look, which is live now.
        """
        with self._lock:
            look = self._noted(state, model, at, "applied")
            self.live = look.number
            self._trim()
            return look

    def refused(self, state: PromptState, model: str, at: float, *, reason: str, code: str) -> Look:
        """Notes that a prompt state was refused; what was live stays so.

        Args:
            state: What was refused.
            model: Name of the model.
            at: When it was asked for, in seconds since 1970.
            reason: Why.
            code: Code of the error.

        Returns:
            The look.
        """
        with self._lock:
            look = self._noted(state, model, at, "refused")
            look.reason, look.code = reason[:500], code[:80]
            self._trim()
            return look

    def effect(
        self, number: int, seconds: float | None, changed: bool | None, thumbnail: bytes | None
    ) -> bool:
        """Notes what a page saw of a look.

        Args:
            number: The look's.
            seconds: From the request until the picture changed; None: not seen.
            changed: Whether it changed; None: not known.
            thumbnail: A small JPEG of the output; None: none.

        Returns:
            Whether there is such a look.
        """
        with self._lock:
            look = self._looks.get(number)
            if look is None:
                return False
            if changed is not None:
                look.effect_s, look.changed = seconds, changed
            if thumbnail is not None:
                self._thumbnails[number] = thumbnail
            self._trim()
            return True

    def bill(self, seconds: float) -> None:
        """Adds billed seconds to the look that is live."""
        with self._lock:
            if self.live in self._looks:
                self._looks[self.live].billed_s += seconds

    def mark(self, number: int, *, star: bool | None = None, pin: bool | None = None) -> bool:
        """Stars or pins a look, or takes that back; a pin moves from the look that had it.

        Args:
            number: The look's.
            star: Whether it is starred; None: as before.
            pin: Whether it is A; None: as before.

        Returns:
            Whether there is such a look.
        """
        with self._lock:
            look = self._looks.get(number)
            if look is None or look.status == "refused":
                return False
            keys = self.held_keys()
            if pin is not None:
                for other in self._looks.values():
                    if other.pin and pin and other is not look:
                        other.pin = False
                        other.key = other.key if other.star else None
                look.pin = pin
            look.star = look.star if star is None else star
            if not look.is_marked:
                look.key = None
            elif look.key is None:
                held = {one.key for one in self._looks.values()}
                free = [key for key in reversed(KEYS) if key not in held]
                look.key = keys.get(number) or (free[0] if free else None)
            return True

    def drop(self, number: int) -> None:
        """Removes a look."""
        with self._lock:
            self._looks.pop(number, None)
            self._thumbnails.pop(number, None)

    def take_from(self, other: Looks) -> None:
        """Begins with the looks of an earlier widget."""
        with self._lock, other._lock:
            self._looks.update({n: Look(**asdict(look)) for n, look in other._looks.items()})
            self._thumbnails.update(other._thumbnails)
            self._last_number = max(self._last_number, other._last_number)
            self._trim()

    def add(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Adds records that were exported before; those that are here already are left out.

        Args:
            records: As ``records`` returns them; the first 200 count.

        Returns:
            How many were added.

        Raises:
            ValueError: A record has no prompt, or a value that can't be one of a record.
        """
        looks = [_read(record) for record in islice(records, MAX_LOOKS)]
        with self._lock:
            known = {_identity(look) for look in self._looks.values()}
            held = {look.key for look in self._looks.values()}
            has_pin = any(look.pin for look in self._looks.values())
            new = [look for look in looks if _identity(look) not in known]
            for look in new:
                self._last_number += 1
                look.number = self._last_number
                look.pin, has_pin = look.pin and not has_pin, has_pin or look.pin
                look.key = look.key if look.is_marked and look.key not in held else None
                held.add(look.key)
                self._looks[look.number] = look
            self._looks = dict(sorted(self._looks.items(), key=lambda item: item[1].at))
            self._trim()
            return len(new)

    # --- what is known ------------------------------------------------------------------------

    def get(self, number: int) -> Look | None:
        """Returns a look; None if there is no such one."""
        return self._looks.get(number)

    def held_keys(self) -> dict[int, int]:
        """Returns the key of each look that has one, by the look's number.

        Those with a mark keep theirs; of the others, the newest have the lowest that are free.
        """
        with self._lock:
            applied = [look for look in self._looks.values() if look.status == "applied"]
            keys = {look.number: look.key for look in applied if look.key is not None}
            held = set(keys.values())
            free = iter([key for key in KEYS if key not in held])
            for look in reversed(applied):
                if look.key is None and (key := next(free, None)) is not None:
                    keys[look.number] = key
            return keys

    def records(self) -> list[dict[str, Any]]:
        """Returns the looks as plain values, oldest first; ``key`` is the key that each has now."""
        with self._lock:
            keys = self.held_keys()
            return [
                {**asdict(look), "billed_s": round(look.billed_s, 3), "key": keys.get(look.number)}
                for look in self._looks.values()
            ]

    def thumbnails(self) -> dict[int, bytes]:
        """Returns the thumbnails, JPEG files, by the look's number."""
        with self._lock:
            return dict(self._thumbnails)

    def __len__(self) -> int:
        return len(self._looks)

    # --- inside -------------------------------------------------------------------------------

    def _noted(self, state: PromptState, model: str, at: float, status: str) -> Look:
        image = image_key(state.image)
        for look in self._looks.values():
            if (look.prompt, look.enrich, look.image, look.model, look.status) == (
                *(state.prompt, state.enrich, image, model),
                status,
            ):
                look.uses += 1
                return look
        self._last_number += 1
        look = Look(self._last_number, state.prompt, state.enrich, image, model, at, status)
        self._looks[look.number] = look
        return look

    def _trim(self) -> None:
        """Drops thumbnails and looks until the rest is within the limits."""
        sizes = {n: len(json.dumps(asdict(look))) for n, look in self._looks.items()}
        total = sum(sizes.values()) + sum(map(len, self._thumbnails.values()))
        # Those without a mark first, and of these the oldest; the live one and A last.
        order = sorted(
            self._looks.values(),
            key=lambda look: (look.number == self.live, look.pin, look.star, look.at),
        )
        for look in order[:-1]:
            if total <= MAX_BYTES:
                break
            total -= len(self._thumbnails.pop(look.number, b""))
        for look in order[:-1]:
            if total <= MAX_BYTES and len(self._looks) <= MAX_LOOKS:
                break
            total -= sizes[look.number]
            self.drop(look.number)


def _identity(look: Look) -> tuple[Any, ...]:
    return look.prompt, look.enrich, look.image, look.model, look.status


def _read(record: Mapping[str, Any]) -> Look:
    """Reads one record.

    Raises:
        ValueError: A value can't be one of a record.
    """
    if not isinstance(record, Mapping) or "prompt" not in record:
        raise ValueError("no prompt")
    defaults = Look(0, None, True, None, "", 0.0)
    values: dict[str, Any] = {}
    for name in FIELDS:
        default = getattr(defaults, name)
        value = record.get(name, default)
        if (
            not isinstance(value, _KINDS[name])
            or (isinstance(value, bool) and bool not in _KINDS[name])
            or (isinstance(value, float) and not math.isfinite(value))
        ):
            raise ValueError(name)
        values[name] = value
    if values["status"] not in ("applied", "refused") or values["key"] not in (None, *KEYS):
        raise ValueError("status")
    return Look(**values)


_NONE: Final = type(None)

_KINDS: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("number", "uses"), (int,)),
    **dict.fromkeys(("prompt", "image"), (str, _NONE)),
    **dict.fromkeys(("model", "status", "reason", "code"), (str,)),
    **dict.fromkeys(("enrich", "star", "pin"), (bool,)),
    **dict.fromkeys(("at", "billed_s"), (int, float)),
    "effect_s": (int, float, _NONE),
    "changed": (bool, _NONE),
    "key": (int, _NONE),
}
"""Types of a record's values."""
