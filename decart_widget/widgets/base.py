"""The base class of all widgets: loads the front end, and exchanges messages with its pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import anywidget
import traitlets as t

from decart_widget.page.bundle import bundle_file
from decart_widget.widgets.hooks import HOOKS, check_hooks
from decart_widget.widgets.published import PublishedTraits

if TYPE_CHECKING:
    from decart_widget.runtime.kernel_link import KernelLink
    from decart_widget.session.media import Transport

MAX_PAGE_TEXT: Final = 20_000
"""Maximum characters of a text trait that a page sets; a prompt has at most 10,000."""

MAX_INBOX: Final = 500
"""Messages of pages that may wait for the background thread; further ones are dropped."""

MAX_INBOX_BYTES: Final = 64_000_000
"""Bytes of binary parts that may wait likewise; messages beyond that are dropped."""

MAX_BUFFER: Final = 1_000_000
"""Maximum bytes of a message's binary part; some hosts lose their socket over larger ones."""


LOOKS: Final = frozenset({"layout", "tabbable", "tooltip", "_view_count"})
"""Traits of ipywidgets, about the looks of a view, that pages may set."""


class Receive(Protocol):
    """Handles a page's message, with its binary part if it has one."""

    def __call__(self, content: object, data: bytes | None = None, /) -> None:
        """Never raises for what the page sends."""


def _ignore(_content: object, _data: bytes | None = None, /) -> None:
    """Ignores messages until ``_listen`` is called."""


class PageWidget(PublishedTraits, anywidget.AnyWidget):
    """A widget whose controller runs on the background thread."""

    # Only the loader: the rest of the front end travels as messages; see page.chunks.
    _esm = bundle_file("loader")

    _transport: Transport = "livekit"
    _is_listening = False  # until there is a controller

    # For the front end only.
    _kind = t.Unicode("session", read_only=True, help="session, viewer or sheet.").tag(sync=True)
    _chunks = t.Dict(
        read_only=True, help="Names and hashes of the chunks that this widget needs."
    ).tag(sync=True)
    _media = t.Dict(
        read_only=True,
        help="Of the model: width and height (px), fps, takes_image; has_image: whether a "
        "reference image is wanted.",
    ).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._kernel_link = _kernel_link()
        self._inbox = 0
        self._inbox_bytes = 0
        self._receive: Receive = _ignore
        super().__init__(**traits)
        self._push_chunks()

    def close(self) -> None:
        """Closes the widget in every page. May be called twice."""
        if not getattr(self, "_closed", True):
            self._closed = True
            super().close()

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        """Closes the comms of a widget whose constructor fails, and leaves nothing to ``close``."""
        try:
            yield
        except BaseException:
            # Not `self.close`: a subclass closes what this widget doesn't have yet.
            PageWidget.close(self)
            layout = self._trait_values.get("layout")  # a widget too, which ipywidgets made
            if layout is not None:
                layout.close()
            raise

    def _about(self) -> dict[str, Any]:
        """Returns the head of a log report. It never contains a key."""
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
        """Handles a message of the comm; rejects one that isn't part of the widget protocol.

        Overrides a private method of ipywidgets; see ``check_hooks``.
        """
        data = msg.get("content", {}).get("data")
        method = data.get("method") if isinstance(data, dict) else None
        is_known = method in ("update", "request_state", "custom") and (
            method != "update"
            or (isinstance(data.get("state"), dict) and data.get("buffer_paths", []) == [])
        )
        if is_known:
            super()._handle_msg(msg)
        else:
            self._events.refuse("page: not a message of widgets")

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Sets trait values that a page sends, of traits that pages may set.

        A page is sent the true value of what it may not set. ipywidgets would set read-only traits
        too, and would send values to all pages before it validates them.

        Args:
            sync_data: Values by name.
        """
        taken, refused = {}, set()
        for name, value in sync_data.items():
            reason = self._refusal(name, value)
            if reason is None:
                taken[name] = value
            else:
                self._events.refuse(f"page: {reason}")
                refused.add(name)
        if refused & set(self.keys):
            self.send_state(refused & set(self.keys))
        before = {name: getattr(self, name) for name in taken}
        try:
            with self._observers_called_later():
                super().set_state(taken)
        except (t.TraitError, ValueError) as error:
            # No cell shows a traceback, because the notebook didn't cause this. The page is sent
            # the previous values.
            self._events.refuse(f"page: sets what can't be ({type(error).__name__})")
            for name, value in before.items():
                self.set_trait(name, value)
            self.send_state(list(taken))

    def _refusal(self, name: str, value: Any) -> str | None:
        """Returns why a page may not set a trait to this value; None if it may.

        A page may set the traits with the tag ``page="sets"``, and those with ``page="lowers"`` to
        a smaller number: any script in a page can try, and must not make a session cost more.
        """
        trait = self.traits().get(name)
        if isinstance(value, str) and len(value) > MAX_PAGE_TEXT:
            return "sets too long a text"
        rule = None if trait is None else trait.metadata.get("page")
        if rule == "sets" or name in LOOKS:
            refusal = getattr(trait, "page_refusal", None)
            return None if refusal is None else refusal(self, value)
        if rule == "lowers":
            limit = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return None if is_number and (limit is None or value <= limit) else f"raises {name}"
        return "sets what it may not" if trait is None else f"sets {name}, which only Python may"

    def _listen(self, receive: Receive) -> None:
        """Passes messages of pages to ``receive``, on the background thread."""
        self._receive = receive
        self._is_listening = True
        # ipykernel 7.4 routes a comm's incoming messages to the subshell that last sent on it. Ours
        # must be handled on the subshell that the page names, or they wait for a busy cell. The
        # method is private and missing in other versions, hence the check.
        if callable(getattr(self.comm, "_reply_subshell_for", None)):
            self.comm._reply_subshell_for = lambda _data, default: default  # noqa: SLF001

    def _push_chunks(self) -> None:
        """Sends chunks that were never sent; a page's request would wait for a busy cell."""
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

    def _handle_custom_msg(self, content: Any, buffers: Sequence[Any]) -> None:
        """Handles a page's custom message; a user's own ``on_msg`` callbacks are called later.

        Overrides a private method of ipywidgets; see ``check_hooks``.
        """
        self._from_page(content, buffers)
        if self._msg_callbacks.callbacks:
            self._user_code.message(partial(self._msg_callbacks, self, content, buffers))

    def _from_page(self, content: Any, buffers: Sequence[Any]) -> None:
        """Passes a message from the comm's thread to the background thread."""
        self._kernel_link.message_arrived()
        from decart_widget.session.background import Background

        # Stop must get through when the inbox is full, so its limit is twice as high.
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

    def _send_published(self, names: set[str]) -> None:
        if self.comm is not None:
            self.send_state(names)

    def _should_send_property(self, key: str, value: Any) -> bool:
        # Used instead of `hold_sync`, which would mix the changes of this thread with those of a
        # cell that runs at the same time.
        publication = self._publication
        if publication is not None:
            publication.names.add(key)
            return False
        return bool(super()._should_send_property(key, value))


def _kernel_link() -> KernelLink:
    import asyncio

    from decart_widget.runtime.kernel_link import KernelLink

    try:
        return KernelLink(asyncio.get_running_loop())
    except RuntimeError:
        return KernelLink(None)  # no loop in this thread: not a kernel


check_hooks(anywidget.AnyWidget, HOOKS)
