"""Runs a job: here, or with an executor."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decart_widget.explore.planning.jobs import Job, Reports


def run(job: Job, reports: Reports, stop: threading.Event) -> None:
    """Runs the cells of a job; returns when all are reported, and when it was stopped.

    Cells that are neither reported as captured nor as refused or failed did not run: the job was
    stopped, or its budget has nothing left for them.

    Args:
        job: What is to be done.
        reports: Gets what happens, on the calling thread.
        stop: Ends it within a second or two; what is done is kept.

    Raises:
        ConfigurationError: An argument is invalid, or the source can't be read.
        DecartError: No session can be started.
    """
    if job.executor is None:
        from decart_widget.explore.running.here import run_here

        run_here(job, reports, stop)
    else:
        from decart_widget.explore.running.elsewhere import run_elsewhere

        run_elsewhere(job, reports, stop)
