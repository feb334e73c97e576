"""A sandbox as a child process that ends when its parent does, even if that is killed."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final, Self

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.errors import SandboxError
from decart_widget.inputs.secrets import Secret, random_key
from decart_widget.processes.python_child import ChildError, PythonChild
from decart_widget.sandbox.faults import NONE, Faults
from decart_widget.sandbox.http_api import LEDGER_PATH

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from decart_widget.sandbox.own.interface import Transform
    from decart_widget.sandbox.own.pickles import PickledModel

LEDGER_TIMEOUT_S: Final = 20.0
"""Seconds that the child may take to say what it has billed."""


@hides_arguments
def start_child(
    api_key: str | None = None,
    *,
    timeout: float = 20.0,
    marker: bool = False,
    transform: Transform | None = None,
    faults: Faults = NONE,
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
        transform: As for `decart_widget.sandbox.serve` with ``process=True``: the model has a
            process of its own below the child, and neither is disturbed by a busy cell.
        faults: What goes wrong, see `Faults`.

    Raises:
        InvalidTransformError: ``transform`` can't be called with frames, or can't be sent to a
            process.
        SandboxError: The child didn't start, or took longer than ``timeout``.
    """
    key = None if api_key is None else Secret(api_key)
    del api_key  # a traceback may show a frame's variables
    return ChildSandbox(key, timeout=timeout, marker=marker, transform=transform, faults=faults)


class ChildSandbox:
    """A sandbox in a child process; `start_child` makes one.

    Use it as a context manager, or call `close`.

    Attributes:
        base_url: URL of the HTTP API.
        realtime_base_url: URL of the WebSocket API.
        pid: The child's process id.
        last_error: The last exception of ``transform``, one of each kind a session, or None.
    """

    def __init__(
        self,
        api_key: Secret | None,
        *,
        timeout: float,
        marker: bool = False,
        transform: Transform | None = None,
        faults: Faults = NONE,
    ) -> None:
        model = None if transform is None else _packed(transform)
        self.last_error: BaseException | None = None
        self._stats: dict[str, Any] | None = None
        self._watchers: list[Callable[[BaseException], None]] = []
        self._key = random_key() if api_key is None else api_key
        self.base_url = self.realtime_base_url = ""
        try:
            flags = ["--child", *(["--marker"] if marker else []), *_flags(faults)]
            self._child = PythonChild("decart_widget.sandbox", flags)
        except ChildError as error:
            raise SandboxError(f"The sandbox process {error}") from None
        self.pid = self._child.pid
        try:
            first: dict[str, Any] = {"api_key": self._key.reveal()}
            if model is not None:
                first |= {"shape": asdict(model.shape), "bytes": len(model.data)}
            self._child.send(first)
            del first  # a traceback may show a frame's variables
            if model is not None:
                self._child.send_bytes(model.data)
            answer = self._child.wait_ready(timeout)
        except ChildError as error:
            self._child.close()
            raise SandboxError(f"The sandbox process {error}") from None
        self.base_url = answer["base_url"]
        self.realtime_base_url = answer["realtime_base_url"]
        if model is not None:
            threading.Thread(target=self._read, name="decart-child-model", daemon=True).start()

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

    def watch(self, report: Callable[[BaseException], None]) -> None:
        """As `Sandbox.watch`; called on a thread that reads the child's reports."""
        self._watchers.append(report)

    def unwatch(self, report: Callable[[BaseException], None]) -> None:
        """Undo `watch`."""
        with contextlib.suppress(ValueError):
            self._watchers.remove(report)

    def stats(self) -> dict[str, Any] | None:
        """As `Sandbox.stats`, up to a second old; None without a ``transform``."""
        return self._stats

    def ledger(self) -> list[dict[str, Any]]:
        """As `Sandbox.ledger`.

        Raises:
            SandboxError: The process doesn't answer.
        """
        import httpx

        try:
            answer = httpx.get(
                f"{self.base_url}{LEDGER_PATH}",
                headers={"x-api-key": self._key.reveal()},
                timeout=LEDGER_TIMEOUT_S,
                trust_env=False,
            )
            entries: list[dict[str, Any]] = answer.json()["ledger"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            reason = type(error).__name__
            raise SandboxError(f"The sandbox process doesn't answer ({reason}).") from None
        return entries

    def model_figures(self) -> dict[str, Any] | None:
        """``stats()["model"]``; None without a ``transform``."""
        return None if self._stats is None else self._stats["model"]

    def _read(self) -> None:
        from decart_widget.sandbox.own.model_link import LONGEST_ANSWER, remote_error

        with contextlib.suppress(OSError, ValueError):
            while line := self._child.stdout.readline(LONGEST_ANSWER):
                report = json.loads(line)
                if "stats" in report:
                    self._stats = report["stats"]
                elif "error" in report:
                    self.last_error = error = remote_error(report["error"])
                    for watcher in list(self._watchers):
                        watcher(error)

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


def _flags(faults: Faults) -> list[str]:
    """The faults as the program's command line."""
    flags = []
    for field in fields(Faults):
        value = getattr(faults, field.name)
        if value != field.default:
            flag = "--" + field.name.replace("_", "-")
            flags += [flag] if value is True else [flag, str(value)]
    return flags


def _packed(transform: Transform) -> PickledModel:
    from decart_widget.sandbox.own.interface import shape_of
    from decart_widget.sandbox.own.pickles import PickledModel, pickled

    shape = shape_of(transform)
    return PickledModel(pickled(transform), shape)
