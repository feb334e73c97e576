"""``transform``: a whole clip through a model, into a file."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.errors import BudgetSpentError

if TYPE_CHECKING:
    import os

    from decart_widget.engine.received import ReceivedFrame
    from decart_widget.headless.schedule import Change
    from decart_widget.headless.session import Session

SPARE_FACTOR: Final = 1.5
"""By how much a clip may take longer than it is, unless a budget is given."""

SPARE_S: Final = 10.0
"""Seconds that are added to that, for start and end; also the service's least budget."""


@dataclass(frozen=True)
class Transformed:
    """A clip that was transformed.

    Attributes:
        path: The file.
        frames: Frames in it.
        lost: Frames that were sent and never came back.
        billed_s: Seconds that were billed.
        cost: US dollars; None where no price is known.
        complete: Whether the whole clip was transformed; False if the budget ended it, or Ctrl-C.
    """

    path: Path
    frames: int
    lost: int
    billed_s: float
    cost: float | None
    complete: bool


@hides_arguments
def transform(
    source: Any,
    output: str | os.PathLike[str],
    *,
    prompt: str | None = None,
    prompts: Mapping[float, str | None] | str | os.PathLike[str] | None = None,
    budget: float | str | None = None,
    which: str = "output",
    sound: bool = True,
    overwrite: bool = False,
    progress: bool = True,
    orientation: str = "auto",
    **session: Any,
) -> Transformed:
    """Sends a clip through a model and writes what comes back, frame by frame.

    What it may cost is said first. Ctrl-C ends the session, and what came back until then is in the
    file.

    Args:
        source: A video file's path, or another source of ``Session`` that has an end.
        output: The file to write: ``.mp4``, ``.mov``, ``.mkv`` or ``.webm``.
        prompt: What the picture is to become; None leaves the picture alone.
        prompts: Prompts by the second from which on they hold, or the path of a JSON file with
            such an object.
        budget: Seconds after which it ends, or US dollars as in ``"$1"``; None for one and a half
            times the length of the clip and 10 seconds more.
        which: ``"output"``, or ``"both"`` for the clip and the result side by side.
        sound: Whether the sound of the clip is kept.
        overwrite: Whether an existing file may be replaced.
        progress: Whether a progress bar is shown on standard error.
        orientation: As in ``Session``; ``"auto"``: as the clip is.
        **session: Further arguments of ``Session``, such as ``model``, ``image`` or ``endpoint``.

    Returns:
        What was written, and what it cost.

    Raises:
        ConfigurationError: An argument is invalid; nothing is billed.
        DecartError: The session failed; the message says where what came back is.
    """
    from decart_widget.headless.output import checked_output
    from decart_widget.headless.schedule import check_schedule
    from decart_widget.headless.session import Session
    from decart_widget.inputs.sources.choice import as_source

    changes = [] if prompts is None else check_schedule(prompts)
    if changes and changes[0].at_s == 0:
        prompt, changes = changes[0].prompt, changes[1:]
    chosen = as_source(source)
    chosen.check()
    target = checked_output(output, chosen, overwrite=overwrite)
    length_s = getattr(chosen, "length_s", None)
    if budget is None and length_s is not None:
        budget = math.ceil(length_s * SPARE_FACTOR + SPARE_S)
    made = Session(prompt=prompt, source=chosen, budget=budget, orientation=orientation, **session)
    try:
        return _run(made, target, changes, length_s, which, sound, overwrite, progress)
    finally:
        made.close()


def _run(
    session: Session,
    target: Path,
    changes: Sequence[Change],
    length_s: float | None,
    which: str,
    sound: bool,
    overwrite: bool,
    progress: bool,
) -> Transformed:
    if progress:
        sys.stderr.write(f"{announcement(session, length_s)}\n")
    with Progress(session, length_s, shown=progress) as bar:
        watcher = Watcher(session, changes, bar.advance)
        session.watch_every(watcher)
        stopped = False
        # Recording begins with the session, so that the first frame is in the file.
        recording = session.record_from_start(
            target, which, every=True, sound=sound, overwrite=overwrite
        )
        try:
            session.connect_or_raise()
            session.wait().result(None)
        except KeyboardInterrupt:
            stopped = True
            session.disconnect().result()
        finally:
            path = recording.stop().result(None)
    error = session.error
    complete = not stopped and error.get("code") != BudgetSpentError.default_code
    return Transformed(
        path, recording.frames, watcher.lost_count, session.generation_tick, session.cost, complete
    )


def announcement(session: Session, length_s: float | None) -> str:
    """Returns what the transformation takes at most, in seconds and in money, as one line."""
    from decart_widget.runtime.trait_values import price_of

    length = "a clip of unknown length" if length_s is None else f"{length_s:.1f} s of video"
    per_s = price_of(session.settings, session.endpoint)
    budget_s = session.budget
    if session.endpoint == "sandbox":
        price = "local effects, nothing is billed"
    elif per_s is None:
        price = "its price is not known"
    else:
        about = "" if length_s is None else f", about ${length_s * per_s:.2f}"
        most = "no limit" if budget_s is None else f"at most ${budget_s * per_s:.2f}"
        price = f"${per_s:g} a second{about}; {most}"
    limit = "" if budget_s is None else f" It ends after {budget_s:g} s at the latest."
    return f"{session.model}: {length}; {price}.{limit}"
