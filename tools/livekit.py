"""A LiveKit server for tests: built from the Go module proxy, cached, started on loopback.

``python -m tools.livekit`` builds it into `FOLDER` unless it is there, and prints where it is or
why it isn't. Tests that need the server are
skipped with the same reason where there is none (`binary`).

$DECART_WIDGET_LIVEKIT_SERVER names a server that is installed already.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from tools.ports import free_port

VERSION: Final = "1.13.5"
"""The newest release whose go.mod has no ``replace`` directives, which ``go install`` refuses."""

PACKAGE: Final = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
"""What ``go install`` builds; its binary is called ``server``."""

GO: Final = (1, 26)
"""The oldest Go that builds this release, from its go.mod."""

FOLDER: Final = Path(__file__).parents[1] / ".livekit"
"""Folder of the binary and the build's log; ignored by git, removed by `make clean`."""

BINARY: Final = FOLDER / f"livekit-server-{VERSION}"
"""The cached binary; its existence is the stamp of a complete build."""

LOG: Final = FOLDER / "build.log"
"""Output of the last build; kept when it failed."""

VARIABLE: Final = "DECART_WIDGET_LIVEKIT_SERVER"
"""Environment variable with the path of an installed server, which is used instead."""

RETRY_AFTER_S: Final = 1800.0
"""Seconds for which a build that failed is not tried again, so that a run of the tests that started
it at the same time doesn't start it a second time."""

BUILD_TIMEOUT_S: Final = 1200.0
"""Seconds after which a build is ended; one with empty caches takes 150 s on two idle cores."""

START_TIMEOUT_S: Final = 30.0
"""Seconds until a server answers; it takes 0.2 s where nothing else runs."""

PORT_TAKEN: Final = "address already in use"
"""What a server's log says when another process has its port."""


class UnavailableError(Exception):
    """There is no LiveKit server; the text says why."""


# --- building it -------------------------------------------------------------------------------


def binary() -> Path:
    """The server's binary; it isn't built here.

    Raises:
        UnavailableError: There is none.
    """
    if path := os.environ.get(VARIABLE):
        if not os.access(path, os.X_OK):
            raise UnavailableError(f"${VARIABLE} is {path}, which is no program")
        return Path(path)
    if BINARY.exists():
        return BINARY
    _go()
    if LOG.exists():
        raise UnavailableError(_failure())
    raise UnavailableError("the LiveKit server is not built: run make livekit")


def build() -> Path:
    """Build the server unless it is there: 2.5 minutes on two cores with empty caches.

    Returns:
        The binary.

    Raises:
        UnavailableError: There is no Go, it is too old, or the build failed or took longer than
            `BUILD_TIMEOUT_S`.
    """
    with contextlib.suppress(UnavailableError):
        return binary()
    go = _go()
    FOLDER.mkdir(exist_ok=True)
    with _locked():  # another process may be building it
        if BINARY.exists():
            return BINARY
        if LOG.exists() and time.time() - LOG.stat().st_mtime < RETRY_AFTER_S:
            raise UnavailableError(_failure())
        _build(go)
    return BINARY


def _go() -> str:
    """Path of a Go that is new enough.

    Raises:
        UnavailableError: There is none.
    """
    needed = ".".join(map(str, GO))
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise UnavailableError(f"Go {needed} or later is needed to build it, and there is no Go")
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < GO:
        raise UnavailableError(f"Go {needed} or later is needed to build it, not {said.strip()}")
    return go


def _build(go: str) -> None:
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        # The Go that is installed, not one that `go` would download; without the state of this
        # repository in the binary.
        environment = {**os.environ, "GOBIN": folder, "GOTOOLCHAIN": "local"}
        environment["GOFLAGS"] = "-buildvcs=false"
        nice = ["nice", "-n", "19"] if shutil.which("nice") else []
        with LOG.open("w") as log:
            # A process group of its own: `go` has compilers as children, which end with it.
            process = subprocess.Popen(
                [*nice, go, "install", PACKAGE],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
            code = None
            try:
                code = process.wait(BUILD_TIMEOUT_S)
                said = f"go install ended with {code}"
            except subprocess.TimeoutExpired:
                said = f"it took longer than {BUILD_TIMEOUT_S / 60:.0f} minutes"
            finally:
                if code is None:  # as well after Ctrl-C
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            log.seek(0, os.SEEK_END)  # behind what the process has written
            log.write(f"{said}\n")
        if code != 0:
            raise UnavailableError(_failure())
        built = Path(folder) / "server"
        built.rename(BINARY)
        LOG.unlink()


def _failure() -> str:
    lines = [line for line in LOG.read_text().splitlines() if "downloading" not in line]
    return (
        f"building it failed, see {LOG}: {' / '.join(lines[-3:])}; to try again, remove that file "
        f"and run make livekit, or name a server that is installed in ${VARIABLE}"
    )


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Waits for the end of every other build in this folder."""
    try:
        import fcntl
    except ImportError as error:
        raise UnavailableError("it is built on Linux and macOS only") from error
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- running it --------------------------------------------------------------------------------


class LiveKitProcess:
    """A LiveKit server on loopback, with ports of its own that stay the same over restarts.

    Use it as a context manager.

    Args:
        config: Further lines of its configuration (YAML).

    Attributes:
        url: Such as ``ws://127.0.0.1:7880``.
        key: Its API key.
        secret: The key's secret.
        log: The file with its output.

    Raises:
        UnavailableError: There is no LiveKit server.
    """

    key: Final = "devkey"
    secret: Final = "a-secret-of-more-than-thirty-two-characters"

    def __init__(self, config: str = "") -> None:
        self._binary = binary()
        self._folder = Path(tempfile.mkdtemp(prefix="decart-widget-livekit-"))
        self._config = config
        self.log = self._folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._has_answered = False
        self._choose_ports()

    def _choose_ports(self) -> None:
        self._port = free_port()
        self.url = f"ws://127.0.0.1:{self._port}"
        (self._folder / "config.yaml").write_text(
            f"""
port: {self._port}
bind_addresses: [127.0.0.1]
logging: {{level: info, json: true}}
rtc:
  tcp_port: {free_port()}
  udp_port: {_free_udp_port()}
  node_ip: 127.0.0.1
  use_external_ip: false
  enable_loopback_candidate: true
  interfaces: {{includes: [lo]}}
  # Nothing answers there: no address of this machine is asked for elsewhere.
  stun_servers: ["127.0.0.1:9"]
keys:
  {self.key}: {self.secret}
{self._config}
"""
        )

    def start(self) -> Self:
        """Start it and return when it answers.

        A port that another process took in the meantime is replaced at the first start; later ones
        wait until it is free again.

        Raises:
            RuntimeError: It ended, or did not answer in time.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers(deadline):
            if not self._has_answered:
                self._choose_ports()
            time.sleep(0.1)
        self._has_answered = True
        return self

    def _answers(self, deadline: float) -> bool:
        """Start it; returns whether it answers, or ended because a port was taken.

        Raises:
            RuntimeError: It ended for another reason, or did not answer until ``deadline``.
        """
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary, "--config", self._folder / "config.yaml"], stdout=log, stderr=log
            )
        while True:
            # Before it is asked: another process may answer on its port.
            has_ended = self._process.poll() is not None
            if not has_ended:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", self._port), 1).close()
                    return True
            is_late = time.monotonic() > deadline
            said = self.log.read_bytes()[begin:].decode(errors="replace")
            if has_ended and PORT_TAKEN in said and not is_late:
                return False
            if has_ended or is_late:
                raise RuntimeError(f"the LiveKit server does not answer:\n{said[-2000:]}")
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, such as SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it with SIGKILL, also when it is stopped. May be called twice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> int:
    """Returns 0, with or without a server: tests without it are skipped, and say why."""
    try:
        print(f"LiveKit server: {build()}")
    except UnavailableError as error:
        print(f"No LiveKit server, tests with one are skipped: {error}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
