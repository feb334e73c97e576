"""What all widgets of this package share: the bundle, and the way between pages and threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import anywidget
import traitlets as t

from decart_widget.diagnostics.log import Log
from decart_widget.protocol.states import ConnectionState

if TYPE_CHECKING:
    from decart_widget.session.media import Transport

_STATIC = Path(__file__).parents[1] / "static"

MAX_PAGE_TEXT: Final = 20_000
"""Characters of a text trait that a page sets; a prompt has at most 10,000."""

MAX_INBOX: Final = 500
"""Messages of browsers that may wait for the background thread; more are dropped."""

MAX_INBOX_BYTES: Final = 64_000_000
"""Bytes of their binary parts that may wait; more are dropped."""

MAX_BUFFER: Final = 1_000_000
"""Bytes of a message's one binary part: a host may lose what is larger, and its socket with it."""


class Receive(Protocol):
    """Takes a page's message, with its binary part where it has one."""

    def __call__(self, content: object, data: bytes | None = None, /) -> None:
        """Never raises for what the page says."""


def _nobody(_content: object, _data: bytes | None = None, /) -> None:
    """Before anybody listens."""


class PageWidget(anywidget.AnyWidget):
    """A widget whose life is on the background thread."""

    # Gets the rest of the front end, which no widget carries; see `chunks`.
    _esm = _STATIC / "loader.js"

    _transport: Transport = "livekit"
    _closed = True  # until it is made

    # Read-only: a page can't make them say something else.
    connection_state = t.Enum(
        [state.value for state in ConnectionState],
        ConnectionState.IDLE.value,
        read_only=True,
        help="idle, connecting, connected, generating, reconnecting, disconnected or error.",
    ).tag(sync=True)
    error = t.Dict(read_only=True, help="Empty, or code, message and remedy.").tag(sync=True)
    endpoint = t.Unicode("", read_only=True, help='"decart", "sandbox" or a URL.').tag(sync=True)

    # For the front end only.
    _kind = t.Unicode("session", read_only=True).tag(sync=True)
    _chunks = t.Dict(read_only=True).tag(sync=True)
    _media = t.Dict(read_only=True).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._events = Log(self._about)
        self._publishing = threading.local()
        self._closed = False
        self._inbox = 0
        self._comm_on_main_thread = True
        self._inbox_bytes = 0
        self._receive: Receive = _nobody
        super().__init__(**traits)
        self._push_chunks()

    def close(self) -> None:
        """Ends the widget in every page. May be called twice."""
        if not getattr(self, "_closed", True):
            self._closed = True
            super().close()

    @property
    def log(self) -> Log:
        """What happened, in the kernel and in the pages; see ``Log``."""
        return self._events

    def _about(self) -> dict[str, Any]:
        """What a report begins with. Never a key."""
        from decart_widget.diagnostics.versions import versions

        return {
            "widget": type(self).__name__,
            **versions(),
            "transport": self._transport,
            "endpoint": self._endpoint_kind(),
            "connection_state": self.connection_state,
        }

    def _endpoint_kind(self) -> str:
        return self.endpoint if "://" not in self.endpoint else "a URL"

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        """From a page, by way of the comm: what has no sense is refused, not stumbled over."""
        data = msg.get("content", {}).get("data")
        method = data.get("method") if isinstance(data, dict) else None
        sane = method in ("update", "request_state", "custom") and (
            method != "update"
            or (isinstance(data.get("state"), dict) and data.get("buffer_paths", []) == [])
        )
        if sane:
            super()._handle_msg(msg)
        else:
            self._events.refuse("page: not a message of widgets")

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes values of traits from a page: those that it may set, if they can be.

        ipywidgets sets read-only traits too when a page says so, and sends what it was sent to all
        pages before it looks at it.
        """
        taken = {}
        for name, value in sync_data.items():
            trait = self.traits().get(name)
            open_to_pages = trait is not None and not trait.read_only and name[:1] != "_"
            if not (open_to_pages or name == "_view_count"):
                self._events.refuse("page: sets what it may not")
                continue
            if isinstance(value, str) and len(value) > MAX_PAGE_TEXT:
                self._events.refuse("page: sets too long a text")
                continue
            taken[name] = value
        before = {name: getattr(self, name) for name in taken}
        try:
            super().set_state(taken)
        except (t.TraitError, ValueError) as error:
            # Not the notebook's doing, so no traceback in a cell; the page is told what holds.
            self._events.refuse(f"page: sets what can't be ({type(error).__name__})")
            for name, value in before.items():
                self.set_trait(name, value)
            self.send_state(list(taken))

    def _listen(self, receive: Receive) -> None:
        """Hands what pages say to ``receive``, on the background thread."""
        self._receive = receive
        # ipykernel 7.4 answers on whatever subshell sent last; ours is to stay the front end's,
        # or its messages wait for a busy cell. Private, hence guarded.
        if callable(getattr(self.comm, "_reply_subshell_for", None)):
            self.comm._reply_subshell_for = lambda _data, default: default  # noqa: SLF001
        self.on_msg(self._from_page)

    def _push_chunks(self) -> None:
        """Sends pages what they will need, before they know that they do."""
        from decart_widget.page.chunks import take_unsent

        for chunk in take_unsent(self._chunks):
            self._send_to_pages(chunk.message(), [chunk.data])

    @t.default("_chunks")
    def _needed_chunks(self) -> dict[str, str]:
        from decart_widget.page.chunks import names

        return names(self._transport, viewer=self._kind == "viewer")

    def _send_to_pages(
        self, message: dict[str, Any], buffers: list[bytes] | None = None, /
    ) -> None:
        if self.comm is not None:
            self.send(message, buffers)

    def _from_page(self, _widget: Any, content: Any, buffers: Sequence[Any]) -> None:
        """On a comm thread: hands over, nothing else."""
        self._comm_on_main_thread = threading.current_thread() is threading.main_thread()
        from decart_widget.runtime.background import Background

        # Stop is what costs least and matters most: it has room of its own.
        urgent = isinstance(content, dict) and content.get("type") == "stop"
        if self._inbox >= MAX_INBOX * (1 + urgent):
            self._events.refuse("page: the inbox is full")
            return
        data = bytes(buffers[0]) if len(buffers) == 1 else None
        size = 0 if data is None else len(data)
        if len(buffers) > 1 or size > MAX_BUFFER or self._inbox_bytes + size > MAX_INBOX_BYTES:
            self._events.refuse("page: too many bytes")
            return
        self._inbox += 1
        self._inbox_bytes += size
        Background.get().call(self._take, content, data)

    def _take(self, content: Any, data: bytes | None) -> None:
        self._inbox -= 1
        self._inbox_bytes -= 0 if data is None else len(data)
        self._receive(content, data)

    def _publish(self, values: dict[str, Any]) -> None:
        """Sets traits from the background thread and sends them as one message."""
        if self._closed:
            return
        names = self._publishing.names = set()
        try:
            for name, value in values.items():
                try:
                    self.set_trait(name, value)
                except Exception:  # an observer of the user's failed; the others go on
                    self._events.exception("An observer of %r failed.", name)
        finally:
            self._publishing.names = None
        if names and self.comm is not None:
            self.send_state(names)

    def _should_send_property(self, key: str, value: Any) -> bool:
        # `hold_sync` would mix this thread's changes with those of a cell that runs meanwhile.
        names = getattr(getattr(self, "_publishing", None), "names", None)
        if names is not None:
            names.add(key)
            return False
        return bool(super()._should_send_property(key, value))
