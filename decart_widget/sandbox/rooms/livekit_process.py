"""The processes of rooms on a LiveKit server: each runs one room's `livekit_child`.

libwebrtc and the Rust code below the package ``livekit`` end their whole process when something is
wrong in them. With a process for each room, that ends one session.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import Callable
from typing import Any, Final

from decart_widget.diagnostics.redaction import redact
from decart_widget.processes.python_child import child_command, child_environment

logger = logging.getLogger(__name__)

CHILD: Final = "decart_widget.sandbox.rooms.livekit_child"
"""The module that a process runs."""

LEAVE_TIMEOUT_S: Final = 4.0
"""Seconds from the command to leave until a process is killed; it takes 3 by itself at most."""

RESPONSE_TIMEOUT_S: Final = 30.0
"""Seconds without a report after which a process that should report every second is killed."""

UNSENT_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of commands that may wait for a process that doesn't read them; beyond it is killed."""

EXIT_TIMEOUT_S: Final = 3.0
"""Seconds from the end of a process's reports until it is killed."""

LOG_LINES: Final = 50
"""Lines of a process's log that are passed on; further ones are dropped."""

LONGEST_LINE: Final = 64 * 1024
"""Bytes of a line that a process may write."""

LOGGED_CHARACTERS: Final = 300
"""Characters of a line of its log that are passed on."""

Report = Callable[[dict[str, Any]], None]
"""Receives a report of the process: see `livekit_child`; then ``exited`` with ``how``, the last."""


class RoomProcess:
    """One process. `start` makes one; `attend` hands its reports to a room.

    Attributes:
        pid: Its process id.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self._report: Report | None = None
        self._kept: list[dict[str, Any]] = []
        self._closing: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        self._logging = asyncio.create_task(self._log())

    @classmethod
    async def start(cls) -> RoomProcess:
        """Start a process; it is ready 0.5 s later.

        Raises:
            OSError: It can't be started.
        """
        process = await asyncio.create_subprocess_exec(
            *child_command(CHILD),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(),
            limit=LONGEST_LINE,
            # An interrupt of a terminal reaches the parent alone, which ends its processes.
            start_new_session=True,
        )
        return cls(process)

    @property
    def is_alive(self) -> bool:
        """Whether it is running."""
        return self._process.returncode is None

    def attend(self, report: Report) -> None:
        """Hand all reports, earlier ones too, to ``report`` from now on."""
        self._report = report
        kept, self._kept = self._kept, []
        for message in kept:
            report(message)

    def send(self, kind: str, **fields: Any) -> None:
        """Send a command; nothing happens when the process has ended."""
        pipe = self._process.stdin
        assert pipe is not None
        if pipe.transport.get_write_buffer_size() > UNSENT_LIMIT:
            self._kill()
        elif not pipe.is_closing():
            pipe.write(json.dumps({"type": kind, **fields}).encode() + b"\n")

    async def close(self) -> None:
        """End it, within `LEAVE_TIMEOUT_S`. May be called twice, and be cancelled."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._report, self._kept = None, []
        self.send("leave")
        pipe = self._process.stdin
        assert pipe is not None
        pipe.close()
        await asyncio.wait([self._reading], timeout=LEAVE_TIMEOUT_S)
        if not self._reading.done():
            logger.info("a room's process did not end by itself")
            self._kill()
            await self._reading

    def _kill(self) -> None:
        if not self.is_alive:
            return
        with contextlib.suppress(ProcessLookupError):
            if os.name == "nt":
                self._process.kill()
            else:
                # Process.kill() would collect the exit status, for which asyncio waits.
                os.kill(self.pid, signal.SIGKILL)

    async def _read(self) -> None:
        reports = self._process.stdout
        assert reports is not None
        try:
            while True:
                # Time counts from "ready": a machine that is busy may take long to start it.
                limit = RESPONSE_TIMEOUT_S if self._ready.is_set() else None
                async with asyncio.timeout(limit):
                    line = await reports.readline()
                if not line:
                    break
                message = json.loads(line)
                self._ready.set()
                self._pass_on(message)
        except TimeoutError:
            logger.warning("a room's process does not respond, and is ended")
            self._kill()
        except ValueError:
            logger.warning("a room's process sent no report but something else, and is ended")
            self._kill()
        try:
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                code = await self._process.wait()
        except TimeoutError:
            self._kill()
            code = await self._process.wait()
        await self._logging
        self._pass_on({"type": "exited", "how": how_ended(code)})

    def _pass_on(self, message: dict[str, Any]) -> None:
        if self._report is not None:
            self._report(message)
        elif message["type"] != "stats" and self._closing is None:
            self._kept.append(message)  # at most "ready" and "exited", before it has a room

    async def _log(self) -> None:
        stream = self._process.stderr
        assert stream is not None
        count = 0
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than LONGEST_LINE: this part is dropped
                continue
            if not line:
                return
            if self._closing is not None:
                continue  # what libraries say about the end of the process
            count += 1
            if count <= LOG_LINES:
                text = redact(line.decode("utf-8", "replace").strip())[:LOGGED_CHARACTERS]
                logger.warning("room's process %s: %s", self.pid, text)
            elif count == LOG_LINES + 1:
                logger.warning("room's process %s: further lines are dropped", self.pid)


class RoomProcesses:
    """Starts processes, one of them ahead: it takes 0.5 s until one is ready.

    At most one process more than rooms that are open exists at a time.
    """

    def __init__(self) -> None:
        self._spare: asyncio.Task[RoomProcess] | None = None
        self._closed = False

    def prepare(self) -> None:
        """Start the process of the next room, unless one is waiting."""
        if self._spare is None and not self._closed:
            self._spare = asyncio.create_task(RoomProcess.start())

    async def take(self) -> RoomProcess:
        """A process for one room, which has to close it.

        Raises:
            OSError: It can't be started.
        """
        spare, self._spare = self._spare, None
        if spare is not None:
            with contextlib.suppress(OSError):
                process = await spare
                if process.is_alive:
                    return process
        return await RoomProcess.start()

    async def close(self) -> None:
        """End the waiting process, and start no other one."""
        self._closed = True
        spare, self._spare = self._spare, None
        if spare is not None:
            with contextlib.suppress(OSError):
                await (await spare).close()


def how_ended(code: int) -> str:
    """The end of a process in words: a signal's name, or its exit status.

    Args:
        code: As ``subprocess`` has it: negative for a signal.
    """
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit status {code}"
