"""What the runner is given, and what it reports: the interface between a sweep and its sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from decart_widget.errors import DecartError
    from decart_widget.explore.planning.looped_clip import Clip
    from decart_widget.explore.records import Captured, Cell
    from decart_widget.inputs.sources.reader import Source, Target
    from decart_widget.models import RealtimeModel

Phase = Literal["waiting", "opening", "settling", "taking"]
"""What happens with a cell: it waits for a place among the organisation's sessions, its session
opens, its look comes in, its frames are taken."""


@dataclass(frozen=True)
class Job:
    """Cells that run with the same settings.

    Attributes:
        source: The clip, perhaps longer; each cell sees the same part of it. Or what was read.
        cells: In the order in which they run. Those of one model share sessions, unless they are
            ``fresh``.
        session: Arguments of ``Session``: ``endpoint``, ``transport``, ``video`` and so on; neither
            ``model`` nor prompt, image or budget.
        images: The reference images' bytes by their keys.
        first_s: Where the clip begins in the source, in seconds.
        seconds: Its length.
        moments: Times in the source, in seconds, whose frames are wanted; None: every frame.
        lead_in_s: Seconds that the end of the clip is played before each cell, after its prompt was
            applied; None: a second at first, then what the looks were seen to need.
        budget_s: Seconds that may be billed at most; None: no limit.
        sessions: How many run at once, at most.
        executor: None: sessions run here. Else a ``concurrent.futures`` executor or a
            ``dask.distributed.Client``, whose workers run them.
        models: Models of the user's own by name; others are known by theirs.
    """

    source: Source | Clip
    cells: tuple[Cell, ...]
    session: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, bytes] = field(default_factory=dict)
    first_s: float = 0.0
    seconds: float = 3.0
    moments: tuple[float, ...] | None = None
    lead_in_s: float | None = None
    budget_s: float | None = None
    sessions: int = 1
    executor: Any = None
    models: Mapping[str, RealtimeModel] = field(default_factory=dict)

    def model(self, name: str) -> str | RealtimeModel:
        """Returns what a session takes for a model's name.

        Args:
            name: As in a cell.
        """
        return self.models.get(name, name)

    def clip(self, target: Target) -> Clip:
        """Decodes what each cell sees.

        Args:
            target: The picture that is made of each frame.

        Raises:
            SourceError: The source can't be read, or has no frame there.
            InvalidOptionError: The clip is too long, or ends before the last moment.
        """
        from decart_widget.explore.planning.looped_clip import read_clip

        return read_clip(
            self.source,
            target,
            first_s=self.first_s,
            seconds=self.seconds,
            moments=self.moments,
        )


class Reports(Protocol):
    """Gets what happens; one call at a time, on the thread that called ``run``."""

    def began(self, cell: Cell) -> None:
        """A cell begins; perhaps again, after its session broke."""

    def progress(self, cell: Cell, share: float, phase: Phase) -> None:
        """How much of a cell is done, 0 to 1."""

    def captured(self, cell: Cell, captured: Captured) -> None:
        """A cell is done."""

    def refused(self, cell: Cell, error: DecartError, billed_s: float) -> None:
        """The service refused a cell's prompt or image."""

    def failed(self, cell: Cell, error: DecartError, billed_s: float) -> None:
        """A cell's session broke, or frames were lost, each time that it was tried."""

    def spent(self, billed_s: float, cost: float | None) -> None:
        """What the job has cost so far, in seconds and US dollars (None: no price is known)."""


@dataclass(frozen=True)
class Estimate:
    """What a job will take, about.

    Attributes:
        sessions: Sessions that are opened.
        lead_in_s: Seconds billed for each cell besides its clip.
        billed_s: Seconds billed in all.
        wall_s: Seconds until it is done.
    """

    sessions: int
    lead_in_s: float
    billed_s: float
    wall_s: float
