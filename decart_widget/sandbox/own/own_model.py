"""A model of the user's: its calls on threads of their own, its prompt states, its figures."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from decart_widget.sandbox.effects.user_function import StalledError, UserFunction
from decart_widget.sandbox.own.interface import Transform, shape_of
from decart_widget.sandbox.own.local_model import Conditions, LocalModel
from decart_widget.sandbox.own.model_link import ModelProcessError
from decart_widget.sandbox.own.pickles import PickledModel, pickled
from decart_widget.sandbox.own.process_model import ProcessModel
from decart_widget.sandbox.own.starts import Starts

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.picture import Plane

FIGURES_KEPT: Final = 200
"""Calls that the figures are taken from at most."""

FIGURES_SPAN_S: Final = 3.0
"""Seconds that the figures are taken from."""


class OwnModel:
    """What the user gave in place of the effects. It never holds up its caller for long.

    Args:
        given: A function, a class or an instance: see `interface.Model`; or one that was pickled,
            which runs in a process of its own in any case.
        process: Whether it runs in a process of its own.

    Raises:
        InvalidTransformError: It is none of these, or can't be sent to another process.
        SandboxError: This system has no memory that two processes can share.

    Attributes:
        batch_size: Frames that one call of `paint` takes at most.
    """

    def __init__(self, given: Transform | PickledModel, *, process: bool = False) -> None:
        self._shape = given.shape if isinstance(given, PickledModel) else shape_of(given)
        self.batch_size = self._shape.batch_size
        self._model: LocalModel | ProcessModel
        if isinstance(given, PickledModel):
            self._model = ProcessModel(given.data, self._shape)
        elif process:
            self._model = ProcessModel(pickled(given), self._shape)
        else:
            self._model = LocalModel(given, self._shape)
        self._function = UserFunction(self._model.paint)
        self._starts = Starts(self._model.start if self._shape.has_start else None)
        self._figures = Figures()

    @property
    def needs_warm_up(self) -> bool:
        """Whether sessions have to wait until `warm_up` is over."""
        in_process = isinstance(self._model, ProcessModel)
        return in_process or self._shape.is_class or self._shape.has_warm_up

    def warm_up(self) -> Future[Any]:
        """Prepares the model, on the thread that frames are transformed on.

        Returns:
            A future whose exception is what the model raised.
        """
        return self._function.run(self._model.warm_up)

    def begin(self, effect_state: EffectState) -> Future[None]:
        """Has a prompt state started: see `Starts.begin`."""
        return self._starts.begin(effect_state)

    def conditions(self, effect_state: EffectState) -> Conditions | None:
        """With what the next frames of a session are transformed; None before the first start.

        Pictures may be in one call of `paint` if they have the same object.
        """
        wanted, known = effect_state.wanted, effect_state.conditions
        if not self._shape.has_start and (
            known is None or known.prompt is not wanted.prompt or known.image is not wanted.image
        ):
            known = effect_state.conditions = Conditions(wanted.prompt, wanted.image, None)
        return known

    def paint(self, pictures: Sequence[Plane], effect_state: EffectState) -> list[Plane]:
        """The transformed pictures.

        Args:
            pictures: (height, width, 3) uint8 RGB each, of one size; at most `batch_size`.
            effect_state: Of the session, or of the first of several with the same conditions.

        Raises:
            StalledError: The model doesn't return.
            BaseException: Whatever it raises.
        """
        conditions = self.conditions(effect_state)
        if conditions is None:
            conditions = self._first_conditions(effect_state)
        started = time.perf_counter()
        painted: list[Plane] = self._function(pictures, conditions)
        ended = time.perf_counter()
        self._figures.note(len(pictures), ended - started, ended)
        return painted

    def stats(self) -> dict[str, Any]:
        """``fps``, ``frame_ms`` and ``batch`` of the last seconds; None where nothing was done.

        Of one in a process also ``pid`` and ``restarts``.
        """
        figures = self._figures.read(time.perf_counter())
        if isinstance(self._model, ProcessModel):
            figures |= {"pid": self._model.pid, "restarts": self._model.restarts}
        return figures

    def close(self) -> None:
        """Ends the threads, once the model returns."""
        self._function.close()
        self._starts.close()
        self._model.close()

    def _first_conditions(self, effect_state: EffectState) -> Conditions:
        starting = self._starts.begin(effect_state)
        if not starting.done():
            raise StalledError("start")
        error = starting.exception()
        if isinstance(error, ModelProcessError):
            self._starts.retry(effect_state)  # there may be a new process
        if error is not None:
            raise error
        assert effect_state.conditions is not None
        return effect_state.conditions


class Figures:
    """Rate and time of the calls of the last seconds. Noted on one thread, read on any."""

    def __init__(self) -> None:
        self._calls: deque[tuple[float, int, float]] = deque(maxlen=FIGURES_KEPT)

    def note(self, frames: int, seconds: float, now: float) -> None:
        """Counts a call.

        Args:
            frames: How many it transformed.
            seconds: How long it took.
            now: When it ended, in seconds of any clock.
        """
        self._calls.append((now, frames, seconds))

    def read(self, now: float) -> dict[str, Any]:
        """The figures.

        Args:
            now: In seconds of the same clock.

        Returns:
            ``fps``: frames per second; ``frame_ms``: milliseconds of the model per frame;
            ``batch``: frames per call. All None if no call ended lately.
        """
        recent = [call for call in list(self._calls) if now - call[0] <= FIGURES_SPAN_S]
        if not recent:
            return {"fps": None, "frame_ms": None, "batch": None}
        frames = sum(count for _, count, _ in recent)
        seconds = sum(took for _, _, took in recent)
        since = recent[0][0] - recent[0][2]  # the first of them began
        return {
            "fps": round(frames / max(now - since, 1e-6), 1),
            "frame_ms": round(1000 * seconds / frames, 2),
            "batch": round(frames / len(recent), 2),
        }
