"""The command ``decart-widget``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from decart_widget._version import __version__
from decart_widget.errors import DecartError


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="decart-widget", description="Decart's realtime video models without a notebook."
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    clip = commands.add_parser(
        "transform",
        help="send a clip through a model and write what comes back",
        description="Sends a clip through a model and writes what comes back. What it may cost is "
        "said first. The API key is read from DECART_API_KEY; without one, a local server applies "
        "simple effects and nothing is billed.",
    )
    clip.add_argument("input", help="the video file that is sent")
    clip.add_argument("output", help="the file to write: .mp4, .mov, .mkv or .webm")
    clip.add_argument(
        "--prompts",
        metavar="FILE",
        help='JSON file with prompts by second: {"0": "watercolour", "2.5": "pencil sketch"}',
    )
    _add_session(clip, "one and a half times the length of the clip and 10 seconds more")
    clip.add_argument("--side-by-side", action="store_true", help="clip and result in one picture")
    clip.add_argument("--no-sound", action="store_true", help="leave the sound of the clip out")
    clip.add_argument("--overwrite", action="store_true", help="replace an existing file")
    camera = commands.add_parser(
        "camera",
        help="show a camera's picture, transformed, as a camera that other programs can open",
        description="Sends a camera through a model and shows the result in a virtual camera, "
        "which programs for video calls can open. Needs `pip install 'decart-widget[camera]'`; on "
        "Linux also the kernel module v4l2loopback, elsewhere OBS Studio. What it may cost is said "
        "first. Ctrl-C ends it, and the billing.",
    )
    camera.add_argument(
        "source",
        nargs="?",
        default="0",
        help="the camera's number, device or URL, a video file, or test-pattern; default: 0",
    )
    camera.add_argument("--device", help="of the virtual camera, such as /dev/video2")
    camera.add_argument("--mirror", action="store_true", help="send the picture mirrored")
    _add_session(camera, "600 seconds")
    from decart_widget.explore import command

    command.add_arguments(
        commands.add_parser(
            "sweep",
            help="run many prompts on the same clip and compare them",
            description=command.DESCRIPTION,
        )
    )
    return top


def _add_session(command: argparse.ArgumentParser, budget: str) -> None:
    """Adds the options of a session; ``budget`` says what holds without one."""
    command.add_argument("--prompt", help="what the picture is to become")
    command.add_argument("--image", help="a reference image: path or URL")
    command.add_argument("--model", default="lucy-latest", help="default: %(default)s")
    command.add_argument("--transport", default="livekit", choices=("livekit", "webrtc"))
    command.add_argument("--endpoint", help='"decart", "sandbox" or a URL')
    command.add_argument(
        "--budget",
        type=_budget,
        help=f"end after so many seconds, or US dollars as in '$1' (in quotes); default: {budget}",
    )
    command.add_argument("--no-enrich", action="store_true", help="send the prompt as it is")
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def _budget(text: str) -> float | str:
    return text if "$" in text else float(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries out a command line, and returns the exit status.

    Args:
        arguments: Without the program's name; None for those of the process.
    """
    options = parser().parse_args(arguments)
    try:
        if options.command == "sweep":
            from decart_widget.explore import command

            return command.run(options)
        return show_camera(options) if options.command == "camera" else transform_clip(options)
    except DecartError as error:
        text = str(error).replace("overwrite=True", "--overwrite")  # the option of this command
        print(f"decart-widget: {text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before a session began
        return 130


def transform_clip(options: argparse.Namespace) -> int:
    """Carries out ``transform``.

    Args:
        options: The parsed command line.

    Returns:
        0, or 3 if only a part of the clip was transformed.
    """
    from decart_widget.headless.transform import transform

    done = transform(
        options.input,
        options.output,
        prompt=options.prompt,
        prompts=options.prompts,
        image=options.image,
        model=options.model,
        transport=options.transport,
        endpoint=options.endpoint,
        budget=options.budget,
        which="both" if options.side_by_side else "output",
        sound=not options.no_sound,
        enrich=not options.no_enrich,
        overwrite=options.overwrite,
        progress=not options.quiet,
    )
    lost = f", {done.lost} lost" if done.lost else ""
    cost = "" if done.cost is None else f", ${done.cost:.2f}"
    print(f"{done.path}: {done.frames} frames{lost}, {done.billed_s:g} s billed{cost}")
    return 0 if done.complete else 3


def show_camera(options: argparse.Namespace) -> int:
    """Carries out ``camera``.

    Args:
        options: The parsed command line.

    Returns:
        0.
    """
    from decart_widget.headless.virtual_camera import run_camera

    source = int(options.source) if options.source.isdecimal() else options.source
    run = run_camera(
        source,
        prompt=options.prompt,
        device=options.device,
        budget=options.budget,
        progress=not options.quiet,
        image=options.image,
        model=options.model,
        transport=options.transport,
        endpoint=options.endpoint,
        enrich=not options.no_enrich,
        mirror="on" if options.mirror else "off",
    )
    cost = "" if run.cost is None else f", ${run.cost:.2f}"
    print(f"{run.device}: {run.frames} frames, {run.billed_s:g} s billed{cost}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
