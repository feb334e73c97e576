"""The values that the parts of an exploration exchange: axes, cells and their results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Status = Literal["done", "refused", "failed"]
"""How a cell ended: its pictures are there, its prompt was refused, or its session failed."""

STATUSES: Final[tuple[str, ...]] = get_args(Status)
"""The values of ``Status``."""


@dataclass(frozen=True)
class Axis:
    """One axis of a sheet.

    Attributes:
        name: A field of a template, or ``"prompt"``, ``"enrich"``, ``"image"``, ``"model"`` or
            ``"fresh"``.
        labels: What stands at its places, for people; at least one.
    """

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One thing to run: a prompt and what it runs with.

    Attributes:
        prompt: The prompt; None leaves the picture alone.
        enrich: Whether the service may elaborate the prompt.
        image: Key of the reference image in the sweep's images (the first 16 hex digits of the
            SHA-256 of its bytes); None: none.
        model: Name of the model.
        fresh: Whether it has a session of its own.
        repeat: 0, or the number of a further run of the same.
        place: Index of its label on each axis; empty for the control.
        is_control: Whether it is the untouched clip on the same way, whose scores are the noise of
            codec and connection.
        key: 16 hex digits: of the SHA-256 of all that decides its picture, the clip, the moments
            and ``repeat`` included. The same cell has the same key in every run.
        changes: Further prompts by second of the source, in the order of time (a schedule); empty
            for one prompt. ``prompt`` is what holds at the begin.
    """

    prompt: str | None
    enrich: bool
    image: str | None
    model: str
    fresh: bool
    repeat: int
    place: tuple[int, ...]
    is_control: bool
    key: str
    changes: tuple[tuple[float, str | None], ...] = ()


@dataclass(frozen=True)
class Captured:
    """What a session gave for one cell that is done.

    Attributes:
        indices: ``Frame.index`` of each frame; the same source frames for every cell.
        times: Time of each frame in its source, in seconds.
        frames: What came back: uint8 RGB arrays ``(height, width, 3)``.
        sent: What was sent, with the same indices.
        settled_s: Seconds from the prompt's change until the picture no longer changed because of
            it; None: not seen.
        effect_s: Seconds until the output changed first; None: not seen.
        billed_s: Seconds billed for the cell, those before its first frame included.
        cost: US dollars; None where no price is known.
        session: The service's id of the session.
        model_id: The model that the service says it used.
    """

    indices: tuple[int, ...]
    times: tuple[float, ...]
    frames: Sequence[NDArray[np.uint8]]
    sent: Sequence[NDArray[np.uint8]]
    settled_s: float | None = None
    effect_s: float | None = None
    billed_s: float = 0.0
    cost: float | None = None
    session: str = ""
    model_id: str = ""


@dataclass(frozen=True)
class CellResult:
    """How a cell ended; one line of a folder's ledger.

    Attributes:
        key: The cell's.
        status: ``"done"``, ``"refused"`` or ``"failed"``.
        reason: Why it was refused or failed, and what to do; empty when it is done.
        code: Code of that error; empty when it is done.
        indices: As in ``Captured``; likewise the next fields.
        times: In seconds.
        settled_s: In seconds.
        effect_s: In seconds.
        billed_s: In seconds.
        cost: In US dollars.
        session: The service's id of the session.
        model_id: The model that the service says it used.
        scores: Scores by name, each in its own unit.
        score_errors: Why a score is missing, by its name.
        files: Names of files, relative to the folder: ``"clip"``, ``"sprite"``.
        sizes: Bytes of these files, by name: a file of another size is damaged.
    """

    key: str
    status: Status
    reason: str = ""
    code: str = ""
    indices: tuple[int, ...] = ()
    times: tuple[float, ...] = ()
    settled_s: float | None = None
    effect_s: float | None = None
    billed_s: float = 0.0
    cost: float | None = None
    session: str = ""
    model_id: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    score_errors: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Returns the result as JSON values; scores that are not finite become None."""
        values = {**self.__dict__, "indices": list(self.indices), "times": list(self.times)}
        values["scores"] = {
            name: score if math.isfinite(score) else None for name, score in self.scores.items()
        }
        for name in ("score_errors", "files", "sizes"):
            values[name] = dict(values[name])
        return values

    @classmethod
    def from_json(cls, values: Any) -> CellResult:
        """Reads what ``as_json`` returned; fields of newer versions are left out.

        Args:
            values: JSON values.

        Returns:
            The result.

        Raises:
            ValueError: They are none of a result.
        """
        if not isinstance(values, dict):
            raise ValueError("no JSON object")
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        texts = ("key", "status", "reason", "code", "session", "model_id")
        if not all(isinstance(known.get(name, ""), str) for name in texts):
            raise ValueError("a text is none")
        if known.get("status") not in STATUSES or not known.get("key"):
            raise ValueError("no key or status")
        for name in ("scores", "score_errors", "files", "sizes"):
            if not isinstance(known.get(name, {}), dict):
                raise ValueError(f"{name} is no object")
        known["scores"] = {
            name: math.nan if score is None else float(score)
            for name, score in known.get("scores", {}).items()
        }
        for name in ("settled_s", "effect_s", "billed_s", "cost"):
            if known.get(name) is not None:
                known[name] = float(known[name])
        known["indices"] = tuple(int(index) for index in known.get("indices", ()))
        known["times"] = tuple(float(time) for time in known.get("times", ()))
        return cls(**known)
