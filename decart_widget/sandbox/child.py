"""A sandbox as a child process that ends when its parent does, even if that is killed."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from typing import IO, TYPE_CHECKING, Final, Self

from decart_widget.diagnostics.redaction import redact
from decart_widget.errors import SandboxError
from decart_widget.inputs.secrets import Secret

if TYPE_CHECKING:
    from types import TracebackType

CLOSE_TIMEOUT_S: Final = 5.0
"""Seconds that each way of ending the child gets: end of its input, SIGTERM, SIGKILL."""

LOG_LINES: Final = 50
"""Lines of the child's log that are kept to explain a failure."""


def start_child(api_key: str | None = None, *, timeout: float = 20.0) -> ChildSandbox:
    """Start ``python -m decart_widget.sandbox`` and return when it listens.

    The child has its own process session (``setsid``), so that interrupting a kernel doesn't
    interrupt it. It ends when this process does, even if that is killed. Media in another process
    isn't delayed by a busy notebook cell.

    Args:
        api_key: The only valid permanent key; None: every key that begins with ``dct_`` is valid.
            It goes through a pipe, as others can read a process's arguments and environment.
        timeout: Seconds to wait until the child listens.

    Raises:
        SandboxError: The child didn't start, or took longer than ``timeout``.
    """
    key = None if api_key is None else Secret(api_key)
    del api_key  # a traceback may show a frame's variables
    return ChildSandbox(key, timeout=timeout)


class ChildSandbox:
    """A sandbox in a child process; `start_child` makes one.

    Use it as a context manager, or call `close`.

    Attributes:
        base_url: URL of the HTTP API.
        realtime_base_url: URL of the WebSocket API.
        pid: The child's process id.
    """

    def __init__(self, api_key: Secret | None, *, timeout: float) -> None:
        environment = {name: v for name, v in os.environ.items() if name != "DECART_API_KEY"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "decart_widget.sandbox", "--child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"The sandbox process can't be started: {error}.") from error
        finally:
            del environment  # it can contain secrets, which a traceback would show
        self.pid = self._process.pid
        self.base_url = self.realtime_base_url = ""
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._first_line: queue.Queue[str] = queue.Queue()
        self._readers = [
            threading.Thread(target=read, args=(stream,), daemon=True)
            for stream, read in (
                (self._process.stdout, self._read_answer),
                (self._process.stderr, self._log.extend),
            )
        ]
        for reader in self._readers:
            reader.start()
        try:
            self._send_key(api_key)
            answer = json.loads(self._first_line.get(timeout=timeout))
            self.base_url = answer["base_url"]
            self.realtime_base_url = answer["realtime_base_url"]
        except (queue.Empty, ValueError, KeyError, OSError) as error:
            failed = "did not start" if self.alive is False else f"was not ready in {timeout:g} s"
            self.close()
            raise SandboxError(f"The sandbox process {failed}.{self._last_log_line()}") from error

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process and wait for its end. Further calls do nothing."""
        # The child ends at the end of its standard input; the signals are for one that hangs.
        for end in (self._close_stdin, self._process.terminate, self._process.kill):
            with contextlib.suppress(OSError):
                end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(CLOSE_TIMEOUT_S)
                break
        for reader in self._readers:
            reader.join(CLOSE_TIMEOUT_S)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None and not stream.closed:
                stream.close()

    def log_tail(self) -> str:
        """The last lines of the child's log, redacted."""
        return redact("".join(self._log))

    def _send_key(self, key: Secret | None) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps({"api_key": None if key is None else key.reveal()}) + "\n")
        stdin.flush()

    def _close_stdin(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _read_answer(self, stream: IO[str]) -> None:
        self._first_line.put(stream.readline())

    def _last_log_line(self) -> str:
        line = self.log_tail().strip().rpartition("\n")[2]
        return f" The end of its log: {line}" if line else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ChildSandbox {self.base_url} pid {self.pid}{'' if self.alive else ' ended'}>"
