"""The workers of a Dask cluster: each runs one parcel at a time."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from decart_widget.errors import DecartError
from decart_widget.explore.running.parcels import run_parcel

if TYPE_CHECKING:
    from decart_widget.explore.running.parcels import Parcel

CALL_S: Final = 5.0
"""Seconds that a call of the scheduler may take."""


class Handle(NamedTuple):
    """A parcel that a worker runs.

    Attributes:
        future: Of the task.
        worker: Address of the worker.
    """

    future: Any
    worker: str


class DaskChannel:
    """Implements ``Channel`` with a queue and an event of the scheduler.

    Args:
        name: Of both.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._ends: tuple[Any, Any] | None = None

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return DaskChannel, (self._name,)

    def open(self, client: Any) -> None:
        """Connects it in this process.

        Args:
            client: The ``distributed.Client`` of this process.
        """
        import distributed

        package: Any = distributed  # its classes have no types
        stop = package.Event(f"{self._name}-stop", client=client)
        self._ends = package.Queue(self._name, client=client), stop

    def post(self, report: bytes) -> None:
        """Puts a report into the queue."""
        self._opened[0].put(report)

    @property
    def is_stopped(self) -> bool:
        """Whether the job was stopped."""
        return bool(self._opened[1].is_set())

    def stop(self) -> None:
        """Says that the job was stopped."""
        self._opened[1].set()

    def received(self) -> list[bytes]:
        """Takes what is in the queue."""
        queue = self._opened[0]
        return [queue.get(timeout=CALL_S) for _ in range(queue.qsize())]

    def close(self) -> None:
        """Removes the queue from the scheduler."""
        self._opened[0].close()

    @property
    def _opened(self) -> tuple[Any, Any]:
        if self._ends is None:
            raise DecartError("This channel is not open.")
        return self._ends


def run_on_worker(parcel: Parcel, channel: DaskChannel) -> float:
    """Runs a parcel as a task.

    Args:
        parcel: What is to be done.
        channel: Takes the reports.

    Returns:
        Seconds that were billed.
    """
    from distributed import get_client

    channel.open(get_client())
    return run_parcel(parcel, channel)


class DaskWorkers:
    """Implements ``Workers``.

    Args:
        client: A ``distributed.Client``.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._channel = DaskChannel(f"decart-sweep-{uuid.uuid4().hex}")
        self._channel.open(client)
        self._busy: dict[str, Handle] = {}

    @property
    def count(self) -> int:
        """One parcel for each worker that is there now."""
        return len(self._addresses())

    def submit(self, parcel: Parcel) -> Handle:
        """As in ``Workers``; likewise the others. A task isn't moved, nor run again by Dask."""
        worker = next(name for name in self._addresses() if name not in self._busy)
        data = self._client.scatter(parcel, workers=[worker], hash=False)
        future = self._client.submit(
            run_on_worker,
            data,
            self._channel,
            workers=[worker],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        self._busy[worker] = handle = Handle(future, worker)
        return handle

    def is_over(self, handle: Handle) -> bool:
        """Whether the task is over, or its worker is gone."""
        if not handle.future.done() and handle.worker in self._addresses():
            return False
        self._busy.pop(handle.worker, None)
        return True

    def billed_s(self, handle: Handle) -> float:
        """What the worker said.

        Raises:
            DecartError: The worker is lost.
        """
        if handle.future.status == "finished":
            return float(handle.future.result(timeout=CALL_S))
        reason = "its process is gone"
        if handle.future.status == "error":
            reason = type(handle.future.exception(timeout=CALL_S)).__name__
        handle.future.cancel(force=True)
        raise DecartError(
            f"The worker {handle.worker} is lost ({reason}).",
            remedy="Run the sweep again: what is done is kept.",
            code="worker-lost",
        )

    def received(self) -> list[bytes]:
        """What is in the queue."""
        return self._channel.received()

    def stop(self) -> None:
        """Sets the event."""
        self._channel.stop()

    def close(self) -> None:
        """Removes the queue."""
        self._channel.close()

    def _addresses(self) -> list[str]:
        return list(self._client.scheduler_info(n_workers=-1)["workers"])
