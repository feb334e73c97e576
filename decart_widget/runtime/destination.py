"""The service that a widget connects to, and its key: Decart, the sandbox, or another server.

Without a key, sessions go to the sandbox, which is one child process for all widgets of this
process. It is started when a page first shows a widget, so that it runs when Start is clicked.
"""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.redaction import redact
from decart_widget.errors import InvalidKeyError, InvalidURLError
from decart_widget.inputs.secrets import ENVIRONMENT_VARIABLE, Secret
from decart_widget.session.endpoints import DECART, Endpoint, parse_endpoint

if TYPE_CHECKING:
    from decart_widget.sandbox import ChildSandbox, Sandbox

SANDBOX: Final = "sandbox"
"""Name of the destination that is a local server."""

START_TIMEOUT_S: Final = 20.0
"""Seconds that the sandbox may take to start."""


class SandboxWarning(UserWarning):
    """There is no API key, so local effects are applied instead of Decart's models."""


class _SharedChild:
    """The sandbox of this process: one child, started on demand, and again when it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: ChildSandbox | None = None
        self._key: Secret | None = None

    def get(self) -> tuple[Endpoint, Secret]:
        """Starts the child if needed, which blocks for about a second.

        Raises:
            SandboxError: It could not be started.
        """
        import secrets

        from decart_widget.sandbox import ChildSandbox

        with self._lock:
            if self._child is None or self._key is None or not self._child.alive:
                # A key of its own, so that no other user of this machine can use it.
                key = Secret(f"dct_{secrets.token_urlsafe(24)}")
                self._child = ChildSandbox(key, timeout=START_TIMEOUT_S)
                self._key = key
            child = self._child
            return Endpoint(SANDBOX, child.base_url, child.realtime_base_url), self._key


_shared = _SharedChild()


class Destination:
    """Resolves ``endpoint=`` and ``api_key=`` of a widget.

    Args:
        endpoint: None (Decart with a key, else the sandbox), ``"decart"``, ``"sandbox"``, a URL,
            ``(base_url, realtime_base_url)``, a running ``sandbox.Sandbox``, or a function
            ``f(frame, prompt, image) -> frame`` that is served from this process.
        api_key: None to read ``DECART_API_KEY``.
        stacklevel: Of the warning about the sandbox, as in ``warnings.warn``.

    Raises:
        InvalidKeyError: The key is malformed, or missing although the endpoint needs one.
        InvalidURLError: The endpoint can't be used.

    Attributes:
        name: ``"decart"``, ``"sandbox"`` or the URL.
    """

    def __init__(self, endpoint: Any, api_key: str | Secret | None, *, stacklevel: int = 2) -> None:
        self.name = ""
        self._own: Sandbox | None = None
        self._transform: Any = None
        self._endpoint: Endpoint | None = None
        self._key = api_key if api_key is None or isinstance(api_key, Secret) else Secret(api_key)
        self._from_environment = bool(
            self._key is None and os.environ.get(ENVIRONMENT_VARIABLE) and endpoint != SANDBOX
        )
        del api_key  # a traceback may show what a frame holds
        if self._from_environment:
            self._key = Secret(os.environ[ENVIRONMENT_VARIABLE])
        if endpoint is None:
            endpoint = SANDBOX if self._key is None else DECART.name
            if self._key is None:
                warnings.warn(
                    f"No key: local effects, not Decart's models. Set {ENVIRONMENT_VARIABLE}.",
                    SandboxWarning,
                    stacklevel=stacklevel + 1,
                )
        if endpoint == SANDBOX:
            self.name = SANDBOX
        elif endpoint == DECART.name:
            self.name, self._endpoint = DECART.name, DECART
            self._need_key()
        elif callable(endpoint):
            self.name, self._transform = SANDBOX, endpoint
        else:
            self._choose_server(endpoint)

    def _choose_server(self, endpoint: Any) -> None:
        if isinstance(endpoint, str) and "://" not in endpoint:
            raise InvalidURLError(
                # Redacted, because a key may have been passed as the endpoint by mistake.
                f"There is no endpoint {redact(repr(endpoint)[:100])}.",
                remedy='Give "decart", "sandbox", or a URL such as "http://127.0.0.1:9000".',
            )
        self._endpoint = parse_endpoint(endpoint)
        if self._from_environment and not self._endpoint.is_private:
            raise InvalidURLError(
                f"The key in {ENVIRONMENT_VARIABLE} would travel in clear text to this endpoint.",
                remedy="Use https, or give the key that is meant for it as api_key=.",
            )
        self.name = self._endpoint.name
        if self._key is None and self._endpoint.is_loopback:
            self._key = Secret("dct_local")  # a server on this machine: no key to protect
        self._need_key()

    def _need_key(self) -> None:
        if self._key is None:
            raise InvalidKeyError(
                "There is no API key.",
                remedy=f"Set {ENVIRONMENT_VARIABLE} or give api_key=.",
            )

    async def open(self) -> tuple[Endpoint, Secret]:
        """Returns the endpoint and its key, after starting a local server if one is needed.

        Returns:
            The endpoint and its key.

        Raises:
            SandboxError: The server could not be started.
        """
        if self._transform is not None:
            if self._own is None:
                from decart_widget.sandbox import serve

                self._own = await asyncio.to_thread(serve, self._transform)
            own = self._own
            return Endpoint(SANDBOX, own.base_url, own.realtime_base_url), Secret("dct_local")
        if self._endpoint is None:
            return await asyncio.to_thread(_shared.get)
        assert self._key is not None
        return self._endpoint, self._key

    def close(self) -> None:
        """Stops the server that runs this widget's own function, if there is one."""
        if self._own is not None:
            self._own.close()
            self._own = None

    def __repr__(self) -> str:
        return f"Destination({self.name!r})"
