"""What a job will take: sessions, billed seconds, and time on the clock."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final

from decart_widget.explore.planning.jobs import Estimate
from decart_widget.explore.running.lead_in import FIRST_S, IDLE_S, SESSION_S

if TYPE_CHECKING:
    from decart_widget.explore.planning.jobs import Job

OPEN_S: Final = 4.0
"""Seconds until a session gives its first picture, which are not billed; the service's usual."""

CLOSE_S: Final = 0.3
"""Seconds that are billed at the end of a session."""


def estimate(job: Job) -> Estimate:
    """Returns what a job will take; nothing is opened or read.

    Args:
        job: The job.
    """
    clip_s = job.seconds
    if job.moments is not None:
        clip_s = min(clip_s, max(job.moments) - job.first_s)
    lead_in_s = (FIRST_S if job.lead_in_s is None else job.lead_in_s) + IDLE_S
    fresh = sum(cell.fresh for cell in job.cells)
    shared = Counter(cell.model for cell in job.cells if not cell.fresh)
    at_once = max(1, min(job.sessions, len(job.cells)))
    sessions = fresh + sum(min(at_once, count) for count in shared.values())
    first_s = SESSION_S + CLOSE_S
    followers = max(0, len(job.cells) - sessions)
    billed_s = len(job.cells) * clip_s + sessions * first_s + followers * lead_in_s
    wall_s = (billed_s + sessions * OPEN_S) / at_once
    longest_s = clip_s + first_s + OPEN_S if job.cells else 0.0
    per_cell_s = billed_s / len(job.cells) - clip_s if job.cells else 0.0
    return Estimate(sessions, per_cell_s, billed_s, max(math.ceil(wall_s), longest_s))
