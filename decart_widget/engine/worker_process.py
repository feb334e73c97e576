"""Starts the worker process of an engine, exchanges messages with it, and ends it.

The worker is connected by one socket pair; its end is how each side learns of the other's end, so
nothing is left when either is killed. The rings belong to the engine and outlive a worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from decart_widget.diagnostics.redaction import redact
from decart_widget.engine.commands import COMMANDS, EVENTS, LINE_BYTES, MessageError, decode, encode
from decart_widget.engine.lines import Lines
from decart_widget.engine.ring_memory import RingDescriptors
from decart_widget.errors import MediaError
from decart_widget.processes.forks import close_in_forks
from decart_widget.processes.python_child import child_command, child_environment

logger = logging.getLogger(__name__)

MODULE: Final = "decart_widget.engine"
"""The package that the process runs."""

EXIT_TIMEOUT_S: Final = 3.0
"""Seconds from the end of the control socket until the process is killed."""

EXIT_CHECK_S: Final = 0.01
"""Seconds between checks whether it has ended."""

SILENT_CHECKS: Final = 15
"""Checks, one a second, without a message after which a worker is killed; it reports every second.
Checks are counted and not seconds, because this process may have been stopped as well."""

UNSENT_BYTES: Final = 4 * 1024 * 1024
"""Bytes of commands that may wait for a worker that doesn't read them; beyond it is killed."""

LOG_LINES: Final = 50
"""Lines of a worker's log that are passed on; further ones are dropped."""

LOGGED_CHARACTERS: Final = 300
"""Characters of a line of its log that are passed on."""


@dataclass(frozen=True)
class EngineRings:
    """The descriptors of an engine's two rings.

    Attributes:
        up: Frames of this process on their way to the service.
        down: Frames that came back.
    """

    up: RingDescriptors
    down: RingDescriptors

    @classmethod
    def create(cls) -> EngineRings:
        """Makes both rings.

        Raises:
            OSError: There is no descriptor or no memory left.
        """
        up = RingDescriptors.create()
        try:
            return cls(up, RingDescriptors.create())
        except OSError:
            up.close()
            raise

    @property
    def of_worker(self) -> tuple[int, int, int, int]:
        """The descriptors that a worker inherits, in the order of its arguments."""
        return self.up.memory, self.up.reader_bell, self.down.memory, self.down.writer_bell

    def close(self) -> None:
        """Closes the descriptors of both rings."""
        self.up.close()
        self.down.close()


class WorkerProcess:
    """One worker process; call ``start`` once. Use it on one event loop.

    Args:
        rings: Its rings.
        on_event: Called with the type and the fields of each event; a binary part is its field
            ``part``.
        on_end: Called once when the worker has ended without ``close``, with how it ended.

    Attributes:
        pid: Its process id; 0 before `start`.
        ready: Set when it carries out commands, and when it has ended.
        has_begun: Whether it has ever carried out commands; one that hasn't is not replaced.
        failure: How it ended, if it has ended without `close`; else empty.
    """

    def __init__(
        self,
        rings: EngineRings,
        on_event: Callable[[str, dict[str, Any]], None],
        on_end: Callable[[str], None],
    ) -> None:
        self.pid = 0
        self.ready = asyncio.Event()
        self.has_begun = False
        self.failure = ""
        self._rings = rings
        self._on_event = on_event
        self._on_end = on_end
        self._process: subprocess.Popen[bytes] | None = None
        self._control: asyncio.Transport | None = None
        self._log_pipe: asyncio.ReadTransport | None = None
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._log_count = 0
        self._heard = False
        self._silent_checks = 0
        self._watching: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._closing = False
        self._owner = os.getpid()

    @property
    def is_alive(self) -> bool:
        """Whether it can be sent commands."""
        return self._control is not None and self._ending is None and not self._closing

    async def start(self) -> None:
        """Starts the process; it is ready 0.2 s later.

        Raises:
            MediaError: It can't be started.
        """
        loop = asyncio.get_running_loop()
        ours, theirs = _socket_pair()
        try:
            self._process = _spawn(theirs, self._rings)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.pid = self._process.pid
        close_in_forks(loop)
        ours.setblocking(False)
        self._control, _ = await loop.create_connection(
            lambda: Lines(LINE_BYTES, self._receive, self._lost, has_parts=True), sock=ours
        )
        self._log_pipe, _ = await loop.connect_read_pipe(
            lambda: Lines(LINE_BYTES, self._note, lambda: None), self._process.stderr
        )
        self._watching = asyncio.create_task(self._watch())

    def send(self, kind: str, part: bytes = b"", /, **fields: Any) -> None:
        """Sends a command; nothing happens when the worker has ended.

        Args:
            kind: Its type.
            part: Its binary part.
            **fields: Its fields; they may hold secrets.
        """
        control = self._control
        if control is None or not self.is_alive:
            return
        control.write(encode(COMMANDS, kind, part, **fields))
        if control.get_write_buffer_size() > UNSENT_BYTES:
            logger.warning("The media process reads no commands, and is ended.")
            self._kill()

    async def close(self) -> None:
        """Ends the process and waits for its end. May be called twice."""
        if os.getpid() != self._owner:
            return  # a forked child has no right to end it
        self._closing = True
        self.ready.set()
        if self._control is not None:
            self._control.close()
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    # --- inside -------------------------------------------------------------------------------

    def _receive(self, line: bytes, part: bytes) -> None:
        self._heard = True
        try:
            kind, fields = decode(EVENTS, line)
        except MessageError as error:
            logger.warning("The media process sent something else than an event: %s.", error)
            return
        if kind == "hello":
            self.has_begun = True
            self.ready.set()
        if part:
            fields["part"] = part
        self._on_event(kind, fields)

    def _lost(self) -> None:
        if self._closing or self._ending is not None:
            return
        self._ending = asyncio.create_task(self._end())

    async def _end(self) -> None:
        """Waits for the end of the process, and says how it ended."""
        process = self._process
        if self._watching is not None:
            self._watching.cancel()
        if process is not None:
            loop = asyncio.get_running_loop()
            until_s = loop.time() + EXIT_TIMEOUT_S
            while process.poll() is None:
                if loop.time() >= until_s:
                    self._kill()
                await asyncio.sleep(EXIT_CHECK_S)
        if self._log_pipe is not None:
            self._log_pipe.close()
        if not self._closing:
            self.failure = self._how_it_ended()
            self._on_end(self.failure)
        self.ready.set()

    def _how_it_ended(self) -> str:
        status = None if self._process is None else self._process.returncode
        if status is None:
            return "ended."
        if status < 0:
            with contextlib.suppress(ValueError):
                return f"was ended by {signal.Signals(-status).name}."
        last = f" The end of its log: {self._log[-1]}" if self._log else ""
        return f"ended with status {status}.{last}"

    async def _watch(self) -> None:
        """Kills a worker that hangs."""
        while True:
            await asyncio.sleep(1.0)
            # Time counts from "hello": a machine that is busy may take long to start it.
            silent = self.ready.is_set() and not self._heard
            self._silent_checks = self._silent_checks + 1 if silent else 0
            self._heard = False
            if self._silent_checks >= SILENT_CHECKS:
                logger.warning("The media process does not respond, and is ended.")
                self._kill()
                return

    def _kill(self) -> None:
        if self._process is not None and os.getpid() == self._owner:
            with contextlib.suppress(OSError):
                self._process.kill()

    def _note(self, line: bytes, _part: bytes) -> None:
        text = redact(line.decode("utf-8", "replace").strip())[:LOGGED_CHARACTERS]
        self._log.append(text)
        self._log_count += 1
        if self._log_count <= LOG_LINES:
            logger.warning("media process %s: %s", self.pid, text)
        elif self._log_count == LOG_LINES + 1:
            logger.warning("media process %s: further lines are dropped", self.pid)


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    try:
        return socket.socketpair()
    except OSError as error:
        raise cannot_start(error) from None


def _spawn(control: socket.socket, rings: EngineRings) -> subprocess.Popen[bytes]:
    if sys.platform == "win32":
        raise MediaError(
            "Frames in Python need Linux or macOS.",
            remedy="Use WSL, or send the camera of a page, with DecartWidget().",
            code="engine-unsupported",
        )
    inherited = (control.fileno(), *rings.of_worker)
    try:
        return subprocess.Popen(
            child_command(MODULE, [str(number) for number in inherited]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=child_environment(),
            pass_fds=inherited,
            # An interrupt of a terminal reaches the parent alone, which ends the worker.
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise cannot_start(error) from None


def cannot_start(error: Exception) -> MediaError:
    """Returns the error of a media process that can't be started."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return MediaError(
        f"The process that carries the video can't be started: {why}.",
        remedy="Close files, sockets or other programs of this process, then start again.",
        code="engine-failed",
    )
