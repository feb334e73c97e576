"""``sweep``, ``load`` and ``repeat``: the ways to a sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.errors import InvalidOptionError, InvalidPathError, SourceError
from decart_widget.explore.batches import batch
from decart_widget.explore.batches.batch import BATCH, batch_options, is_batch, with_batch
from decart_widget.explore.folders import manifest
from decart_widget.explore.folders.folder import SweepFolder, default_folder
from decart_widget.explore.planning.axes import design
from decart_widget.explore.planning.clip import from_description, look_at
from decart_widget.explore.planning.definition import Definition, define, span_of
from decart_widget.explore.planning.plan import Estimator
from decart_widget.explore.planning.session_options import arguments_again, check_options
from decart_widget.explore.sheets.sheet import Sheet
from decart_widget.explore.sheets.sweep_run import Runner

if TYPE_CHECKING:
    import os

Port = tuple[Runner, Estimator]
"""What runs cells, and what says how long they take."""

MAX_SESSIONS: Final = 50
"""Sessions at once; no organisation has more."""


@hides_arguments
def sweep(
    source: Any,
    prompts: Any = None,
    *,
    model: Any = "lucy-latest",
    image: Any = None,
    enrich: Any = True,
    at: Sequence[float] | None = None,
    seconds: float | None = None,
    repeats: int = 1,
    budget: float | str | None = None,
    executor: Any = None,
    fresh: Any = False,
    folder: str | os.PathLike[str] | None = None,
    start: bool = False,
    dry_run: bool = False,
    seed: int = 0,
    sessions: int = 1,
    score: Any = None,
    overwrite: bool = False,
    _port: Port | None = None,
    **session: Any,
) -> Sheet:
    """Runs many prompts on the same part of a clip, and shows them side by side.

    What comes back is a sheet with a plan. It starts at once with ``start=True`` or a ``budget``,
    else by ``sheet.start()`` or a click on it in a notebook; until then nothing is billed. In a
    script, ``sheet.wait()`` waits for the end. The same call again goes on where the last one
    ended: cells that are in the folder are not run again.

    Args:
        source: The clip: a video file's path, a ``VideoFile``, a ``TestPattern``, or frames in a
            list or an array. It must be one that can be played again.
        prompts: What is tried: a list of prompts; a mapping of labels to prompts; `grid`,
            `replace` or `template`, whose fields become axes; a schedule. None: the image alone.
        model: Name of a model, or a list: an axis.
        image: A reference image as in ``Session``; a list of them, with None for none, or a mapping
            of labels to images: an axis.
        enrich: Whether the service may elaborate the prompts; a list of both: an axis.
        at: Times in the clip at which the sheet shows its cells, in seconds. Without ``seconds``
            each cell covers the clip from the first of them to the last.
        seconds: How many seconds of the clip each cell covers, from its begin; None: 3, or to the
            last moment.
        repeats: How often each cell runs: five give its scores an interval.
        budget: Seconds that may be billed, or US dollars as in ``"$2"``; starts at once. None: half
            as much again as the plan.
        executor: Where cells run: None for here; a ``concurrent.futures`` executor; a
            ``dask.distributed.Client``; or ``"batch"`` for the batch endpoint with a seed.
        fresh: Whether each cell has a session of its own, which costs more; a list: an axis.
        folder: Where the results go; None: ``sweeps/`` and a name that stands for this sweep.
        start: Whether it starts at once.
        dry_run: Whether it is only planned, also with a budget.
        seed: Of the order in which the cells run.
        sessions: Sessions at once, at most. Never more than the organisation has free.
        score: ``score(frames, sent) -> float``, a list of such functions, or a mapping of names to
            them. What one raises stands in the cell.
        overwrite: Whether ``folder`` may be that of another sweep; its cells are kept.
        _port: What runs cells and says what they take; for tests.
        **session: Further arguments of ``Session``, such as ``endpoint`` or ``transport``.

    Returns:
        The sheet.

    Raises:
        ConfigurationError: An argument is invalid, the clip is shorter than the last moment, the
            folder can't be used, or the budget pays for fewer cells; nothing is billed.
    """
    from decart_widget.explore.scores.own import check_functions

    for name, value in (("start", start), ("dry_run", dry_run), ("overwrite", overwrite)):
        if not isinstance(value, bool):
            raise InvalidOptionError(f"{name} is {value!r}.", remedy="Give True or False.")
    if (
        isinstance(sessions, bool)
        or not isinstance(sessions, int)
        or not 1 <= sessions <= MAX_SESSIONS
    ):
        raise InvalidOptionError(f"sessions is {sessions!r}.", remedy=f"Give 1 to {MAX_SESSIONS}.")
    check_executor(executor)
    made = design(prompts, model=model, image=image, enrich=enrich, fresh=fresh)
    options = check_options(made.models.values(), session, sweep)
    if executor == BATCH:
        options = batch_options(options, made)
    scores = check_functions(score)
    first = next(iter(options.settings.values()))
    clip = look_at(source, first, orientation=options.arguments["orientation"])
    span = span_of(at, seconds, clip)
    definition = define(clip, made, span, options, repeats=repeats, seed=seed)
    place = SweepFolder(default_folder(definition) if folder is None else folder)
    place.check(definition, overwrite=overwrite)
    runner, estimate = _port or port_of(executor)
    sheet = Sheet(
        definition,
        place,
        sessions=sessions,
        executor=executor,
        budget=budget,
        scores=scores,
        overwrite=overwrite,
        runner=runner,
        estimate=estimate,
    )
    sheet.check()
    if (start or budget is not None) and not dry_run:
        sheet.start()
    return sheet


def load(folder: str | os.PathLike[str], *, _port: Port | None = None) -> Sheet:
    """Loads a sheet from its folder. What isn't whole there is in ``sheet.damaged``.

    Args:
        folder: The folder of a sweep, or one that ``sheet.save`` has written.
        _port: What runs cells and says what they take; for tests.

    Returns:
        The sheet. ``start()`` runs what is missing, if the clip is still there.

    Raises:
        InvalidPathError: There is no sweep, its manifest is damaged, or a newer version made it.
    """
    place = SweepFolder(folder)
    values = _manifest(place)
    definition = manifest.definition_of(values, place.path)
    executor = BATCH if is_batch(definition.options.described) else None
    runner, estimate = _port or port_of(executor)
    return Sheet(
        definition,
        place,
        sessions=1,
        executor=executor,
        budget=None,
        scores={},
        overwrite=False,
        runner=runner,
        estimate=estimate,
        prepare=lambda: startable(definition),
    )


@hides_arguments
def repeat(
    sheet: Sheet | str | os.PathLike[str],
    *,
    source: Any = None,
    folder: str | os.PathLike[str] | None = None,
    budget: float | str | None = None,
    start: bool = False,
    executor: Any = None,
    sessions: int = 1,
    score: Any = None,
    _port: Port | None = None,
    **session: Any,
) -> Sheet:
    """Plans a sweep again, in another folder: the same cells on the same clip, run anew.

    `explore.diff` then names what has changed since.

    Args:
        sheet: A sheet, or the folder of one.
        source: The clip, where it is no longer in its place; it has to be the same one.
        folder: Where the results go; None: beside the old ones, with a number.
        budget: As in `sweep`; starts at once.
        start: Whether it starts at once.
        executor: As in `sweep`.
        sessions: As in `sweep`.
        score: As in `sweep`.
        _port: What runs cells and says what they take; for tests.
        **session: Arguments of ``Session`` that aren't kept: ``api_key``, ``connection``, and an
            ``endpoint`` that is neither ``"decart"`` nor ``"sandbox"``.

    Returns:
        The new sheet.

    Raises:
        ConfigurationError: The clip is missing or another one, or an argument is invalid.
    """
    from decart_widget.explore.scores.own import check_functions

    check_executor(executor)
    old = sheet if isinstance(sheet, Sheet) else load(sheet, _port=_port)
    if executor is None and is_batch(old.definition.options.described):
        executor = BATCH
    definition = startable(old.definition, source=source, session=session)
    place = SweepFolder(_next_to(old.folder) if folder is None else folder)
    place.check(definition)
    runner, estimate = _port or port_of(executor)
    again = Sheet(
        definition,
        place,
        sessions=sessions,
        executor=executor,
        budget=budget,
        scores=check_functions(score),
        overwrite=False,
        runner=runner,
        estimate=estimate,
    )
    again.check()
    if start or budget is not None:
        again.start()
    return again


def startable(
    definition: Definition, *, source: Any = None, session: Mapping[str, Any] | None = None
) -> Definition:
    """Returns a definition that was loaded as one that can be started.

    Args:
        definition: The definition.
        source: The clip; None: where it was.
        session: Arguments of ``Session`` that aren't kept.

    Returns:
        The definition, with the same cells.

    Raises:
        ConfigurationError: The clip is missing, or another one; or an argument is invalid.
    """
    described = definition.options.described
    given = {**arguments_again(described), **(session or {})}
    if "endpoint" not in given:
        raise InvalidOptionError(
            f"The sweep ran on an endpoint of its own ({described.get('endpoint')}).",
            remedy="Give it to explore.repeat(..., endpoint=), or make the call of the sweep "
            "again: what is done is not run again.",
        )
    options = check_options(definition.models.values(), given, repeat)
    if is_batch(described):
        options = with_batch(options)
    first = next(iter(options.settings.values()))
    if source is None:
        source = definition.clip.source or from_description(definition.clip.description)
    clip = look_at(source, first, orientation=options.arguments["orientation"])
    if clip.sha256 != definition.clip.sha256:
        raise SourceError(
            f"{clip.label} isn't the clip of this sweep: its content is another one.",
            remedy="Give that clip as source= of explore.repeat(...), or make a new sweep.",
            code="other-clip",
        )
    if missing := {cell.image for cell in definition.cells} - {None, *definition.images}:
        raise InvalidPathError(
            f"{len(missing)} reference images of the sweep are missing in its folder.",
            remedy="Make a new sweep with the images.",
        )
    return replace(definition, clip=clip, options=options)


def port_of(executor: Any) -> Port:
    """Returns what runs the cells, and what says how long that takes.

    Args:
        executor: As in `sweep`.
    """
    if executor == BATCH:
        return batch.run, batch.estimate
    from decart_widget.explore.running.estimates import estimate
    from decart_widget.explore.running.start import run

    return run, estimate


def check_executor(executor: Any) -> None:
    """Checks where cells are to run.

    Args:
        executor: As in `sweep`.

    Raises:
        InvalidOptionError: It is none.
    """
    if executor == BATCH:
        return
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise InvalidOptionError(
            f"The executor is {executor!r}.",
            remedy=f'Give a concurrent.futures executor, a dask.distributed.Client or "{BATCH}".',
        )


def _manifest(place: SweepFolder) -> Mapping[str, Any]:
    values = manifest.read(place.path)
    if values is None:
        raise InvalidPathError(
            f'There is no sweep in "{place.path}".', remedy="Give the folder of a sweep."
        )
    return values


def _next_to(folder: Path) -> Path:
    number = 2
    while (beside := folder.with_name(f"{folder.name}-{number}")).exists():
        number += 1
    return beside
