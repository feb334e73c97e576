"""Traits that the background thread sets while the user's observers are called elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import traitlets as t

from decart_widget.diagnostics.hidden_arguments import bare
from decart_widget.diagnostics.log import Log
from decart_widget.errors import DecartError
from decart_widget.protocol.states import ConnectionState
from decart_widget.widgets.user_code import UserCode


class Publication(NamedTuple):
    """Traits that a thread is publishing.

    Attributes:
        values: The traits' new values.
        names: The changed traits, which must be sent; includes those that ``_trait_changed`` sets.
    """

    values: dict[str, Any]
    names: set[str]


class PublishedTraits(t.HasTraits):
    """A mix-in of whatever shows the state of a session in traits: the widgets, and ``Session``."""

    _closed = True  # until the constructor runs

    # Read-only, for pages too.
    connection_state = t.Enum(
        [state.value for state in ConnectionState],
        ConnectionState.IDLE.value,
        read_only=True,
        help="Of the session: idle (there was none), connecting, connected (no picture yet), "
        "generating (pictures come, and are billed), reconnecting, disconnected (it is over) or "
        "error.",
    ).tag(sync=True)
    error = t.Dict(
        read_only=True,
        help="Why the session ended, or what failed last: a dict with code, message and remedy; "
        "else empty.",
    ).tag(sync=True)
    endpoint = t.Unicode(
        "", read_only=True, help='Where sessions go: "decart", "sandbox" or a URL.'
    ).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._events = Log(self._about)
        self._thread = threading.local()
        self._user_code = UserCode(self._events)
        self._closed = False
        super().__init__(**traits)

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            super().__setattr__(name, value)
        except (DecartError, t.TraitError) as error:  # the value is refused
            failure = bare(error)
        else:
            return
        del value  # it may be a key, and a traceback may show this frame
        raise failure

    @property
    def log(self) -> Log:
        """The log of events in the kernel and in the pages; see ``Log``."""
        return self._events

    def _about(self) -> dict[str, Any]:
        """Returns the head of a log report. It never contains a key."""
        raise NotImplementedError

    def _publish(self, values: dict[str, Any]) -> None:
        """Sets traits and sends them as one message; from any thread.

        The values can be read at once. The user's observers are called later, see ``UserCode``.
        """
        with self._observers_called_later():
            self._set_and_send(values, self._log_refused_value)

    def _log_refused_value(self, name: str, error: Exception) -> None:
        self._events.crash(f"The value of {name!r} could not be set", error)

    def _set_and_send(
        self, values: dict[str, Any], on_error: Callable[[str, Exception], None]
    ) -> None:
        if self._closed:
            return
        outer = self._publication
        names: set[str] = set()
        self._thread.publication = Publication(values, names)
        try:
            for name, value in values.items():
                try:
                    self.set_trait(name, value)
                except Exception as error:  # raised by an observer or a validator of the user
                    on_error(name, error)
        finally:
            self._thread.publication = outer
        if names:
            self._send_published(names)

    def _send_published(self, names: set[str]) -> None:
        """Sends the traits that a publication has set, if somebody shows them."""

    @contextmanager
    def _observers_called_later(self) -> Iterator[None]:
        """Changes that this thread makes inside are reported to observers by ``UserCode``."""
        outer = getattr(self._thread, "calls_later", False)
        self._thread.calls_later = True
        try:
            yield
        finally:
            self._thread.calls_later = outer

    def _notify_observers(self, event: Any) -> None:
        """Calls the observers of a change: at once if the notebook made it, else later.

        All observers are the user's. This object itself reacts in ``_trait_changed``.

        Overrides a private method of traitlets; see ``check_hooks``.
        """
        change = t.Bunch(event)
        self._trait_changed(change)
        call = super()._notify_observers
        user_code = getattr(self, "_user_code", None)
        if user_code is None:  # the constructor of a base class still runs
            call(change)
        elif getattr(self._thread, "calls_later", False):
            if self._has_observers(change["name"]):
                user_code.notify(change, call)
        else:
            call(user_code.take(change))

    def _has_observers(self, name: str) -> bool:
        kinds = [self._trait_notifiers.get(key, {}) for key in (name, t.All)]
        return any(map(any, (kind.values() for kind in kinds))) or hasattr(self, f"_{name}_changed")

    def _trait_changed(self, change: t.Bunch) -> None:
        """Reacts to a change, on the thread that makes it; before observers are called."""

    @property
    def _publication(self) -> Publication | None:
        """The traits that this thread is publishing now; None if it isn't."""
        thread = getattr(self, "_thread", None)
        return getattr(thread, "publication", None)

    def _is_publishing(self, name: str, value: Any) -> bool:
        """Whether a trait has a value because this thread is publishing it."""
        publication = self._publication
        return publication is not None and publication.values.get(name, self) == value
