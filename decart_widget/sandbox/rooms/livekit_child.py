"""The program that runs one room's `Transformer`, in a process of its own.

Its parent (`livekit_process`) writes commands to its standard input and reads reports from its
standard output, each a line of JSON; log lines go to standard error, redacted. It serves one room
and ends afterwards, or as soon as its input ends: then its parent has ended, however it did.

Commands have a ``type``: ``join`` (``url``, ``token``, ``codec``, ``echoes_trailers``,
``keeps_marker``), ``effect`` (``prompt``, ``enrich``, ``image``: see `encode_image`), ``hold``
(``silent``, ``frozen``) and ``leave``. Reports are ``ready``, those of `Transformer`, and ``stats``
every second.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, TextIO

import cv2
import numpy as np

from decart_widget.diagnostics.loop_errors import report_loop_error
from decart_widget.diagnostics.redaction import redact
from decart_widget.processes.parent_watch import stop_with_parent
from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.effects.palette import IMAGE_SIDE_PX, reduced

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.picture import Plane
    from decart_widget.sandbox.rooms.livekit_transformer import Transformer

STATS_INTERVAL_S: Final = 1.0
"""Seconds between two reports of ``stats``, which also tell the parent that this one responds."""

LEAVE_TIMEOUT_S: Final = 2.0
"""Seconds that leaving the room may take; a server that doesn't respond would never answer."""

EXIT_TIMEOUT_S: Final = 1.0
"""Seconds from the end of the program to its forced exit, if a thread of a library goes on."""


def encode_image(image: Plane | None) -> str | None:
    """A reference image as the text that the command ``effect`` carries.

    Args:
        image: (height, width, 3) uint8 RGB, or None.
    """
    return None if image is None else base64.b64encode(reduced(image).tobytes()).decode()


def decode_image(text: str | None) -> Plane | None:
    """The image of an ``effect`` command: as much of it as effects use."""
    if text is None:
        return None
    data = np.frombuffer(base64.b64decode(text), np.uint8)
    return data.reshape(IMAGE_SIDE_PX, IMAGE_SIDE_PX, 3)


class Child:
    """Carries out the commands of the parent.

    Args:
        reports: Where reports are written.
    """

    def __init__(self, reports: TextIO) -> None:
        self._reports = reports
        self._effect_state = EffectState()
        self._transformer: Transformer | None = None
        self._running: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()

    async def run(self, commands: asyncio.Queue[dict[str, Any] | None]) -> None:
        """Carry out commands until ``leave`` or the end of the input (None)."""
        from decart_widget.sandbox.rooms import livekit_transformer  # noqa: F401  (takes 0.2 s)

        self.report("ready")
        beating = asyncio.create_task(self._send_stats())
        while (command := await commands.get()) is not None and command["type"] != "leave":
            self._carry_out(command)
        beating.cancel()
        _, late = await asyncio.wait([asyncio.create_task(self._leave())], timeout=LEAVE_TIMEOUT_S)
        if late:
            # It is still joining, or the server doesn't respond. The end of the interpreter would
            # cancel that, and Rust code that is cancelled panics.
            os._exit(0)

    def report(self, kind: str, **fields: Any) -> None:
        """Send the parent a report."""
        if kind in ("joined", "failed"):
            self._settled.set()
        with contextlib.suppress(OSError):  # the parent has ended
            self._reports.write(json.dumps({"type": kind, **fields}) + "\n")
            self._reports.flush()

    def _carry_out(self, command: dict[str, Any]) -> None:
        from decart_widget.sandbox.rooms.livekit_transformer import Transformer

        if command["type"] == "effect":
            image = decode_image(command["image"])
            self._effect_state.set(command["prompt"], enrich=command["enrich"], image=image)
        elif command["type"] == "hold" and self._transformer is not None:
            self._transformer.is_silent = command["silent"]
            self._transformer.is_frozen = command["frozen"]
        elif command["type"] == "join" and self._transformer is None:
            self._transformer = Transformer(
                effect_state=self._effect_state,
                codec=command["codec"],
                echoes_trailers=command["echoes_trailers"],
                keeps_marker=command["keeps_marker"],
                report=self.report,
            )
            run = self._transformer.run(command["url"], command["token"])
            self._running = asyncio.create_task(run)

    async def _leave(self) -> None:
        if self._running is None or self._transformer is None:
            return
        await self._settled.wait()  # joining is never cancelled
        self._running.cancel()
        await self._transformer.close()

    async def _send_stats(self) -> None:
        while True:
            await asyncio.sleep(STATS_INTERVAL_S)
            figures = {} if self._transformer is None else self._transformer.stats()
            self.report("stats", **figures)


class _Redacted(logging.Formatter):
    """Removes tokens: LiveKit's logger quotes the URL with the token that a server has refused."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record)).replace("\n", " / ")


def main() -> int:
    """Run until the parent says ``leave``, or has ended."""
    # What a library prints must not come between reports.
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacted("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # The effects' operations are short: splitting one over threads costs more time than it saves.
    cv2.setNumThreads(1)
    asyncio.run(_main(reports))
    threading.Thread(target=_exit_late, daemon=True).start()
    return 0


async def _main(reports: TextIO) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report_loop_error)
    commands: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    orphaned = asyncio.Event()
    parent_gone = stop_with_parent(loop, orphaned, reads_stdin=False)

    def read() -> None:
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # the loop has been closed
            for line in sys.stdin.buffer:
                loop.call_soon_threadsafe(commands.put_nowait, json.loads(line))
        parent_gone.set()

    threading.Thread(target=read, daemon=True).start()
    child = asyncio.create_task(Child(reports).run(commands))
    await asyncio.wait(
        [child, asyncio.create_task(orphaned.wait())], return_when=asyncio.FIRST_COMPLETED
    )
    commands.put_nowait(None)
    await child


def _exit_late() -> None:
    threading.Event().wait(EXIT_TIMEOUT_S)
    os._exit(0)


if __name__ == "__main__":
    raise SystemExit(main())
