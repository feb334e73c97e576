"""Starts a module of this package in a child process, and ends it.

The child and its parent agree on the following:

- The child writes one line with a JSON object to its standard output when it is ready. What
  follows there, and what the parent writes to the child's standard input, is up to the two.
- The child logs to its standard error. The parent keeps the last lines, which explain a failure.
- The child ends at the end of its standard input, and when its parent is gone: see
  ``parent_watch.py``, the child's side.

A child has its own process session (``setsid``), so that interrupting a kernel doesn't interrupt
the child.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

from decart_widget.diagnostics.redaction import redact
from decart_widget.processes import bootstrap

CLOSE_TIMEOUT_S: Final = 5.0
"""Seconds that each way of ending the child gets: end of its input, SIGTERM, SIGKILL."""

EXIT_WAIT_S: Final = 2.0
"""Seconds between the end of a child's output and its exit status, after which it counts as
running."""

LOG_LINES: Final = 50
"""Lines of the child's standard error that are kept to explain a failure."""

LOG_LINE_BYTES: Final = 2_000
"""Maximum length of such a line; a longer one is kept in parts."""

ANSWER_BYTES: Final = 100_000
"""Maximum length of a line that is read while the child's first answer is awaited."""

SECRET_VARIABLES: Final = ("DECART_API_KEY", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")
"""Environment variables that a child doesn't inherit."""


class ChildError(Exception):
    """The child process can't be started, ended, or isn't ready in time; the text says which."""


class PythonChild:
    """A child process that runs a module of this package, as ``python -m`` would.

    Args:
        module: Full name of the module or package, such as ``decart_widget.sandbox``.
        arguments: Its command line. Other users of the machine can read it, so it holds no secret.
        pass_fds: File descriptors that the child inherits; POSIX only.

    Raises:
        ChildError: The process can't be started.

    Attributes:
        pid: The child's process id.
        stdin: The child's standard input.
        stdout: The child's standard output. Don't read it before ``wait_ready`` has returned.
    """

    def __init__(
        self, module: str, arguments: Sequence[str] = (), *, pass_fds: Sequence[int] = ()
    ) -> None:
        try:
            self._process = subprocess.Popen(
                child_command(module, arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=child_environment(),
                start_new_session=True,
                pass_fds=pass_fds,
            )
        except (OSError, ValueError) as error:
            raise ChildError(f"can't be started: {error}.") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.pid = self._process.pid
        self.stdin: IO[bytes] = self._process.stdin
        self.stdout: IO[bytes] = self._process.stdout
        self._stderr: IO[bytes] = self._process.stderr
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._answer: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._readers = [
            threading.Thread(target=read, name=f"decart-child-{self.pid}", daemon=True)
            for read in (self._read_answer, self._read_log)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def send(self, message: dict[str, Any]) -> None:
        """Writes one line with a JSON object to the child's standard input.

        Args:
            message: The object; it may contain secrets.

        Raises:
            ChildError: The child has ended.
        """
        line = json.dumps(message).encode() + b"\n"
        del message  # it may hold a secret, and a traceback may show a frame's variables
        try:
            self.stdin.write(line)
            self.stdin.flush()
        except (OSError, ValueError):
            raise ChildError(self.how_it_ended()) from None
        finally:
            del line

    def send_bytes(self, data: bytes) -> None:
        """Writes bytes to the child's standard input.

        Args:
            data: What the child expects after a message that says so.

        Raises:
            ChildError: The child has ended.
        """
        try:
            self.stdin.write(data)
            self.stdin.flush()
        except (OSError, ValueError):
            raise ChildError(self.how_it_ended()) from None

    def wait_ready(self, timeout: float) -> dict[str, Any]:
        """Waits for the child's answer; call it once.

        Lines before the answer that are no JSON objects are added to the log: a module that
        Python imports on its own (``sitecustomize``) may print.

        Args:
            timeout: Seconds.

        Returns:
            The JSON object.

        Raises:
            ChildError: The child has ended, or the time is over. The child isn't ended.
        """
        try:
            answer = self._answer.get(timeout=timeout)
        except queue.Empty:
            raise ChildError(f"was not ready in {timeout:g} s.{self._last_log_line()}") from None
        if answer is None:
            raise ChildError(self.how_it_ended())
        return answer

    def how_it_ended(self) -> str:
        """Returns how the child ended, with the last line of its log.

        For a message such as "The sandbox process <how it ended>".
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_WAIT_S)
        status = self._process.returncode
        if status is None:
            ended = "closed its output"
        elif status < 0:
            ended = f"was ended by {_signal_name(-status)}"
        else:
            ended = f"ended with status {status}"
            self._readers[1].join(EXIT_WAIT_S)  # the log's last line is read
        return f"{ended}.{self._last_log_line()}"

    def kill(self) -> None:
        """Ends the process at once, without waiting for its end."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """Ends the process and waits for its end. Further calls do nothing."""
        # The child ends at the end of its standard input; the signals are for one that hangs.
        for end in (self.stdin.close, self._process.terminate, self._process.kill):
            with contextlib.suppress(OSError):
                end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(CLOSE_TIMEOUT_S)
                break
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        for reader, stream in zip(self._readers, (self.stdout, self._stderr), strict=True):
            reader.join(max(0.0, deadline - time.monotonic()))
            # Closing a stream waits for its reader, which a process that the child started keeps.
            if not reader.is_alive():
                stream.close()

    def log_tail(self) -> str:
        """Returns the last lines of the child's log, redacted."""
        return redact("".join(self._log))

    def _last_log_line(self) -> str:
        line = self.log_tail().strip().rpartition("\n")[2].strip()
        return f" The end of its log: {line}" if line else ""

    def _read_answer(self) -> None:
        answer = None
        with contextlib.suppress(OSError, ValueError):
            while answer is None and (line := self.stdout.readline(ANSWER_BYTES)):
                answer = _json_object(line)
                if answer is None:
                    self._keep(line)
        self._answer.put(answer)

    def _read_log(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := self._stderr.readline(LOG_LINE_BYTES):
                self._keep(line)

    def _keep(self, line: bytes) -> None:
        self._log.append(line[:LOG_LINE_BYTES].decode("utf-8", "replace"))


def search_path() -> list[str]:
    """Returns ``sys.path`` for a child: absolute, with the current folder last.

    The notebook's folder, and the folder of the script that runs, come first in a parent's
    ``sys.path``. At its end they still serve packages that are nowhere else.
    """
    last = {""}
    with contextlib.suppress(OSError):  # the current folder has been deleted
        last.add(str(Path.cwd()))
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if isinstance(script, str):
        last |= {str(Path(script).parent), str(Path(os.path.realpath(script)).parent)}
    local: dict[str, None] = {}
    path: dict[str, None] = {}
    for entry in sys.path:
        if isinstance(entry, str):
            with contextlib.suppress(OSError):
                where = local if entry in last else path
                where[str(Path(entry).absolute())] = None
    return [*path, *(entry for entry in local if entry not in path)]


def child_command(module: str, arguments: Sequence[str] = ()) -> list[str]:
    """Returns the command line that runs a module of this package.

    For those who start a child in their own way; it needs ``child_environment``.

    Args:
        module: Full name of the module or package.
        arguments: Its command line.
    """
    return [sys.executable or "", "-P", bootstrap.__file__, module, *arguments]


def child_environment() -> dict[str, str]:
    """Returns the environment of a child: this process's, without secrets, and the search path."""
    environment = {name: v for name, v in os.environ.items() if name not in SECRET_VARIABLES}
    environment[bootstrap.PATH_VARIABLE] = json.dumps(search_path())
    return environment


def _json_object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
