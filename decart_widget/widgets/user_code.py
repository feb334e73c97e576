"""Calls functions of the user, such as observers of traits, away from the background thread.

A user's function may block, raise or call ``sys.exit()``; the background thread keeps all sessions
established and must never wait for one. So the functions are called on:

- the kernel's main event loop, in a Jupyter kernel. A cell that blocks delays them.
- the event loop that was running where the widget was created, in a program that has one.
- otherwise a thread of their own, one for all widgets of the process.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import os
import queue
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any, Final

import traitlets as t

from decart_widget.diagnostics.log import Log, log_to_all

if TYPE_CHECKING:
    import asyncio

MAX_MESSAGES: Final = 200
"""Custom messages of pages that may wait for a user's own ``on_msg`` callbacks, per widget."""

MAX_SHOWN: Final = 20
"""Different errors of a widget's callbacks that are shown; later ones are only logged."""

Call = Callable[[], object]


class UserCode:
    """Calls the user's functions of one widget, in the order of their causes.

    While they can't be called, because a cell blocks, changes of a trait are merged: an observer is
    called once, with the value before and the newest one.

    An error is shown under the cell that created the widget, once, and logged. Without IPython it
    is written to ``logging``.

    Args:
        log: The widget's log.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._loop = _main_loop()
        self._context = contextvars.copy_context()
        self._cell = _cell()
        self._lock = threading.Lock()
        self._changes: dict[str, t.Bunch] = {}
        self._messages: deque[Call] = deque()
        self._errors: list[tuple[str, BaseException]] = []
        self._is_scheduled = False
        self._shown: dict[object, list[CodeType]] = {}

    def notify(self, change: t.Bunch, call: Callable[[t.Bunch], object]) -> None:
        """Calls the observers of a change soon; from any thread.

        Args:
            change: The change, as traitlets describes it.
            call: Calls the observers.
        """
        with self._lock:
            change = _merged(self._changes.pop(change["name"], None), change)
            change["call"] = call
            self._changes[change["name"]] = change
        self._schedule()

    def take(self, change: t.Bunch) -> t.Bunch:
        """Returns a change whose observers are called now, merged with one that still waits."""
        with self._lock:
            return _merged(self._changes.pop(change["name"], None), change)

    def message(self, call: Call) -> None:
        """Makes a call for a page's message soon; drops the oldest when too many wait."""
        with self._lock:
            if len(self._messages) >= MAX_MESSAGES:
                self._messages.popleft()
                self._log.refuse("page: message not passed to on_msg callbacks, too many wait")
            self._messages.append(call)
        self._schedule()

    def report(self, what: str, error: BaseException) -> None:
        """Shows an error of the user's code that was raised elsewhere; from any thread.

        Args:
            what: What failed.
            error: The error.
        """
        with self._lock:
            if len(self._errors) < MAX_SHOWN:
                self._errors.append((what, error))
        self._schedule()

    def _schedule(self) -> None:
        with self._lock:
            if self._is_scheduled:
                return
            self._is_scheduled = True
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._run)
                return
            except RuntimeError:  # the loop is closed: its program goes on without it
                self._loop = None
        CallThread.get().call(self._run)

    def _run(self) -> None:
        with self._lock:
            self._is_scheduled = False
            changes, self._changes = self._changes, {}
            messages = list(self._messages)
            self._messages.clear()
            errors, self._errors = self._errors, []
        calls: list[tuple[str, Call]] = []
        for change in changes.values():
            call = change.pop("call")
            if not _changes_nothing(change):
                what = f"An observer of {change['name']!r}"
                calls.append((what, functools.partial(call, change)))
        calls += [("A callback of on_msg", call) for call in messages]
        calls += [(what, functools.partial(_raise, error)) for what, error in errors]
        for what, call in calls:
            # Each in a copy, because a context can't be entered while it is entered.
            self._context.copy().run(self._call, what, call)

    def _call(self, what: str, call: Call) -> None:
        with _output_below(self._cell):
            try:
                call()
            except BaseException as error:  # the user's function may even call sys.exit()
                self._show(what, error)

    def _show(self, what: str, error: BaseException) -> None:
        own = _users_part(error.__traceback__)
        error.__traceback__ = None  # else the next traceback of this exception would contain it
        steps = [(frame.f_code, line) for frame, line in traceback.walk_tb(own)]
        place = (type(error), tuple((id(code), line) for code, line in steps))
        with self._lock:
            is_new = place not in self._shown and len(self._shown) < MAX_SHOWN
            if is_new:
                self._shown[place] = [code for code, _ in steps]  # so that their ids stay unique
        if not is_new:
            self._log.refuse("user code: an error that was shown before")
            return
        self._log.add("error", f"{what} failed", error=type(error).__name__, text=str(error))
        ipython = _ipython()
        if ipython is None:
            sys.excepthook(type(error), error.with_traceback(own), own)
        else:
            ipython.showtraceback((type(error), error.with_traceback(own), own), tb_offset=0)
        error.__traceback__ = None


class CallThread:
    """Runs the calls of programs without an event loop; ``get()`` returns this process's one."""

    _instance: CallThread | None = None
    _instance_lock = threading.Lock()

    def __init__(self) -> None:
        self.pid = os.getpid()
        # Each widget has at most one call waiting.
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="decart-callbacks", daemon=True).start()

    @classmethod
    def get(cls) -> CallThread:
        """Returns this process's instance, started on first use; a forked child gets its own."""
        with cls._instance_lock:
            if cls._instance is None or cls._instance.pid != os.getpid():
                cls._instance = cls()
            return cls._instance

    def call(self, call: Call) -> None:
        """Makes a call soon, in the order of these requests."""
        self._calls.put(call)

    def _run(self) -> None:
        while True:
            call = self._calls.get()
            try:
                call()
            except BaseException as error:
                log_to_all("A callback could not be called", error)


def _raise(error: BaseException) -> None:
    raise error


def _merged(earlier: t.Bunch | None, change: t.Bunch) -> t.Bunch:
    """Returns a copy of a change that has the old value of an earlier one."""
    merged = t.Bunch(change)
    if earlier is not None:
        merged["old"] = earlier["old"]
    return merged


def _changes_nothing(change: t.Bunch) -> bool:
    """Whether a merged change ends at the value with which it began."""
    try:
        return bool(change["old"] == change["new"])
    except Exception:  # a value may refuse to be compared
        return False


@functools.cache
def _library_folders() -> tuple[str, ...]:
    """Folders whose files are left out at the beginning of a shown traceback."""
    import concurrent.futures

    files = (concurrent.futures.__file__, t.__file__)
    folders = (Path(__file__).parents[1], *(Path(file).parent for file in files))
    return tuple(f"{folder}{os.sep}" for folder in folders)


def _users_part(tb: TracebackType | None) -> TracebackType | None:
    """Returns a traceback without its first frames, which are this package's and traitlets'."""
    while tb is not None and tb.tb_next is not None:
        if not tb.tb_frame.f_code.co_filename.startswith(_library_folders()):
            break
        tb = tb.tb_next
    return tb


def _ipython() -> Any:
    """Returns the IPython shell of this process, or None."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return get_ipython()


def _main_loop() -> asyncio.AbstractEventLoop | None:
    """Returns the kernel's main loop, else the running one; None if there is neither."""
    import asyncio

    io_loop = getattr(getattr(_ipython(), "kernel", None), "io_loop", None)
    loop = getattr(io_loop, "asyncio_loop", None)
    if isinstance(loop, asyncio.AbstractEventLoop):
        return loop
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _cell() -> dict[str, Any] | None:
    """Returns the execute request of the cell that runs, or None."""
    try:
        parent: Any = _ipython().get_parent()
        return dict(parent) if parent["header"]["msg_id"] else None
    except Exception:  # no IPython, or no kernel
        return None


@contextlib.contextmanager
def _output_below(cell: dict[str, Any] | None) -> Iterator[None]:
    """Makes what is printed and shown inside appear below a cell.

    In ipykernel 7 the context of the call does that; ipykernel 6 keeps the cell in attributes.
    """
    if cell is None:
        yield
        return
    shell = _ipython()
    current = shell.get_parent()
    if current and current.get("header", {}).get("msg_id") == cell["header"]["msg_id"]:
        yield
        return
    shell.set_parent(cell)
    try:
        yield
    finally:
        shell.set_parent(current)
