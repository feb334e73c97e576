"""A model of the user's in a process of its own, which is started again when it ends."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.log import log_to_all
from decart_widget.errors import SandboxError
from decart_widget.sandbox.own.local_model import Conditions
from decart_widget.sandbox.own.model_link import ModelLink, ModelProcessError, PictureMemory

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.picture import Plane
    from decart_widget.sandbox.own.interface import Shape

FIRST_DELAY_S: Final = 0.5
"""Seconds until the process is started again after its end; each further delay is twice as long."""

LONGEST_DELAY_S: Final = 30.0
"""Seconds of such a delay at most."""

SETTLED_S: Final = 30.0
"""Seconds that a process must have lived for the delays to begin again with the first one."""

CONDITIONS_KEPT: Final = 32
"""Prompts with their images that the process keeps at most; one is sent again when it is needed."""


class _State:
    """Stands for what ``start`` returned in the process.

    Attributes:
        number: By which the process knows it.
        prompt: What it was started with.
        image: The same.
    """

    def __init__(self, number: int, prompt: str | None, image: Plane | None) -> None:
        self.number, self.prompt, self.image = number, prompt, image


class ProcessModel:
    """Has the same methods as `LocalModel`.

    Args:
        model: The model, pickled: see `pickles`.
        shape: How it is called.

    Raises:
        SandboxError: This system has no memory that two processes can share.

    Attributes:
        restarts: How often the process was started again.
    """

    def __init__(self, model: bytes, shape: Shape) -> None:
        self.restarts = 0
        self._model = model
        self._shape = shape
        try:
            self._memory = PictureMemory(shape.batch_size)
        except OSError as error:
            raise SandboxError(
                f"process=True doesn't work here: {error}", remedy="Leave process=True out."
            ) from None
        self._link: ModelLink | None = None
        self._opening: ModelLink | None = None
        self._failure: ModelProcessError | None = None
        self._numbers = itertools.count(1)
        self._states: weakref.WeakSet[_State] = weakref.WeakSet()
        self._gone: list[int] = []
        self._closing = threading.Event()
        self._watching: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Process id; None while there is no process."""
        return None if self._link is None else self._link.pid

    def warm_up(self) -> None:
        """Starts the process, and calls ``warm_up`` of the model in it.

        Raises:
            ModelProcessError: The process can't be started, or has ended.
            BaseException: What the model raised.
        """
        if self._link is None:
            self._link = self._opened()
        if self._watching is None:
            self._watching = threading.Thread(
                target=self._watch, name="decart-model-process", daemon=True
            )
            self._watching.start()

    def start(self, prompt: str | None, image: Plane | None) -> Any:
        """Has ``start`` called in the process.

        Returns:
            What stands for its result.
        """
        state = _State(next(self._numbers), prompt, image)
        link = self._running()
        _start(link, state)
        self._states.add(state)
        weakref.finalize(state, self._gone.append, state.number).atexit = False
        return state

    def paint(self, pictures: Sequence[Plane], conditions: Conditions) -> list[Plane]:
        """The transformed pictures: views that are valid until the next call.

        Raises:
            ModelProcessError: There is no process at the moment.
            BaseException: What the model raised.
        """
        link = self._running()
        while self._gone:
            link.call("forget_state", state=self._gone.pop())
        number = self._conditions(link, conditions)
        height, width = pictures[0].shape[:2]
        self._memory.write(pictures)
        answer = link.call(
            "paint", count=len(pictures), height=height, width=width, conditions=number
        )
        link.wait(answer)
        return list(self._memory.read(len(pictures), height, width))

    def close(self) -> None:
        """Ends the process."""
        self._closing.set()
        for link in (self._link, self._opening):
            if link is not None:
                link.close()

    def _running(self) -> ModelLink:
        link = self._link
        if link is not None and not link.ended.is_set():
            return link
        if link is not None:
            raise link.end_error()
        raise self._failure or ModelProcessError("The model's process is being restarted.")

    def _opened(self) -> ModelLink:
        link = self._opening = ModelLink(self._model, asdict(self._shape), self._memory)
        try:
            if self._closing.is_set():
                raise ModelProcessError("The server is closed.")
            link.call("warm_up").result()
            for state in list(self._states):
                with contextlib.suppress(Exception):  # its frames say that it is missing
                    _start(link, state)
        except BaseException:
            link.close()
            raise
        return link

    def _watch(self) -> None:
        """Starts the process again, whenever it has ended."""
        delay_s = FIRST_DELAY_S
        while not self._closing.is_set():
            link = self._link
            if link is not None:
                opened_at = time.monotonic()
                link.ended.wait()
                if time.monotonic() - opened_at > SETTLED_S:
                    delay_s = FIRST_DELAY_S
                if self._closing.is_set():
                    return
                log_to_all("The process of a model has ended", link.end_error())
                self._failure = link.end_error()
                self._link = None
                link.close()
            if self._closing.wait(delay_s):
                return
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)
            try:
                opened = self._opened()
            except BaseException as error:
                self._failure = ModelProcessError(
                    f"The model's process could not be restarted: {type(error).__name__}: {error}"
                )
                continue
            self.restarts += 1
            self._link = opened

    def _conditions(self, link: ModelLink, conditions: Conditions) -> int:
        """The number by which the process knows them; they are sent if it doesn't yet."""
        key = (conditions.prompt, id(conditions.image), id(conditions.state))
        known = link.known.pop(key, None)
        if known is None:
            number = next(self._numbers)
            state = conditions.state.number if isinstance(conditions.state, _State) else None
            fields, payload = _encoded(conditions.prompt, conditions.image)
            link.call("conditions", payload, number=number, state=state, **fields)
            known = (number, conditions)  # which keeps the objects that the key names
        link.known[key] = known
        while len(link.known) > CONDITIONS_KEPT:
            old, _ = link.known.pop(next(iter(link.known)))
            link.call("forget_conditions", number=old)
        return known[0]


def _start(link: ModelLink, state: _State) -> None:
    fields, payload = _encoded(state.prompt, state.image)
    link.call("start", payload, state=state.number, **fields).result()


def _encoded(prompt: str | None, image: Plane | None) -> tuple[dict[str, Any], bytes]:
    """A prompt with its image as fields of a command, and its payload."""
    if image is None:
        return {"prompt": prompt, "image": None}, b""
    return {"prompt": prompt, "image": list(image.shape)}, image.tobytes()
