"""``python -m decart_widget.engine``: the worker process, started by `worker_process`.

Its arguments are the numbers of the descriptors that it inherits: the control socket, then memory
and doorbell of the upward ring and of the downward one. Log lines go to standard error.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys

from decart_widget.diagnostics.loop_errors import report_loop_error
from decart_widget.diagnostics.redaction import redact
from decart_widget.engine.commands import LINE_BYTES
from decart_widget.engine.ring import RingReader, RingWriter
from decart_widget.engine.worker import Worker
from decart_widget.processes.parent_watch import stop_with_parent


class _Redacted(logging.Formatter):
    """Removes secrets from log lines: libraries may quote URLs with tokens."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record)).replace("\n", " / ")


def main() -> None:
    """Runs until the parent closes the control socket, or has ended."""
    os.dup2(2, 1)  # what a library prints is part of the log
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacted("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    try:
        control, up, up_bell, down, down_bell = map(int, sys.argv[1:6])
        rings = RingReader(up, up_bell), RingWriter(down, down_bell)
    except (OSError, ValueError):
        sys.stderr.write("decart_widget.engine is started by decart_widget, not by hand.\n")
        raise SystemExit(2) from None
    # Not asyncio.run(), which waits at its end for threads that encode or import.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.new_event_loop().run_until_complete(_serve(socket.socket(fileno=control), *rings))
    # Threads of native libraries must not delay the end, nor abort it: livekit's sometimes do.
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(0)


async def _serve(control: socket.socket, up: RingReader, down: RingWriter) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report_loop_error)
    orphaned = asyncio.Event()
    parent_gone = stop_with_parent(loop, orphaned, reads_stdin=False)
    reader, writer = await asyncio.open_connection(sock=control, limit=LINE_BYTES)
    serving = asyncio.create_task(Worker(writer.write, up, down).run(reader))
    ended = asyncio.create_task(orphaned.wait())
    await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
    parent_gone.set()  # from now on a shutdown that hangs ends by force
    reader.feed_eof()
    await serving


if __name__ == "__main__":
    main()
