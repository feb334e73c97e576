"""What a model of the user's looks like, and which of its methods is called with what.

Importing this module is cheap: it needs neither NumPy nor OpenCV.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from decart_widget.errors import InvalidTransformError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_BATCH: Final = 64
"""Frames of a batch at most: two seconds of video."""

FRAME_METHODS: Final = ("transform_batch", "transform", "__call__")
"""The methods that take frames; the first of them that a model has is called."""

REMEDY: Final = (
    "Give a function f(frame, prompt, image) -> frame, or a class with __call__(frame) and, if it "
    "needs them, start(prompt, image), transform_batch(frames) with batch_size, and warm_up()."
)
"""What is right, in one sentence."""


class Model(Protocol):
    """A model for ``sandbox.serve(transform=...)`` and ``endpoint=``; only `__call__` is needed.

    Frames are (height, width, 3) uint8 RGB arrays; a result has the shape of its frame. A class is
    instantiated once, without arguments, where it is used.

    Optional members, for which a model is searched by name:

    - ``warm_up()``: loads weights, compiles, runs once. No session is admitted before it returns.
    - ``start(prompt, image)``: called when a session begins and whenever its prompt or reference
      image changes, on another thread than the frames, which go on with the former state until it
      returns. What it returns is the session's *state*. ``image`` is (h, w, 3) uint8 RGB or None.
      When it raises, the prompt is rejected.
    - ``transform(frame, ...)``: another name of ``__call__``.
    - ``transform_batch(frames, ...)`` with the number ``batch_size``: takes a (n, height, width, 3)
      array of 1 to ``batch_size`` frames that have one state, in the order of their capture, and
      returns as many. A model that is idle gets a frame at once; while it computes, frames of all
      sessions wait for the next batch.

    Each of the methods that take frames may be declared with the frames alone, with ``state`` (what
    ``start`` returned), or with ``prompt`` and ``image``: ``(frame)``, ``(frame, state)``,
    ``(frame, prompt, image)``.
    """

    def __call__(self, frame: NDArray[np.uint8], /) -> NDArray[np.uint8]:
        """Returns the transformed frame; called on one thread, never twice at a time."""


class _Transforms(Protocol):
    @property
    def transform(self) -> Callable[..., Any]: ...


class _TakesBatches(Protocol):
    @property
    def transform_batch(self) -> Callable[..., Any]: ...

    @property
    def batch_size(self) -> int: ...


Transform = Callable[..., Any] | Model | _Transforms | _TakesBatches
"""A function, a class or an instance: see `Model`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a model of the user's is called.

    Attributes:
        method: Name of the method that takes frames: one of `FRAME_METHODS`.
        arguments: 1: the frames; 2: and the state; 3: and prompt and image.
        batch_size: Frames that one call takes at most; 1 also where frames are no batches.
        has_start: Whether there is a ``start``.
        has_warm_up: Whether there is a ``warm_up``.
        is_class: Whether it has to be instantiated.
    """

    method: str
    arguments: int
    batch_size: int
    has_start: bool
    has_warm_up: bool
    is_class: bool

    @property
    def takes_batches(self) -> bool:
        """Whether the method takes and returns several frames."""
        return self.method == "transform_batch"


def is_own_model(given: object) -> bool:
    """Whether something may be meant as a model of the user's."""
    return callable(given) or any(hasattr(given, name) for name in FRAME_METHODS)


def shape_of(given: Any) -> Shape:
    """Returns how a model is called.

    Args:
        given: A function, a class or an instance.

    Raises:
        InvalidTransformError: It can't be called as any of these.
    """
    is_class = isinstance(given, type)
    name = _name_of(given)
    if is_class:
        _check_constructor(given)
    has_start = _is_method(given, "start")
    method = _frame_method(given, is_class=is_class)
    if method is None:
        raise InvalidTransformError(f"{name} has no method that takes frames.", remedy=REMEDY)
    arguments = _arguments(given, method, has_start=has_start)
    return Shape(
        method,
        arguments,
        _batch_size(given, method),
        has_start,
        _is_method(given, "warm_up"),
        is_class,
    )


def _frame_method(given: Any, *, is_class: bool) -> str | None:
    for method in FRAME_METHODS:
        if method != "__call__":
            has_it = callable(getattr(given, method, None))
        elif is_class:
            # Every class can be called; whether its instances can is what its attributes say.
            has_it = any(method in vars(base) for base in given.__mro__)
        else:
            has_it = callable(given)
        if has_it:
            return method
    return None


def _batch_size(given: Any, method: str) -> int:
    if method != "transform_batch":
        return 1
    size = getattr(given, "batch_size", None)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST_BATCH:
        raise InvalidTransformError(
            f"batch_size of {_name_of(given)} is {size!r}, not a number from 1 to {LARGEST_BATCH}.",
            remedy="Give the class an attribute such as batch_size = 4: the number of frames that "
            "transform_batch takes at most.",
        )
    return size


def _arguments(given: Any, method: str, *, has_start: bool) -> int:
    called = f"{_name_of(given)}.{method}" if method != "__call__" else _name_of(given)
    frames = "frames" if method == "transform_batch" else "frame"
    target = given if method == "__call__" and not isinstance(given, type) else None
    target = getattr(given, method) if target is None else target
    # Of an object that can be called, its class says what kind of function it is.
    for function in (target, inspect.getattr_static(type(target), "__call__", None)):
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise InvalidTransformError(
                f"{called} is a coroutine or a generator.",
                remedy="Make it a plain function that returns an array; it runs on a thread.",
            )
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # of a built-in function, such as those of OpenCV
        return 1
    own = _self_arguments(given, method)
    accepted = [n for n in (3, 2, 1) if _accepts(signature, own + n)]
    if 3 in accepted:
        return 3
    if 2 in accepted and has_start:
        return 2
    if 1 in accepted:
        return 1
    remedy = f"Declare it as ({frames}) or ({frames}, prompt, image)"
    if 2 in accepted:
        raise InvalidTransformError(
            f"{called} takes a state, and there is no start(prompt, image) that returns one.",
            remedy=f"{remedy}, or add start.",
        )
    raise InvalidTransformError(
        f"{called}{signature} can't be called with frames.",
        remedy=f"{remedy}, or, with start(prompt, image), as ({frames}, state).",
    )


def _self_arguments(given: Any, method: str) -> int:
    """1 where a function of a class is looked at, which takes ``self`` first."""
    if not isinstance(given, type):
        return 0
    static = inspect.getattr_static(given, method)
    return 0 if isinstance(static, staticmethod | classmethod) else 1


def _accepts(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*(None,) * count)
    except TypeError:
        return False
    return True


def _is_method(given: Any, name: str) -> bool:
    member = getattr(given, name, None)
    if member is None:
        return False
    if not callable(member):
        raise InvalidTransformError(f"{_name_of(given)}.{name} is no method.", remedy=REMEDY)
    return True


def _check_constructor(given: type) -> None:
    try:
        signature = inspect.signature(given)
    except (TypeError, ValueError):
        return
    if not _accepts(signature, 0):
        raise InvalidTransformError(
            f"The class {given.__name__} needs arguments: {signature}.",
            remedy="Give an instance of it, or give its arguments default values.",
        )


def _name_of(given: Any) -> str:
    named = given if isinstance(given, type) or inspect.isroutine(given) else type(given)
    return str(getattr(named, "__name__", type(given).__name__))
