"""Calls ``start`` of the user's model off the frame path: frames go on with the former state."""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from decart_widget.sandbox.own.local_model import Conditions

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.effect_state import EffectState, Wanted

Start = Callable[[Any, Any], Any]
"""``start(prompt, image)``."""


class Starts:
    """Starts prompt states on a daemon thread, one at a time.

    Per session at most one waits while another one is started, and the newest wins.

    Args:
        start: The model's ``start``; None: there is none, and states are used as they come.
    """

    def __init__(self, start: Start | None) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._jobs: queue.SimpleQueue[EffectState | None] = queue.SimpleQueue()

    def begin(self, effect_state: EffectState) -> Future[None]:
        """Has the prompt state of a session started, unless that was done before.

        Args:
            effect_state: The session's.

        Returns:
            A future that is done when its frames are transformed with it; its exception is what
            ``start`` raised. A state that is replaced before its turn ends with its successor.
        """
        wanted = effect_state.wanted
        if self._start is None:
            done: Future[None] = Future()
            done.set_result(None)
            effect_state.conditions = Conditions(wanted.prompt, wanted.image, None)
            return done
        with self._lock:
            begun = effect_state.begun
            if begun is not None and begun[0] is wanted:
                return begun[1]
            future: Future[None] = Future()
            if begun is not None and not begun[1].done():
                future.add_done_callback(functools.partial(_follow, begun[1]))
            effect_state.begun = (wanted, future)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="decart-sandbox-start", daemon=True
                )
                self._thread.start()
        self._jobs.put(effect_state)
        return future

    def retry(self, effect_state: EffectState) -> None:
        """Has a prompt state started once more that could not be."""
        with self._lock:
            effect_state.begun = None
        self.begin(effect_state)

    def close(self) -> None:
        """Ends the thread, once ``start`` returns."""
        self._jobs.put(None)

    def _run(self) -> None:
        assert self._start is not None
        while (effect_state := self._jobs.get()) is not None:
            begun = effect_state.begun
            assert begun is not None
            wanted, future = begun
            if future.done():  # the newest was started in the turn of an older one
                continue
            self._carry_out(effect_state, wanted, future)
            del effect_state, begun, wanted, future

    def _carry_out(self, effect_state: EffectState, wanted: Wanted, future: Future[None]) -> None:
        assert self._start is not None
        try:
            state = self._start(wanted.prompt, wanted.image)
        except BaseException as error:  # it may even call sys.exit()
            future.set_exception(error)
            return
        effect_state.conditions = Conditions(wanted.prompt, wanted.image, state)
        future.set_result(None)


def _follow(former: Future[None], ended: Future[None]) -> None:
    """Ends a request that was replaced as its successor ended."""
    if former.done():
        return
    error = ended.exception()
    if error is None:
        former.set_result(None)
    else:
        former.set_exception(error)
