"""The sandbox in a process of its own, on one port: it can be killed and started again."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from decart_widget.sandbox.__main__ import KEY_VARIABLE
from tools.ports import free_port


class Service:
    """A sandbox process; its addresses and its key stay the same over restarts.

    Args:
        faults: Faults that it plays from the start, see `decart_widget.sandbox.Faults`.
    """

    def __init__(self, **faults: float) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.realtime_base_url = f"ws://127.0.0.1:{self.port}"
        self.api_key = f"dct_{secrets.token_hex(12)}"
        self._flags = [f"--{name.replace('_', '-')}={value}" for name, value in faults.items()]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Starts the process and returns when it answers."""
        command = [sys.executable, "-m", "decart_widget.sandbox", "--port", str(self.port)]
        self._process = subprocess.Popen(
            [*command, *self._flags],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, KEY_VARIABLE: self.api_key},
        )
        assert self._process.stdout is not None
        assert json.loads(self._process.stdout.readline())["base_url"] == self.base_url

    def kill(self) -> None:
        """Ends the process with SIGKILL, so that it says goodbye to nobody. May be called twice."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends the process with SIGTERM. May be called twice."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.communicate(timeout=10)
            self._process = None


@contextmanager
def running_service(**faults: float) -> Iterator[Service]:
    """A started `Service`, stopped on leaving.

    Args:
        faults: As for `Service`.

    Yields:
        The service.
    """
    service = Service(**faults)
    service.start()
    try:
        yield service
    finally:
        service.stop()
