"""``python -m decart_widget.sandbox``: a local Decart as a program.

The first line on standard output is one JSON object with its addresses, printed when it is ready.
Everything else goes to standard error.
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
import threading
from dataclasses import fields
from typing import TYPE_CHECKING

from decart_widget.diagnostics.secrets import Secret
from decart_widget.errors import SandboxError
from decart_widget.runtime.background import unforeseen
from decart_widget.sandbox.faults import Faults

if TYPE_CHECKING:
    from decart_widget.sandbox.rooms.livekit_rooms import LiveKitServer

#: The key of a sandbox that is started by hand; arguments can be read by every user of a machine.
KEY_VARIABLE = "DECART_WIDGET_SANDBOX_KEY"

#: Seconds between looks at the parent, and for an orderly end once it is gone.
PARENT_WATCH_S = 1.0
GRACE_S = 3.0


def main(arguments: list[str] | None = None) -> int:
    """Run until interrupted, or until the parent is gone. Returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    api_key = os.environ.pop(KEY_VARIABLE, None) or None
    if options.child:
        api_key = json.loads(sys.stdin.readline() or "{}").get("api_key")
    try:
        key = Secret(api_key) if api_key else None
        asyncio.run(_run(options, key))
    except (OSError, ValueError, SandboxError) as error:
        print(f"decart_widget.sandbox: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(options: argparse.Namespace, api_key: Secret | None) -> None:
    import cv2

    from decart_widget.sandbox.server import SandboxServer

    # Effects are small; a second thread a frame costs more than it gives.
    cv2.setNumThreads(1)
    server = SandboxServer(
        host=options.host,
        port=options.port,
        api_key=api_key,
        faults=_faults(options),
        allow_remote=options.allow_remote,
        livekit=_livekit(options),
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(unforeseen)
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stopping.set)
    async with server:
        if options.child:
            _watch_parent(loop, stopping)
        print(
            json.dumps(
                {
                    "base_url": server.base_url,
                    "realtime_base_url": server.realtime_base_url,
                    "pid": os.getpid(),
                }
            ),
            flush=True,
        )
        await stopping.wait()


def _watch_parent(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """End when the parent is gone: its end of our standard input closes, or we get a new parent.

    Two watches, since a process that the parent forked can hold the pipe open, and not every
    system gives orphans a new parent.
    """
    parent = os.getppid()
    gone = threading.Event()

    def read_to_end() -> None:
        with contextlib.suppress(OSError, ValueError):
            while sys.stdin.read(4096):
                pass
        gone.set()

    def watch() -> None:
        while not gone.wait(PARENT_WATCH_S):
            if os.getppid() != parent:
                gone.set()
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stopping.set)
        # Nobody is left to see a hang: an orderly end in time, or a disorderly one.
        threading.Event().wait(GRACE_S)
        os._exit(1)

    for work in (read_to_end, watch):
        threading.Thread(target=work, daemon=True).start()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m decart_widget.sandbox",
        description="A local Decart. The first line on standard output is JSON with its addresses.",
        epilog=f"{KEY_VARIABLE} in the environment: the only permanent key that is good. "
        "Without it every key that begins with dct_ is.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help=f"let other machines in, with --host; needs {KEY_VARIABLE}",
    )
    livekit = parser.add_argument_group(
        "rooms on a LiveKit server", "Needs: pip install 'decart-widget[livekit]'"
    )
    livekit.add_argument("--livekit", metavar="URL", help="such as ws://host:7880")
    livekit.add_argument(
        "--livekit-key", default=os.environ.get("LIVEKIT_API_KEY", ""), metavar="KEY"
    )
    livekit.add_argument(
        "--livekit-secret",
        default=os.environ.get("LIVEKIT_API_SECRET", ""),
        metavar="SECRET",
        help="better in the environment: LIVEKIT_API_KEY, LIVEKIT_API_SECRET",
    )
    parser.add_argument("--verbose", action="store_true", help="log everything")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    faults = parser.add_argument_group("faults", "What goes wrong, for tests (docs/sandbox.md)")
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
    from decart_widget.sandbox.rooms.livekit_rooms import LiveKitServer

    return LiveKitServer(options.livekit, options.livekit_key, options.livekit_secret)


def _faults(options: argparse.Namespace) -> Faults:
    return Faults(**{field.name: getattr(options, field.name) for field in fields(Faults)})


if __name__ == "__main__":
    raise SystemExit(main())
