"""``python -m decart_widget.sandbox``: the sandbox as a program.

The first line on standard output is one JSON object with the server's addresses, printed when it
listens; it contains the key, if that is random. Everything else goes to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.loop_errors import report_loop_error
from decart_widget.errors import SandboxError
from decart_widget.inputs.secrets import Secret
from decart_widget.processes.parent_watch import stop_with_parent
from decart_widget.sandbox.faults import Faults

if TYPE_CHECKING:
    from decart_widget.sandbox.own.pickles import PickledModel
    from decart_widget.sandbox.rooms.livekit_api import LiveKitServer
    from decart_widget.sandbox.server import SandboxServer

KEY_VARIABLE: Final = "DECART_WIDGET_SANDBOX_KEY"
"""Environment variable with the only valid permanent key. There is no flag for it: every user of a
machine can read the arguments of its processes. Without it the key is random, and part of the line
on standard output: there is no other way to get it out of this process."""


REPORT_INTERVAL_S: Final = 1.0
"""Seconds between two reports of the figures of a model."""


def main(arguments: list[str] | None = None) -> int:
    """Run until interrupted, or (as a child) until the parent has ended.

    Args:
        arguments: Command line without the program's name; None: ``sys.argv``.

    Returns:
        The exit status: 0, or 1 when the server can't start.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    api_key = os.environ.pop(KEY_VARIABLE, None) or None
    model = None
    if options.child:
        # Not by way of the text layer, which reads ahead.
        first = json.loads(sys.stdin.buffer.readline() or "{}")
        api_key, model = first.pop("api_key", None), _model(first)
    try:
        key = Secret(api_key) if api_key else None
        del api_key  # a traceback may show a frame's variables
        asyncio.run(_run(options, key, model))
    except (OSError, ValueError, SandboxError) as error:
        print(f"decart_widget.sandbox: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(
    options: argparse.Namespace, api_key: Secret | None, model: PickledModel | None
) -> None:
    import cv2

    from decart_widget.sandbox.server import SandboxServer

    # The effects' operations are short: splitting one over threads costs more time than it saves.
    cv2.setNumThreads(1)
    server = SandboxServer(
        model,
        host=options.host,
        port=options.port,
        api_key=api_key,
        faults=_faults(options),
        allow_remote=options.allow_remote,
        livekit=_livekit(options),
        marker=options.marker,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report_loop_error)
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stopping.set)
    async with server:
        if options.child:
            stop_with_parent(loop, stopping)
        addresses = {
            "base_url": server.base_url,
            "realtime_base_url": server.realtime_base_url,
            "pid": os.getpid(),
        }
        # A key that was given is known to whoever gave it, and is not repeated.
        random_key = {"api_key": server.api_key} if api_key is None else {}
        print(json.dumps({**addresses, **random_key}), flush=True)
        if model is not None:
            await _report_model(server, stopping)
        await stopping.wait()


def _model(first: dict[str, Any]) -> PickledModel | None:
    """The model that follows the first line of standard input; None if there is none."""
    if "shape" not in first:
        return None
    from decart_widget.sandbox.own.interface import Shape
    from decart_widget.sandbox.own.pickles import PickledModel

    return PickledModel(sys.stdin.buffer.read(first["bytes"]), Shape(**first["shape"]))


async def _report_model(server: SandboxServer, stopping: asyncio.Event) -> None:
    """Writes figures and errors of the model to standard output, for the parent: see `child`."""
    from decart_widget.sandbox.own.model_link import described

    def report(error: BaseException) -> None:
        print(json.dumps({"error": described(error)}), flush=True)

    server.renderer.watchers.append(report)
    while not stopping.is_set():
        print(json.dumps({"stats": server.stats()}), flush=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REPORT_INTERVAL_S):
                await stopping.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m decart_widget.sandbox",
        description="A local server that speaks Decart's realtime protocol, with effects in place "
        "of models. The first line on standard output is JSON with its addresses.",
        epilog=f"The environment variable {KEY_VARIABLE} sets the only valid API key. "
        "Without it the key is random, and is in that line too.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on; 0 (the default): any free one"
    )
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help=f"accept other machines, with --host; needs {KEY_VARIABLE}",
    )
    livekit = parser.add_argument_group(
        "rooms on a LiveKit server", "Needs: pip install 'decart-widget[livekit]'"
    )
    livekit.add_argument("--livekit", metavar="URL", help="the server, such as ws://host:7880")
    livekit.add_argument(
        "--livekit-key", default=os.environ.get("LIVEKIT_API_KEY", ""), metavar="KEY"
    )
    livekit.add_argument(
        "--livekit-secret",
        default=os.environ.get("LIVEKIT_API_SECRET", ""),
        metavar="SECRET",
        help="better set in the environment: LIVEKIT_API_KEY, LIVEKIT_API_SECRET",
    )
    parser.add_argument(
        "--marker",
        action="store_true",
        help="draw the number that a test pattern's frame carries into the transformed frame, too",
    )
    parser.add_argument("--verbose", action="store_true", help="log at level DEBUG")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    faults = parser.add_argument_group("faults", "What goes wrong, for tests; see docs/sandbox.md")
    for field in fields(Faults):
        flag = "--" + field.name.replace("_", "-")
        if field.type == "bool":
            faults.add_argument(flag, action="store_true")
        else:
            kind = {"float": float, "int": int}.get(str(field.type).partition(" ")[0], str)
            faults.add_argument(flag, type=kind, default=field.default, metavar=kind.__name__)
    return parser


def _livekit(options: argparse.Namespace) -> LiveKitServer | None:
    if options.livekit is None:
        return None
    from decart_widget.sandbox.rooms.livekit_api import LiveKitServer

    return LiveKitServer(options.livekit, options.livekit_key, options.livekit_secret)


def _faults(options: argparse.Namespace) -> Faults:
    return Faults(**{field.name: getattr(options, field.name) for field in fields(Faults)})


if __name__ == "__main__":
    raise SystemExit(main())
