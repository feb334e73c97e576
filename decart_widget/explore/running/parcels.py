"""Cells that run in another process: what is sent there, and what that process does.

A parcel holds everything that a session needs but the key, which the other process reads from its
own environment: ``DECART_API_KEY``, or for other servers ``DECART_WIDGET_SANDBOX_KEY``.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from decart_widget import errors
from decart_widget.errors import DecartError, InvalidKeyError, InvalidOptionError, internal_error
from decart_widget.explore.planning.jobs import Job
from decart_widget.inputs.secrets import ENVIRONMENT_VARIABLE

if TYPE_CHECKING:
    from decart_widget.explore.planning.jobs import Phase
    from decart_widget.explore.planning.looped_clip import Clip
    from decart_widget.explore.records import Captured, Cell
    from decart_widget.models import RealtimeModel

OTHER_KEY_VARIABLE: Final = "DECART_WIDGET_SANDBOX_KEY"
"""Environment variable of a worker with the key for an endpoint that is a URL; the program
``python -m decart_widget.sandbox`` reads its own key there, too."""

STOP_POLL_S: Final = 0.5
"""Seconds between two looks whether the job was stopped."""

PROGRESS_SHARE: Final = 0.2
"""Parts in which progress is reported from another process."""


class Channel(Protocol):
    """Takes reports from another process to this one, and says there that the job was stopped.

    It is pickled, and used on both sides.
    """

    def post(self, report: bytes) -> None:
        """Sends a report."""

    @property
    def is_stopped(self) -> bool:
        """Whether the job was stopped."""


@dataclass(frozen=True)
class Parcel:
    """Cells of one model that one process runs.

    Attributes:
        number: Of the parcel.
        cells: In their order.
        clip: What each cell sees.
        session: Arguments of ``Session``, without a key.
        images: The reference images that they need.
        lead_in_s: As in ``Job``.
        budget_s: As in ``Job``.
        models: As in ``Job``.
    """

    number: int
    cells: tuple[Cell, ...]
    clip: Clip
    session: Mapping[str, Any]
    images: Mapping[str, bytes]
    lead_in_s: float | None
    budget_s: float | None
    models: Mapping[str, RealtimeModel]


class Posted(NamedTuple):
    """A report as it travels.

    Attributes:
        parcel: Number of the parcel.
        name: Of the method of ``Reports``.
        arguments: Of the method; an error is a `PackedError`.
    """

    parcel: int
    name: str
    arguments: tuple[Any, ...]


class PackedError(NamedTuple):
    """An error as it travels: pickling it would lose its remedy."""

    kind: str
    message: str
    remedy: str
    code: str

    def unpacked(self) -> DecartError:
        """Returns the error."""
        kind = getattr(errors, self.kind, DecartError)
        made: DecartError = kind(self.message, remedy=self.remedy, code=self.code)
        return made


def packed_error(error: DecartError) -> PackedError:
    """Returns an error as it travels."""
    return PackedError(type(error).__name__, error.message, error.remedy, error.code)


def checked_session(session: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of ``Session`` that travel to another process.

    Args:
        session: Those of the job.

    Returns:
        A copy; a local server is replaced by its URLs.

    Raises:
        InvalidOptionError: There is a key among them, or something that can't travel.
    """
    travelling = dict(session)
    if travelling.pop("api_key", None) is not None:
        raise InvalidOptionError(
            "A key is not sent to an executor's workers.",
            remedy=f"Leave api_key= out, and set {ENVIRONMENT_VARIABLE} in the environment of the "
            f"workers ({OTHER_KEY_VARIABLE} for another endpoint than Decart's).",
        )
    endpoint = travelling.get("endpoint")
    urls = [getattr(endpoint, name, None) for name in ("base_url", "realtime_base_url")]
    if all(isinstance(url, str) for url in urls):
        travelling["endpoint"] = tuple(urls)
    elif endpoint is not None and not isinstance(endpoint, str | tuple | list):
        raise InvalidOptionError(
            "A function or model of your own can't be sent to an executor's workers as endpoint=.",
            remedy="Serve it (decart_widget.sandbox.start_child), and give that server.",
        )
    try:
        pickle.dumps(travelling)
    except Exception as error:
        raise InvalidOptionError(
            f"The session's arguments can't be sent to another process ({type(error).__name__})."
        ) from None
    return travelling


def run_parcel(parcel: Parcel, channel: Channel) -> float:
    """Runs a parcel, in the process of a worker.

    Args:
        parcel: What is to be done.
        channel: Takes the reports.

    Returns:
        Seconds that were billed.
    """
    from decart_widget.explore.running.here import run_here

    reports = _Posting(parcel.number, channel)
    stop, over = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(STOP_POLL_S):
            if channel.is_stopped:
                stop.set()
                return

    watching = threading.Thread(target=watch, name="decart-sweep-stop", daemon=True)
    watching.start()
    try:
        job = Job(
            parcel.clip,
            parcel.cells,
            _with_key(parcel.session),
            parcel.images,
            lead_in_s=parcel.lead_in_s,
            budget_s=parcel.budget_s,
            models=parcel.models,
        )
        run_here(job, reports, stop)
    except DecartError as error:
        reports.post("failure", packed_error(error.bare()))
    except Exception as unexpected:
        reports.post("failure", packed_error(internal_error(unexpected)))
    finally:
        over.set()
        watching.join(2 * STOP_POLL_S)
    return reports.billed_s


def _with_key(session: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = session.get("endpoint")
    is_known = endpoint is None or (isinstance(endpoint, str) and "://" not in endpoint)
    if is_known:
        return dict(session)
    if not os.environ.get(OTHER_KEY_VARIABLE):
        raise InvalidKeyError(
            "The worker has no key for the endpoint.",
            remedy=f"Set {OTHER_KEY_VARIABLE} in the environment of the executor's workers.",
        )
    return {**session, "api_key": os.environ[OTHER_KEY_VARIABLE]}


class _Posting:
    """Implements ``Reports``: sends everything on."""

    def __init__(self, number: int, channel: Channel) -> None:
        self.billed_s = 0.0
        self._number = number
        self._channel = channel
        self._shown: tuple[str, str, int] | None = None

    def post(self, name: str, *arguments: Any) -> None:
        """Sends a report."""
        self._channel.post(pickle.dumps(Posted(self._number, name, arguments)))

    def began(self, cell: Cell) -> None:
        """As in ``Reports``; likewise the others."""
        self.post("began", cell)

    def progress(self, cell: Cell, share: float, phase: Phase) -> None:
        """Sends every fifth of a cell."""
        shown = (cell.key, phase, int(share / PROGRESS_SHARE))
        if shown != self._shown:
            self._shown = shown
            self.post("progress", cell, share, phase)
            self.post("spent", self.billed_s)

    def captured(self, cell: Cell, captured: Captured) -> None:
        """Sends the frames, compressed without loss."""
        self.post("captured", cell, captured)

    def refused(self, cell: Cell, error: DecartError, billed_s: float) -> None:
        """Sends the reason."""
        self.post("refused", cell, packed_error(error), billed_s)

    def failed(self, cell: Cell, error: DecartError, billed_s: float) -> None:
        """Sends the reason."""
        self.post("failed", cell, packed_error(error), billed_s)

    def spent(self, billed_s: float, _cost: float | None) -> None:
        """Keeps it."""
        self.billed_s = billed_s
