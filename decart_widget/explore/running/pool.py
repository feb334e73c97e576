"""The workers of a ``concurrent.futures`` executor."""

from __future__ import annotations

from concurrent.futures import CancelledError, Executor, Future
from typing import TYPE_CHECKING

from decart_widget.errors import DecartError, InvalidOptionError
from decart_widget.explore.running.folder_channel import FolderChannel
from decart_widget.explore.running.parcels import run_parcel

if TYPE_CHECKING:
    from decart_widget.explore.running.parcels import Parcel


class PoolWorkers:
    """Implements ``Workers``. Executor and this process see the same temporary folder.

    Args:
        executor: Runs the parcels.
        count: How many may run at once.
    """

    def __init__(self, executor: Executor, count: int) -> None:
        self.count = count
        self._executor = executor
        self._channel = FolderChannel()
        self._futures: list[Future[float]] = []

    def submit(self, parcel: Parcel) -> Future[float]:
        """As in ``Workers``; likewise the others.

        Raises:
            InvalidOptionError: The executor takes nothing any more.
        """
        try:
            future = self._executor.submit(run_parcel, parcel, self._channel)
        except RuntimeError as error:  # it was shut down, or lost a process
            raise InvalidOptionError(
                f"The executor takes no work ({type(error).__name__}).",
                remedy="Give a new executor, and run the sweep again: what is done is kept.",
            ) from None
        self._futures.append(future)
        return future

    def is_over(self, handle: Future[float]) -> bool:
        """Whether it is done."""
        return handle.done()

    def billed_s(self, handle: Future[float]) -> float:
        """What the worker said.

        Raises:
            DecartError: The worker is lost.
        """
        try:
            return handle.result(0)
        except (CancelledError, Exception) as error:
            raise DecartError(
                f"The worker that ran the cell is lost ({type(error).__name__}).",
                remedy="Run the sweep again: what is done is kept.",
                code="worker-lost",
            ) from None

    def received(self) -> list[bytes]:
        """What is in the folder."""
        return self._channel.received()

    def stop(self) -> None:
        """Cancels what has not begun."""
        self._channel.stop()
        for future in self._futures:
            future.cancel()

    def close(self) -> None:
        """Deletes the folder."""
        self._channel.close()
