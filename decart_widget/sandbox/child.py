"""A sandbox as a child process that ends when its parent does, even if that is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.errors import SandboxError
from decart_widget.inputs.secrets import Secret, random_key
from decart_widget.processes.python_child import ChildError, PythonChild

if TYPE_CHECKING:
    from types import TracebackType


@hides_arguments
def start_child(
    api_key: str | None = None, *, timeout: float = 20.0, marker: bool = False
) -> ChildSandbox:
    """Start ``python -m decart_widget.sandbox`` and return when it listens.

    The child has its own process session (``setsid``), so that interrupting a kernel doesn't
    interrupt it. It ends when this process does, even if that is killed. Media in another process
    isn't delayed by a busy notebook cell. Files in the current folder that are named like a module
    of Python don't disturb it.

    Args:
        api_key: The only valid permanent key; None: a random one, see `ChildSandbox.api_key`. It
            goes through a pipe, as others can read a process's arguments and environment.
        timeout: Seconds to wait until the child listens.
        marker: As for `decart_widget.sandbox.serve`.

    Raises:
        SandboxError: The child didn't start, or took longer than ``timeout``.
    """
    key = None if api_key is None else Secret(api_key)
    del api_key  # a traceback may show a frame's variables
    return ChildSandbox(key, timeout=timeout, marker=marker)


class ChildSandbox:
    """A sandbox in a child process; `start_child` makes one.

    Use it as a context manager, or call `close`.

    Attributes:
        base_url: URL of the HTTP API.
        realtime_base_url: URL of the WebSocket API.
        pid: The child's process id.
    """

    def __init__(self, api_key: Secret | None, *, timeout: float, marker: bool = False) -> None:
        self._key = random_key() if api_key is None else api_key
        self.base_url = self.realtime_base_url = ""
        try:
            self._child = PythonChild(
                "decart_widget.sandbox", ["--child", *(["--marker"] if marker else [])]
            )
        except ChildError as error:
            raise SandboxError(f"The sandbox process {error}") from None
        self.pid = self._child.pid
        try:
            self._child.send({"api_key": self._key.reveal()})
            answer = self._child.wait_ready(timeout)
        except ChildError as error:
            self._child.close()
            raise SandboxError(f"The sandbox process {error}") from None
        self.base_url = answer["base_url"]
        self.realtime_base_url = answer["realtime_base_url"]

    @property
    def api_key(self) -> str:
        """The only key that is valid, for clients other than ``DecartWidget(endpoint=child)``.

        It appears in no text of the sandbox.
        """
        return self._key.reveal()

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._child.alive

    def close(self) -> None:
        """End the process and wait for its end. Further calls do nothing."""
        self._child.close()

    def log_tail(self) -> str:
        """The last lines of the child's log, redacted."""
        return self._child.log_tail()

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
        if not self.base_url:
            return "<ChildSandbox not started>"
        return f"<ChildSandbox {self.base_url} pid {self.pid}{'' if self.alive else ' ended'}>"
