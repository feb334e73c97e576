"""``transform``: a whole clip through a model, into a file."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.errors import BudgetSpentError, DecartError

if TYPE_CHECKING:
    import os

    from decart_widget.engine.received import ReceivedFrame
    from decart_widget.engine.recording import EngineRecording
    from decart_widget.headless.session import Session
    from decart_widget.inputs.schedules import Change, Schedule
    from decart_widget.inputs.sources.reader import Source

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
    prompts: Schedule | Mapping[float, str | None] | str | os.PathLike[str] | None = None,
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
        prompts: Prompts by the second from which on they hold: a schedule, a mapping, pairs, or the
            path of a JSON file with such an object.
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
    from decart_widget.engine.output import checked_output
    from decart_widget.headless.session import Session
    from decart_widget.inputs.schedules import check_schedule
    from decart_widget.inputs.sources.choice import as_source
    from decart_widget.options import FRAMERATES
    from decart_widget.runtime.destination import SandboxWarning

    changes = [] if prompts is None else check_schedule(prompts)
    if changes and changes[0].at_s == 0:
        prompt, enrich, changes = changes[0].prompt, changes[0].enrich, changes[1:]
        if enrich is not None:
            session["enrich"] = enrich
    chosen = as_source(source)
    chosen.check()
    target = checked_output(output, chosen, overwrite=overwrite)
    length_s, _ = measured(chosen, FRAMERATES[1])
    if budget is None and length_s is not None:
        budget = math.ceil(length_s * SPARE_FACTOR + SPARE_S)
    with warnings.catch_warnings():
        if progress:  # the announcement says it
            warnings.simplefilter("ignore", SandboxWarning)
        made = Session(
            prompt=prompt, source=chosen, budget=budget, orientation=orientation, **session
        )
    with closing(made):
        _, frames = measured(chosen, made.settings.video.max_framerate)
        if progress:
            sys.stderr.write(f"{announcement(made, length_s)}\n")
        with Progress(made, frames, is_shown=progress) as bar:
            recording = made.record(target, which, every=True, sound=sound, overwrite=overwrite)
            return _run(made, recording, bar, changes)


def measured(source: Source, fps: float) -> tuple[float | None, int | None]:
    """Returns the length in seconds and the number of frames of a source; None: not known.

    Args:
        source: A source that has been checked.
        fps: Highest frame rate of what is sent: of a faster source, frames are left out.
    """
    from decart_widget.inputs.sources.opening import open_reader
    from decart_widget.inputs.sources.reader import Target

    description = source.describe()
    if description["kind"] not in ("file", "pattern"):
        return None, None
    with closing(open_reader(description, Target(1280, 720, fps))) as reader:
        return reader.duration_s, reader.frame_count


def _run(
    session: Session, recording: EngineRecording, bar: Progress, changes: Sequence[Change]
) -> Transformed:
    watcher = Watcher(session, changes, bar)
    session.media.add_sink(watcher, every=True)
    stopped, failure = False, None
    try:
        recording.wait_begun()  # so that the first frame is in the file
        session.connect_or_raise()
        session.wait().result(None)
    except KeyboardInterrupt:
        stopped = True
    except DecartError as error:
        failure = error
    finally:
        session.media.remove_sink(watcher)
        session.disconnect().result()
    failure = watcher.failure or failure
    try:
        path = recording.stop().result(None)
    except DecartError as error:
        raise (failure or error) from None
    if failure is not None:
        remedy = f"{failure.remedy} What came back until then is in {path}.".strip()
        raise type(failure)(failure.message, remedy=remedy, code=failure.code)
    ended_early = stopped or session.error.get("code") == BudgetSpentError.default_code
    return Transformed(
        path,
        recording.frames,
        watcher.lost_count,
        session.generation_tick,
        session.cost,
        not ended_early,
    )


class Watcher:
    """A sink that sees every frame: shows the progress, and changes the prompt in time.

    Args:
        session: The session.
        changes: The prompts to come.
        bar: Shows the progress.

    Attributes:
        lost_count: Frames that were sent and never came back.
        failure: Why a prompt could not be changed; None if none failed.
    """

    def __init__(self, session: Session, changes: Sequence[Change], bar: Progress) -> None:
        self.lost_count = 0
        self.failure: DecartError | None = None
        self._session = session
        self._changes = list(changes)
        self._bar = bar

    def frame(self, frame: ReceivedFrame) -> None:
        """Counts a frame; asks for the next prompt when a frame of its time is being sent."""
        self._bar.advance(1)
        in_flight_s = (frame.received_ns - frame.captured_ns) / 1e9 if frame.captured_ns else 0.0
        while self._changes and frame.source_time + in_flight_s >= self._changes[0].at_s:
            change = self._changes.pop(0)
            enrich = {} if change.enrich is None else {"enrich": change.enrich}
            operation = self._session.set(prompt=change.prompt, **enrich)
            operation.add_done_callback(self._answered)

    def lost(self, indices: Sequence[int]) -> None:
        """Counts frames that never came back."""
        self.lost_count += len(indices)
        self._bar.advance(len(indices))

    def source_ended(self) -> None:
        """The session ends by itself."""

    def _answered(self, error: BaseException | None) -> None:
        """Ends the session when a prompt was refused: what follows would not be what was asked."""
        if isinstance(error, DecartError) and self.failure is None:
            self.failure = error
            self._session.disconnect()


class Progress:
    """A progress bar on standard error, with the time and the money that are left.

    Args:
        session: Whose budget is shown.
        frames: How many frames there will be; None: not known.
        is_shown: Whether there is a bar at all.
    """

    def __init__(self, session: Session, frames: int | None, *, is_shown: bool) -> None:
        from tqdm import tqdm

        self._session = session
        self._bar = tqdm(total=frames, unit="frame", disable=not is_shown, dynamic_ncols=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.close()

    def advance(self, frames: int) -> None:
        """Shows that so many more frames are done."""
        session = self._session
        spent = "" if not session.cost else f"${session.cost:.2f} spent, "
        if session.remaining is not None:
            self._bar.set_postfix_str(f"{spent}{session.remaining:.0f} s of budget", refresh=False)
        self._bar.update(frames)


def announcement(session: Session, length_s: float | None) -> str:
    """Returns what the transformation takes at most, in seconds and in money, as one line."""
    length = "a clip of unknown length" if length_s is None else f"{length_s:.1f} s of video"
    return f"{session.model}: {length}; {price_words(session, length_s)}.{limit_words(session)}"


def price_words(session: Session, length_s: float | None) -> str:
    """Returns what a session costs: per second, about for its source, and at most."""
    from decart_widget.runtime.trait_values import price_of

    per_s, budget_s = price_of(session.settings, session.endpoint), session.budget
    if session.endpoint == "sandbox":
        return "local effects, nothing is billed"
    if per_s is None:
        return "its price is not known"
    about = "" if length_s is None else f", about ${length_s * per_s:.2f}"
    most = "no limit" if budget_s is None else f"at most ${budget_s * per_s:.2f}"
    return f"${per_s:g} a second{about}; {most}"


def limit_words(session: Session) -> str:
    """Returns when a session ends at the latest, as a further sentence; empty without a budget."""
    budget_s = session.budget
    return "" if budget_s is None else f" It ends after {budget_s:g} s at the latest."
