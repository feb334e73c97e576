"""The service that a widget connects to, and its key: Decart, the sandbox, or another server.

Without a key, sessions go to the sandbox, which is one child process for all widgets of this
process. It is started when a page first shows a widget, so that it runs when Start is clicked.
"""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import ClosedError, InvalidKeyError, InvalidURLError
from decart_widget.inputs.secrets import ENVIRONMENT_VARIABLE, Secret
from decart_widget.sandbox.own.interface import is_own_model, shape_of
from decart_widget.session.endpoints import DECART, Endpoint, need_private, parse_endpoint

if TYPE_CHECKING:
    from decart_widget.sandbox import ChildSandbox, Sandbox
    from decart_widget.sandbox.own.interface import Transform

SANDBOX: Final = "sandbox"
"""Name of the destination that is a local server."""

START_TIMEOUT_S: Final = 20.0
"""Seconds that the sandbox may take to start."""

Report = Callable[[BaseException], None]
"""Receives an error of the function that is given as ``endpoint=``."""


class SandboxWarning(UserWarning):
    """There is no API key, so local effects are applied instead of Decart's models.

    In a Jupyter kernel the badge on the picture says so instead.
    """


def warn_of_sandbox(stacklevel: int) -> None:
    """Warns that local effects are applied; for programs whose widgets no page shows.

    Args:
        stacklevel: As in ``warnings.warn``, from the caller.
    """
    warnings.warn(
        f"No key: local effects, not Decart's models. Set {ENVIRONMENT_VARIABLE}.",
        SandboxWarning,
        stacklevel=stacklevel + 1,
    )


class _SharedChild:
    """The sandbox of this process: one child, started on demand, and again when it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: ChildSandbox | None = None

    def get(self) -> tuple[Endpoint, Secret]:
        """Starts the child if needed, which blocks for about a second.

        Raises:
            SandboxError: It could not be started.
        """
        from decart_widget.sandbox import ChildSandbox

        with self._lock:
            if self._child is None or not self._child.alive:
                self._child = ChildSandbox(None, timeout=START_TIMEOUT_S)
            child = self._child
            endpoint = Endpoint(SANDBOX, child.base_url, child.realtime_base_url)
            return endpoint, Secret(child.api_key, kind="token")


_shared = _SharedChild()


class _OwnServer:
    """The server that runs a widget's own function in this process; started on demand."""

    def __init__(self, transform: Transform) -> None:
        self.report: Report | None = None
        self._lock = threading.Lock()
        self._transform = transform
        self._server: Sandbox | None = None
        self._closed = False

    def get(self) -> tuple[Endpoint, Secret]:
        """Starts the server if needed, which blocks for some 100 ms.

        Raises:
            SandboxError: It could not be started.
            ClosedError: The widget was closed meanwhile.
        """
        from decart_widget.sandbox import serve

        # A start that overlaps with the preparation of a start must not make a second server.
        with self._lock:
            if self._closed:
                raise ClosedError("This widget is closed.", remedy="Make a new DecartWidget.")
            if self._server is None:
                self._server = serve(self._transform)
                if self.report is not None:
                    self._server.watch(self.report)
            own = self._server
            endpoint = Endpoint(SANDBOX, own.base_url, own.realtime_base_url)
            return endpoint, Secret(own.api_key, kind="token")

    def figures(self) -> dict[str, Any]:
        """Figures of the model; empty before the server was started."""
        server = self._server
        return {} if server is None else server.model_figures() or {}

    def close(self) -> None:
        """Stops the server, and waits for one that is being started. May be called twice."""
        with self._lock:
            self._closed = True
            if self._server is not None:
                self._server.close()
            self._server = None


class Destination:
    """Resolves ``endpoint=`` and ``api_key=`` of a widget.

    The key in ``DECART_API_KEY`` is sent to Decart's own hosts, over TLS, and nowhere else: any
    other endpoint needs a key given beside it.

    Args:
        endpoint: None (Decart with a key, else the sandbox), ``"decart"``, ``"sandbox"``, a URL,
            ``(base_url, realtime_base_url)``, a running local server, which brings its key, or a
            function or model (``sandbox.Model``) that is served from this process.
        api_key: None to read ``DECART_API_KEY``.

    Raises:
        InvalidKeyError: The key is malformed, or missing although the endpoint needs one.
        InvalidTransformError: The function or model can't be called with frames.
        InvalidURLError: The endpoint can't be used, or the key would travel to it in clear text.

    Attributes:
        name: ``"decart"``, ``"sandbox"`` or the URL.
    """

    def __init__(self, endpoint: Any, api_key: str | Secret | None) -> None:
        self.name = ""
        self._own: _OwnServer | None = None
        self._watched: Sandbox | None = None
        self._report: Report | None = None
        self._endpoint: Endpoint | None = None
        self._key = api_key if api_key is None or isinstance(api_key, Secret) else Secret(api_key)
        del api_key  # a traceback may show what a frame holds
        if endpoint is None:
            has_key = self._key is not None or bool(os.environ.get(ENVIRONMENT_VARIABLE))
            endpoint = DECART.name if has_key else SANDBOX
        # An array, for instance, compares with a string to an array.
        name = endpoint if isinstance(endpoint, str) else None
        if name == SANDBOX:
            self.name = SANDBOX
        elif name == DECART.name:
            self._use(DECART)
        elif name is None and is_own_model(endpoint):
            shape_of(endpoint)  # raises for one that can't be called
            self.name, self._own = SANDBOX, _OwnServer(endpoint)
        elif name is not None and "://" not in name:
            raise InvalidURLError(
                # Redacted, because a key may have been passed as the endpoint by mistake.
                f"There is no endpoint {shorten(repr(name), 100)}.",
                remedy='Give "decart", "sandbox", or a URL such as "http://127.0.0.1:9000".',
            )
        else:
            key_beside = getattr(endpoint, "api_key", None)  # of a running local server
            if self._key is None and isinstance(key_beside, str):
                self._key = Secret(key_beside)
            del key_beside
            self._use(parse_endpoint(endpoint))
            self._watched = endpoint if callable(getattr(endpoint, "watch", None)) else None

    def _use(self, endpoint: Endpoint) -> None:
        """Uses a server that runs elsewhere, if there is a key that may be sent to it."""
        if self._key is None and endpoint.is_decart and os.environ.get(ENVIRONMENT_VARIABLE):
            self._key = Secret(os.environ[ENVIRONMENT_VARIABLE], name=ENVIRONMENT_VARIABLE)
        if self._key is None and endpoint.is_decart:
            raise InvalidKeyError(
                "There is no API key.", remedy=f"Set {ENVIRONMENT_VARIABLE} or give api_key=."
            )
        if self._key is None:
            raise InvalidKeyError(
                f"There is no key for the endpoint {endpoint.name}.",
                remedy=f"Give its key as api_key=. {ENVIRONMENT_VARIABLE} is sent to Decart only.",
            )
        need_private(endpoint.base_url)
        need_private(endpoint.realtime_base_url)
        self.name, self._endpoint = endpoint.name, endpoint

    def watch(self, report: Report) -> None:
        """Reports errors of a function that is run by a local server of this process.

        Args:
            report: Called with each error of a new kind, on a thread of the server. It must not
                block.
        """
        self._report = report
        if self._own is not None:
            self._own.report = report
        if self._watched is not None:
            self._watched.watch(report)

    def own_model(self) -> dict[str, Any] | None:
        """Figures of a function or model of the user's that is served from this process.

        Returns:
            ``fps``, ``frame_ms`` and ``batch`` of the last seconds, None or missing where nothing
            was transformed; None if there is no such model.
        """
        if self._own is not None:
            return self._own.figures()
        figures = getattr(self._watched, "model_figures", None)
        return figures() if callable(figures) else None

    async def open(self) -> tuple[Endpoint, Secret]:
        """Returns the endpoint and its key, after starting a local server if one is needed.

        Returns:
            The endpoint and its key.

        Raises:
            SandboxError: The server could not be started.
            ClosedError: The widget that runs its own function is closed.
        """
        if self._own is not None:
            return await asyncio.to_thread(self._own.get)
        if self._endpoint is None:
            return await asyncio.to_thread(_shared.get)
        assert self._key is not None
        return self._endpoint, self._key

    def close(self) -> None:
        """Stops the server that runs this widget's own function, if there is one."""
        if self._watched is not None and self._report is not None:
            self._watched.unwatch(self._report)
        if self._own is not None:
            self._own.close()

    def __repr__(self) -> str:
        return f"Destination({self.name!r})"
