"""What may be given in place of the effects, and how it is called."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from decart_widget.errors import InvalidTransformError
from decart_widget.sandbox.own.interface import is_own_model, shape_of


class Frame:
    def __call__(self, frame: Any) -> Any:
        return frame


class State(Frame):
    def start(self, prompt: str | None, image: Any) -> Any:
        return prompt

    def __call__(self, frame: Any, state: Any = None) -> Any:
        return frame


class Named:
    def transform(self, frame: Any, prompt: Any, image: Any) -> Any:
        return frame


class Batch:
    batch_size = 4

    def warm_up(self) -> None:
        pass

    def transform_batch(self, frames: Any) -> Any:
        return frames


class Static:
    @staticmethod
    def transform(frame: Any) -> Any:
        return frame


def three(frame: Any, prompt: Any, image: Any) -> Any:
    return frame


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (three, ("__call__", 3, 1)),
        (lambda frame: frame, ("__call__", 1, 1)),
        (lambda *arguments: arguments[0], ("__call__", 3, 1)),
        (lambda frame, strength=0.5: frame, ("__call__", 1, 1)),
        (functools.partial(three, prompt=None, image=None), ("__call__", 1, 1)),
        (functools.partial(lambda strength, frame, prompt, image: frame, 1), ("__call__", 3, 1)),
        (Frame, ("__call__", 1, 1)),
        (Frame(), ("__call__", 1, 1)),
        (State, ("__call__", 2, 1)),
        (State(), ("__call__", 2, 1)),
        (Named, ("transform", 3, 1)),
        (Named().transform, ("__call__", 3, 1)),
        (Named(), ("transform", 3, 1)),
        (Static, ("transform", 1, 1)),
        (Batch, ("transform_batch", 1, 4)),
        (Batch(), ("transform_batch", 1, 4)),
    ],
)
def test_the_method_and_its_arguments_are_found(given: Any, expected: tuple[str, int, int]) -> None:
    shape = shape_of(given)
    assert (shape.method, shape.arguments, shape.batch_size) == expected
    assert shape.is_class == isinstance(given, type)


def test_a_builtin_function_gets_the_frame() -> None:
    import cv2

    assert shape_of(cv2.bitwise_not).arguments == 1


class NoFrames:
    def start(self, prompt: Any, image: Any) -> None:
        pass


class NeedsWeights(Frame):
    def __init__(self, weights: str) -> None:
        self.weights = weights


class NoSize:
    def transform_batch(self, frames: Any) -> Any:
        return frames


class HugeBatch(NoSize):
    batch_size = 10_000


class StateWithoutStart:
    def __call__(self, frame: Any, state: Any) -> Any:
        return frame


class StartIsValue(Frame):
    start = "now"


async def coroutine(frame: Any) -> Any:
    return frame


class CoroutineCall:
    async def __call__(self, frame: Any) -> Any:
        return frame


def generator(frame: Any) -> Any:
    yield frame


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (NoFrames, "NoFrames has no method that takes frames"),
        (NoFrames(), "NoFrames has no method that takes frames"),
        (object(), "object has no method"),
        (NeedsWeights, "The class NeedsWeights needs arguments"),
        (NoSize, "batch_size of NoSize is None"),
        (HugeBatch(), "not a number from 1 to 64"),
        (StateWithoutStart, "there is no start(prompt, image) that returns one"),
        (StartIsValue, "StartIsValue.start is no method"),
        (lambda: None, "can't be called with frames"),
        (lambda a, b, c, d: None, "can't be called with frames"),
        (coroutine, "coroutine is a coroutine or a generator"),
        (CoroutineCall(), "is a coroutine or a generator"),
        (CoroutineCall, "is a coroutine or a generator"),
        (generator, "is a coroutine or a generator"),
    ],
)
def test_what_cannot_be_called_is_refused_with_what_is_right(given: Any, text: str) -> None:
    with pytest.raises(InvalidTransformError) as raised:
        shape_of(given)
    assert text in str(raised.value)
    assert raised.value.remedy


def test_an_address_is_no_model() -> None:
    assert not is_own_model("http://127.0.0.1:9000")
    assert not is_own_model(("http://a", "ws://a"))
    assert is_own_model(Named())
