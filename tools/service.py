"""A sandbox in a process of its own, on one port for good: killed, and started again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

from tools.lab import free_port


class Service:
    """Started by `start()`, ended by `kill()`; its addresses stay the same."""

    def __init__(self) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.realtime_base_url = f"ws://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        command = [sys.executable, "-m", "decart_widget.sandbox", "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert json.loads(self._process.stdout.readline())["base_url"] == self.base_url

    def kill(self) -> None:
        """Without a word to anybody. May be called twice."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.communicate(timeout=10)
            self._process = None
