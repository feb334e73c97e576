"""``executor="batch"``: the cells of a sweep through the batch endpoint, each with a seed.

A realtime session has no seed, so two runs of one prompt differ. A batch job has one: the same
clip, prompt and seed give the same pictures, and cells that have the seed in common differ by their
prompts alone. The run number n of a cell has the seed n. It costs more for each second, but no
lead-in. There is nothing to settle, so those figures are missing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import (
    DecartError,
    InvalidOptionError,
    InvalidPromptError,
    MediaError,
    RequestRejectedError,
    TransportError,
    internal_error,
)
from decart_widget.explore.planning.jobs import Estimate, Job, Reports
from decart_widget.explore.records import Captured, Cell
from decart_widget.models import RealtimeModel
from decart_widget.prices import batch_price
from decart_widget.protocol.retry import is_permanent
from decart_widget.runtime.destination import SANDBOX, Destination
from decart_widget.session.account import resolve_model
from decart_widget.session.endpoints import DECART, Endpoint
from decart_widget.session.generate import (
    JOB_FAILED,
    LONGEST_PROMPT,
    Request,
    finished_job,
    submit_job,
)

if TYPE_CHECKING:
    from decart_widget.explore.planning.axes import Design
    from decart_widget.explore.planning.looped_clip import Clip
    from decart_widget.explore.planning.session_options import SessionOptions
    from decart_widget.inputs.secrets import Secret

BATCH: Final = "batch"
"""The value of ``executor`` that chooses the batch endpoint."""

START_S: Final = 5.0
"""Seconds that a job is taken to need besides its work, for the plan."""

WORK_FACTOR: Final = 4.0
"""Seconds that a job is taken to need for each second of its clip, for the plan."""

JOB_TIMEOUT_S: Final = 600.0
"""Seconds within which a job must be done."""


def batch_options(options: SessionOptions, design: Design) -> SessionOptions:
    """Returns the options of a sweep through the batch endpoint, with its prices.

    Args:
        options: Those of a sweep through sessions.
        design: What is run.

    Returns:
        The options; cells have other keys than those of sessions.

    Raises:
        InvalidOptionError: A cell can't run as a batch job.
        InvalidPromptError: A prompt is too long for one.
    """
    if options.arguments.get("speed") is not None:
        raise InvalidOptionError("Batch jobs have no speed.", remedy="Leave out speed=.")
    for choice in design.choices:
        if choice.changes:
            raise InvalidOptionError(
                "A batch job has one prompt, no schedule.",
                remedy='Run schedules in sessions: leave out executor="batch".',
            )
        if len(choice.prompt or "") > LONGEST_PROMPT:
            raise InvalidPromptError(
                f"The prompt {shorten(choice.prompt or '', 60)!r} is too long for a batch job.",
                remedy=f"Give {LONGEST_PROMPT:,} characters at most.",
            )
    return with_batch(options)


def with_batch(options: SessionOptions) -> SessionOptions:
    """Returns options with what the batch endpoint costs, marked as such.

    Args:
        options: Those of sessions.
    """
    endpoint = Destination(options.arguments.get("endpoint"), options.arguments.get("api_key")).name
    prices = {name: _price(settings.model, endpoint) for name, settings in options.settings.items()}
    return replace(
        options,
        described=MappingProxyType({**options.described, "executor": BATCH}),
        prices=prices,
    )


def is_batch(described: Mapping[str, Any]) -> bool:
    """Returns whether described options are those of the batch endpoint."""
    return described.get("executor") == BATCH


def estimate(job: Job) -> Estimate:
    """Says what a job takes.

    Args:
        job: The cells.
    """
    count = sum(not cell.is_control for cell in job.cells)
    rounds = -(-count // max(1, job.sessions))
    wall_s = rounds * (START_S + WORK_FACTOR * job.seconds)
    return Estimate(sessions=count, lead_in_s=0.0, billed_s=count * job.seconds, wall_s=wall_s)


def run(job: Job, reports: Reports, stop: threading.Event) -> None:
    """Runs cells; returns when they have ended, or after a stop.

    A stop begins no further job; those that run are paid for, and are waited for.

    Args:
        job: The cells, all of one model.
        reports: Gets what happens, on this thread.
        stop: Set to end early.

    Raises:
        DecartError: No cell can run, for a reason such as a refused key.
    """
    asyncio.run(_Batch(job, reports, stop).run())


@dataclass(frozen=True)
class Sent:
    """What is sent for each cell.

    Attributes:
        clip: Its frames.
        file: All of them as an MP4 file.
    """

    clip: Clip
    file: bytes


class _Batch:
    """One run through the batch endpoint, on a loop of its own."""

    def __init__(self, job: Job, reports: Reports, stop: threading.Event) -> None:
        self._job = job
        self._reports = reports
        self._stop = stop
        self._destination = Destination(job.session.get("endpoint"), job.session.get("api_key"))
        self._billed_s = 0.0
        self._committed_s = 0.0
        self._failure: DecartError | None = None
        self._model_id = ""

    async def run(self) -> None:
        """Runs the cells, some at once.

        Raises:
            DecartError: No cell can run.
        """
        from decart_widget.explore.batches.batch_clip import encoded
        from decart_widget.explore.planning.looped_clip import target_of
        from decart_widget.explore.running.work import settings_of

        job = self._job
        if not job.cells:
            return
        settings = settings_of(job.session, job.cells[0].model)
        self._per_s = _price(settings.model, self._destination.name)
        try:
            clip = await asyncio.to_thread(job.clip, target_of(settings, job.session))
            self._sent = Sent(clip, await asyncio.to_thread(encoded, clip))
            endpoint, key = await self._destination.open()
            self._model_id = await resolve_model(settings.model.name, endpoint)
            waiting = list(reversed(job.cells))

            async def work() -> None:
                while waiting and not self._stop.is_set() and self._failure is None:
                    await self._cell(waiting.pop(), key, endpoint)

            await asyncio.gather(*(work() for _ in range(max(1, job.sessions))))
        finally:
            self._destination.close()
        if self._failure is not None:
            raise self._failure

    async def _cell(self, cell: Cell, key: Secret, endpoint: Endpoint) -> None:
        """Runs one cell and reports how it ended."""
        sent, seconds = self._sent, self._sent.clip.seconds
        if cell.is_control:
            # The untouched clip: as it is sent, encoded once.
            self._reports.began(cell)
            await self._done(cell, sent.file, 0.0, "")
            return
        budget_s = self._job.budget_s
        if budget_s is not None and self._committed_s + seconds > budget_s + 1e-6:
            return  # the sweep says that the budget is used up
        self._committed_s += seconds
        self._reports.began(cell)
        self._reports.progress(cell, 0.0, "waiting")
        request = Request(
            sent.file,
            cell.prompt or "",
            cell.enrich,
            None if cell.image is None else self._job.images[cell.image],
            cell.repeat,
            self._job.session.get("resolution"),
        )
        name = ""
        try:
            name = await submit_job(request, cell.model, key, endpoint)
            self._reports.progress(cell, 0.3, "taking")
            file = await finished_job(name, key, endpoint, timeout=JOB_TIMEOUT_S)
            self._spend(seconds)
            await self._done(cell, file, seconds, name)
        except RequestRejectedError as error:
            self._committed_s -= seconds
            self._reports.refused(cell, error.bare(), 0.0)
        except DecartError as error:
            is_billed = name != "" and error.code != JOB_FAILED
            if is_billed and not isinstance(error, MediaError):
                self._spend(seconds)  # it runs on
            if not is_billed and not isinstance(error, TransportError):
                self._committed_s -= seconds  # what got no answer may be billed
            if is_permanent(error):
                self._failure = error.bare()
                return
            self._reports.failed(cell, error.bare(), seconds if is_billed else 0.0)
        except Exception as error:  # a mistake of ours must not lose the other cells
            self._reports.failed(cell, internal_error(error), seconds if name else 0.0)

    async def _done(self, cell: Cell, file: bytes, billed_s: float, name: str) -> None:
        """Reports the frames that came back.

        Raises:
            MediaError: There is none, or the file is damaged.
        """
        from decart_widget.explore.batches.batch_clip import returned
        from decart_widget.explore.planning.pictures import Pictures

        clip = self._sent.clip
        found = await asyncio.to_thread(returned, file, clip)
        places = [at for at, _ in found]
        self._reports.captured(
            cell,
            Captured(
                indices=tuple(clip.indices[at] for at in places),
                times=tuple(clip.times[at] for at in places),
                frames=Pictures([planes for _, planes in found]),
                sent=Pictures([clip.pictures.planes[at] for at in places]),
                billed_s=billed_s,
                cost=None if self._per_s is None else round(self._per_s * billed_s, 6),
                session=name,
                model_id=self._model_id,
            ),
        )

    def _spend(self, seconds: float) -> None:
        """Adds billed seconds and reports the sum."""
        self._billed_s += seconds
        cost = None if self._per_s is None else round(self._per_s * self._billed_s, 6)
        self._reports.spent(self._billed_s, cost)


def _price(model: RealtimeModel, endpoint: str) -> float | None:
    """Returns US dollars per second of a job; None where no price is known.

    Args:
        model: The model.
        endpoint: Name of the endpoint.
    """
    if endpoint == SANDBOX:
        return 0.0
    return batch_price(model) if endpoint == DECART.name else None
