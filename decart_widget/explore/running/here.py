"""Runs a job in this process, each session on a thread of its own."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Final

from decart_widget.explore.running.carrier import Carrier
from decart_widget.explore.running.work import Report, Work

if TYPE_CHECKING:
    from decart_widget.explore.planning.jobs import Job, Reports

POLL_S: Final = 0.1
"""Seconds between two looks whether all sessions are over."""

END_S: Final = 30.0
"""Seconds that the sessions may take to end."""


def run_here(job: Job, reports: Reports, stop: threading.Event) -> None:
    """Runs a job in this process, each session on a thread of its own.

    Args:
        job: As for `run`; its ``executor`` isn't used.
        reports: As for `run`.
        stop: As for `run`.

    Raises:
        DecartError: As for `run`.
    """
    work = Work(job, stop)
    for model in dict.fromkeys(cell.model for cell in job.cells):
        work.clip(model)  # whatever is wrong with the source is raised before anything is billed
    count = max(1, min(job.sessions, len(job.cells)))
    threads = [
        threading.Thread(target=Carrier(number, work).run, name=f"decart-sweep-{number}")
        for number in range(count)
    ]
    try:
        for thread in threads:
            thread.daemon = True
            thread.start()
        while any(thread.is_alive() for thread in threads):
            _report(work, reports, POLL_S)
    finally:
        work.end()
        _drain(work, reports, threads)
    if work.failure is not None:
        raise work.failure


def _drain(work: Work, reports: Reports, threads: list[threading.Thread]) -> None:
    """Reports what is left while the sessions end."""
    tries = int(END_S / POLL_S)
    while tries and any(thread.is_alive() for thread in threads):
        tries -= not _report(work, reports, POLL_S)
    while _report(work, reports, 0):
        pass


def _report(work: Work, reports: Reports, wait_s: float) -> bool:
    """Passes one report on; returns False if there is none."""
    try:
        report: Report = work.reports.get(timeout=wait_s) if wait_s else work.reports.get_nowait()
    except queue.Empty:
        return False
    try:
        getattr(reports, report.name)(*report.arguments)
    finally:
        if report.name == "captured":
            work.taken_over()
    return True
