"""The command ``decart-widget sweep``."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Final

from decart_widget.errors import InvalidOptionError

DESCRIPTION: Final = (
    "Runs many prompts on the same part of a clip and writes pictures, clips, scores and one HTML "
    "file into a folder. The plan, with what it may cost, is said first, and nothing is billed "
    "before you agree. The same command again goes on where the last one ended. The API key is "
    "read from DECART_API_KEY; without one, a local server applies simple effects and nothing is "
    "billed."
)
"""What the command does, for its help."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command.

    Args:
        command: Its parser.
    """
    command.add_argument("input", help="the video file that is sent")
    command.add_argument("--template", help='a prompt with fields: "a {style} portrait at {light}"')
    command.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME=A,B,C",
        help="the values of a field of the template; a comma in a value is written \\,",
    )
    command.add_argument(
        "--prompt", action="append", default=[], help="a prompt; may be given several times"
    )
    command.add_argument("--image", help="a reference image: path or URL")
    command.add_argument("--model", action="append", help="may be given several times")
    command.add_argument("--no-enrich", action="store_true", help="send the prompts as they are")
    command.add_argument("--seconds", type=float, help="of the clip that each cell covers")
    command.add_argument(
        "--at", help="seconds in the clip at which the sheet shows its cells: 0.5,1,1.5"
    )
    command.add_argument("--repeats", type=int, default=1, help="runs of each cell")
    command.add_argument("--seed", type=int, default=0, help="of the order of running")
    command.add_argument("--sessions", type=int, default=1, help="at once, at most")
    command.add_argument("--fresh", action="store_true", help="a session for each cell")
    command.add_argument("--out", metavar="FOLDER", help="where the results go")
    command.add_argument("--overwrite", action="store_true", help="take the folder of another one")
    command.add_argument("--transport", default="livekit", choices=("livekit", "webrtc"))
    command.add_argument("--endpoint", help='"decart", "sandbox" or a URL')
    command.add_argument(
        "--budget", help="end after so many seconds, or US dollars as in '$1' (in quotes)"
    )
    command.add_argument("--yes", action="store_true", help="start without a question")
    command.add_argument("--dry-run", action="store_true", help="say the plan only")
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Carries the command out.

    Args:
        options: The parsed command line.

    Returns:
        0; 1 if the answer was no, 3 if only a part was run.

    Raises:
        DecartError: An argument is invalid, or no more cells could run.
    """
    from decart_widget.explore.sweeps import sweep

    sheet = sweep(
        options.input,
        _prompts(options),
        model=options.model or "lucy-latest",
        image=options.image,
        enrich=not options.no_enrich,
        at=None if options.at is None else [_number("--at", each) for each in _split(options.at)],
        seconds=options.seconds,
        repeats=options.repeats,
        budget=_budget(options.budget),
        fresh=options.fresh,
        folder=options.out,
        dry_run=True,
        seed=options.seed,
        sessions=options.sessions,
        overwrite=options.overwrite,
        transport=options.transport,
        endpoint=options.endpoint,
    )
    print(sheet.plan)
    if options.dry_run:
        return 0
    if sheet.plan.cells and not options.yes and not _agreed():
        print("Nothing was started.")
        return 1
    sheet.start()
    state = sheet.wait(progress=not options.quiet)
    if sheet.results:
        sheet.save(sheet.folder)
    done = sum(result.status == "done" for result in sheet.results.values())
    others = [result for result in sheet.results.values() if result.status != "done"]
    cost = f", ${sheet.cost:.2f}" if sheet.cost else ""
    print(f"{sheet.folder}: {done} cells done, {sheet.billed_s:.1f} s billed{cost}")
    for result in others:
        print(f"  {result.status}: {result.reason}")
    if sheet.error:
        print(f"  {sheet.error['message']} {sheet.error['remedy']}")
    return 0 if state == "done" else 3


def _prompts(options: argparse.Namespace) -> Any:
    """Returns prompts or a template.

    Raises:
        InvalidOptionError: There are both, or neither, or a field is malformed.
    """
    from decart_widget.inputs.templates import template

    if (options.template is None) == (not options.prompt) or (
        options.field and options.template is None
    ):
        raise InvalidOptionError(
            "There are no prompts, or two kinds of them.",
            remedy='Give --template "a {style} cat" --field style=oil,ink, or --prompt several '
            "times.",
        )
    if options.template is None:
        return options.prompt
    fields: dict[str, list[str]] = {}
    for text in options.field:
        name, equals, values = text.partition("=")
        if not equals or not name.strip() or name.strip() in fields:
            raise InvalidOptionError(
                f"--field {text!r} is no field.", remedy="Give each one once: --field style=oil,ink"
            )
        fields[name.strip()] = _split(values)
    return template(options.template, **fields)


def _split(text: str) -> list[str]:
    """Returns the parts between commas; a comma after a backslash is one of the text."""
    parts = text.replace("\\,", "\0").split(",")
    return [part.replace("\0", ",").strip() for part in parts]


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidOptionError(
            f"{name} has {text!r}.", remedy=f"Give seconds: {name} 0.5,1.5"
        ) from None


def _budget(text: str | None) -> float | str | None:
    return text if text is None or "$" in text else _number("--budget", text)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        print("Say --yes to start without a terminal.")
        return False
    return input("Start? [y/N] ").strip().lower() in ("y", "yes")
