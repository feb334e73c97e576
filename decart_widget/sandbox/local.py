"""A sandbox in this process, with its own thread and event loop."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.diagnostics.log import log_to_all
from decart_widget.diagnostics.loop_errors import report_loop_error
from decart_widget.errors import InvalidTransformError, SandboxError
from decart_widget.inputs.secrets import Secret
from decart_widget.processes.forks import close_in_forks
from decart_widget.sandbox.faults import NONE, Faults
from decart_widget.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from types import TracebackType

    from decart_widget.sandbox.own.interface import Transform

START_TIMEOUT_S: Final = 60.0
"""Seconds until the server listens."""

CLOSE_TIMEOUT_S: Final = 10.0
"""Seconds for closing every connection."""

CALL_TIMEOUT_S: Final = 60.0
"""Seconds that any other call on the server's thread may take, on a busy machine."""


@hides_arguments
def serve(
    transform: Transform | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    api_key: str | None = None,
    faults: Faults = NONE,
    marker: bool = False,
    process: bool = False,
) -> Sandbox:
    """Start a sandbox in this process and return when it listens.

    Args:
        transform: ``f(frame, prompt, image) -> frame`` in place of the effects, or a class or an
            instance with more methods: see `Model`. ``frame`` and the result are (height, width, 3)
            uint8 RGB of the same size, ``image`` is (h, w, 3) uint8 RGB of any size or None,
            ``prompt`` is text or None. It is called on one daemon thread, never twice at a time; a
            slow function lowers the frame rate and delays nothing else. When it raises, or doesn't
            return within 2 s (8 s for its first call), frames are sent unchanged and
            `Sandbox.last_error` is the exception.
        host: Address to listen on: 127.0.0.1, ::1 or localhost.
        port: Port to listen on; 0: any free one.
        api_key: The only valid permanent key; None: a random one, see `Sandbox.api_key`.
        faults: What goes wrong, see `Faults`.
        marker: Whether the number that a test pattern draws into a frame is drawn into the
            transformed frame, too, so that it tells which frame that was made from.
        process: Whether ``transform`` runs in a process of its own, which may end without ending
            anything else: frames are sent unchanged until it is restarted. Another process must be
            able to import it: it is in a module, or cloudpickle is installed. A busy cell still
            disturbs the server; see `start_child`.

    Returns:
        The running sandbox.

    Raises:
        InvalidTransformError: ``transform`` can't be called with frames, or can't be sent to a
            process.
        SandboxError: The sandbox can't listen on that host and port, or ``process`` doesn't work on
            this system.
    """
    key = None if api_key is None else Secret(api_key)
    del api_key  # a traceback may show a frame's variables
    return Sandbox(
        transform,
        host=host,
        port=port,
        api_key=key,
        faults=faults,
        marker=marker,
        process=process,
    )


class Sandbox:
    """A running sandbox; `serve` makes one. Use it as a context manager, or call `close`.

    Attributes:
        base_url: URL of the HTTP API.
        realtime_base_url: URL of the WebSocket API.
    """

    def __init__(
        self,
        transform: Transform | None,
        *,
        host: str,
        port: int,
        api_key: Secret | None,
        faults: Faults,
        marker: bool = False,
        process: bool = False,
    ) -> None:
        try:
            self._server = SandboxServer(
                transform,
                host=host,
                port=port,
                api_key=api_key,
                faults=faults,
                marker=marker,
                process=process,
            )
        except InvalidTransformError:
            raise
        except ValueError as error:
            raise SandboxError(str(error), remedy="Use host='127.0.0.1'.") from error
        self._started: concurrent.futures.Future[asyncio.AbstractEventLoop] = (
            concurrent.futures.Future()
        )
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="decart-sandbox", daemon=True)
        self._thread.start()
        try:
            self._loop = self._started.result(START_TIMEOUT_S)
        except OSError as error:
            self._thread.join(CLOSE_TIMEOUT_S)
            raise SandboxError(
                f"The sandbox can't listen on {host} port {port}: {error}.",
                remedy="Use port=0 for any free port.",
            ) from error
        self.base_url = self._server.base_url
        self.realtime_base_url = self._server.realtime_base_url
        atexit.register(self.close)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # threading's own report would not be redacted
            log_to_all("The local server's thread failed", error)

    async def _main(self) -> None:
        asyncio.get_running_loop().set_exception_handler(report_loop_error)
        close_in_forks(asyncio.get_running_loop())
        try:
            await self._server.start()
        except BaseException as error:
            await self._server.close()
            self._started.set_exception(error)
            return
        self._started.set_result(asyncio.get_running_loop())
        await self._stopping.wait()
        await self._server.close()

    def close(self) -> None:
        """End every session, free the port, end the thread. Further calls do nothing."""
        atexit.unregister(self.close)
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(CLOSE_TIMEOUT_S)

    @property
    def api_key(self) -> str:
        """The only key that is valid, for clients other than ``DecartWidget(endpoint=local)``.

        It appears in no text of the sandbox.
        """
        return self._server.api_key

    @property
    def closed(self) -> bool:
        """Whether the sandbox has ended."""
        return not self._thread.is_alive()

    @property
    def faults(self) -> Faults:
        """What goes wrong. Assign another `Faults` at any time; open sessions follow at once."""
        return self._server.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._on_loop(lambda: setattr(self._server, "faults", faults))

    @property
    def last_error(self) -> BaseException | None:
        """The last exception of ``transform``, or None."""
        return self._server.renderer.last_error

    def watch(self, report: Callable[[BaseException], None]) -> None:
        """Call a function with each error of ``transform`` that is of a new kind.

        Args:
            report: Called on a thread of the server; it must not block.
        """
        self._server.renderer.watchers.append(report)

    def unwatch(self, report: Callable[[BaseException], None]) -> None:
        """Undo `watch`."""
        with contextlib.suppress(ValueError):
            self._server.renderer.watchers.remove(report)

    def stats(self) -> dict[str, Any]:
        """Open sessions, frames, errors and milliseconds per frame so far.

        ``model`` has the figures of your own model in the last 3 s: ``fps``, ``frame_ms`` (ms per
        frame) and ``batch`` (frames per call). ``ready`` is False while it warms up.
        """
        stats: dict[str, Any] = self._on_loop(self._server.stats)
        return stats

    def ledger(self) -> list[dict[str, Any]]:
        """What was billed, oldest first: for each session, also one that runs, its seconds.

        An entry has ``id``, ``model``, ``seconds`` from the first picture to the end, and
        ``prompts``: what was asked for, at which billed second, and why it was refused (None: it
        was not).
        """
        entries: list[dict[str, Any]] = self._on_loop(self._server.ledger.entries)
        return entries

    def model_figures(self) -> dict[str, Any] | None:
        """``stats()["model"]``, at once and on any thread; None without a model of your own."""
        model = self._server.renderer.model
        return None if model is None else model.stats()

    def _on_loop(self, call: Any) -> Any:
        """The result of ``call``, run on the server's loop; after `close`, on this thread."""
        if self.closed:
            return call()

        async def run() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(CALL_TIMEOUT_S)

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
        return f"<Sandbox {self.base_url}{' closed' if self.closed else ''}>"
