"""A separate, real JupyterLab server for demo-check, tests and benchmarks.

Nothing of the user's Jupyter is read or written: configuration, data, runtime files, workspaces and
the served folder are temporary. The server listens on a free port of 127.0.0.1, and only processes
that were started here are ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
import nbformat

from tools.ports import free_port

SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
"""JupyterLab settings: no news pop-up over the picture, no autosave beside a test's own save."""


class LabError(RuntimeError):
    """JupyterLab didn't start; the message has the end of its log."""


class LabServer:
    """One JupyterLab server, started by `start()` (or `with`) and ended by `stop()`.

    Args:
        environment: Variables for the server and its kernels, added to those of this process.
            DECART_API_KEY of this process is not passed on, so that nothing is billed.
        settings: JupyterLab settings by plugin, for example a theme.
        startup: Code that each kernel runs before the first cell.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str] | None = None,
        settings: Mapping[str, dict[str, Any]] | None = None,
        startup: str = "",
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="decart-widget-lab-"))
        self.root = self.home / "notebooks"
        self.root.mkdir()
        self.token = secrets.token_hex(16)
        self.log = self.home / "server.log"
        self.port = 0
        self.page_port: int | None = None
        self._environment = dict(environment or {})
        self._settings = {**SETTINGS, **(settings or {})}
        self._startup = startup
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def page_url(self) -> str:
        """Where pages reach the server: at `page_port`, if a proxy in front of it listens there."""
        return f"http://127.0.0.1:{self.page_port or self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    def start(self, timeout: float = 90.0) -> Self:
        """Starts the server and returns when it answers.

        Raises:
            LabError: It ended, or didn't answer within `timeout` seconds.
        """
        for plugin, values in self._settings.items():
            file = self.home / "settings" / f"{plugin}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        if self._startup:
            folder = self.home / "ipython" / "profile_default" / "startup"
            folder.mkdir(parents=True)
            (folder / "lab.py").write_text(self._startup)
        self.port = free_port()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                env=self._environ(),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._process.poll() is not None:
                raise LabError(f"JupyterLab ended while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise LabError(f"JupyterLab didn't answer in {timeout} s:\n{self.log_tail()}")
            time.sleep(0.05)
        return self

    def _command(self) -> list[str]:
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.root,
            "ServerApp.disable_check_xsrf": True,
            "ServerApp.terminals_enabled": False,
            "IdentityProvider.token": self.token,
            "LabApp.workspaces_dir": self.home / "workspaces",
            "LabApp.user_settings_dir": self.home / "settings",
            "LabApp.extension_manager": "readonly",
            "LabApp.expose_app_in_browser": True,
            "LabApp.news_url": "",
        }
        command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
        return [*command, *(f"--{name}={value}" for name, value in options.items())]

    def _environ(self) -> dict[str, str]:
        environment = {k: v for k, v in os.environ.items() if k != "DECART_API_KEY"}
        environment |= {
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "JUPYTER_PREFER_ENV_PATH": "0",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }
        return environment | self._environment

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/status", headers=self.headers).status_code == 200
        except httpx.HTTPError:
            return False

    def log_tail(self, characters: int = 3000) -> str:
        return self.log.read_text(errors="replace")[-characters:]

    def copy(self, notebook: Path) -> str:
        """Serves a copy of a notebook, so that the original is not changed."""
        shutil.copy(notebook, self.root / notebook.name)
        return notebook.name

    def write(self, name: str, cells: Sequence[str]) -> str:
        """Serves a new notebook with these code cells."""
        notebook = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],  # type: ignore[no-untyped-call]
        )
        nbformat.write(notebook, self.root / name)  # type: ignore[no-untyped-call]
        return name

    def kernels(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = httpx.get(
            f"{self.url}/api/kernels", headers=self.headers, timeout=10
        ).json()
        return answer

    def end_kernels(self) -> None:
        """Shuts every kernel of this server down, as closing them in JupyterLab would."""
        for kernel in self.kernels():
            httpx.delete(f"{self.url}/api/kernels/{kernel['id']}", headers=self.headers, timeout=20)

    def stop(self) -> None:
        """Ends kernels and server, and removes every temporary file. May be called twice."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                self.end_kernels()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
