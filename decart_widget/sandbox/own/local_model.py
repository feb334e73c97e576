"""A model of the user's that is called in this process, or in the process that is its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.picture import Plane
    from decart_widget.sandbox.own.interface import Shape


class Conditions(NamedTuple):
    """What the frames of a session are transformed with.

    Attributes:
        prompt: Text, or None.
        image: (h, w, 3) uint8 RGB, or None.
        state: What ``start`` returned for them; None without a ``start``.
    """

    prompt: str | None
    image: Plane | None
    state: Any


class LocalModel:
    """Calls a model's methods on the thread of the caller; whatever they raise is passed on.

    Args:
        given: A function, a class or an instance.
        shape: How it is called.
    """

    def __init__(self, given: Any, shape: Shape) -> None:
        self._model = None if shape.is_class else given
        self._given = given
        self._shape = shape

    def warm_up(self) -> None:
        """Instantiates a class, and calls ``warm_up`` if there is one."""
        model = self._instance()
        if self._shape.has_warm_up:
            model.warm_up()

    def start(self, prompt: str | None, image: Plane | None) -> Any:
        """What ``start`` returns."""
        return self._instance().start(prompt, image)

    def paint(self, pictures: Sequence[Plane] | Plane, conditions: Conditions) -> list[Plane]:
        """The transformed pictures, as many and of the same shape.

        Args:
            pictures: (height, width, 3) uint8 RGB each, of one size, or all as one array; one,
                unless the model takes batches. The model may keep and change them.
            conditions: Of all of them.

        Raises:
            TypeError: The model returned something else.
            BaseException: Whatever the model raises.
        """
        model, shape = self._instance(), self._shape
        method = model if shape.method == "__call__" else getattr(model, shape.method)
        given: tuple[Any, ...] = (conditions.prompt, conditions.image)
        if shape.arguments < 3:
            given = (conditions.state,)[: shape.arguments - 1]
        if not shape.takes_batches:
            return [checked(method(picture, *given), picture) for picture in pictures]
        batch = pictures if isinstance(pictures, np.ndarray) else np.stack(pictures)
        painted = method(batch, *given)
        if not hasattr(painted, "__len__") or len(painted) != len(pictures):
            got = f"{len(painted)} frames" if hasattr(painted, "__len__") else described(painted)
            raise TypeError(
                f"transform_batch must return as many frames as it got, {len(pictures)}, not {got}"
            )
        return [checked(new, old) for new, old in zip(painted, batch, strict=True)]

    def close(self) -> None:
        """Nothing is to be freed."""

    def _instance(self) -> Any:
        if self._model is None:
            self._model = self._given()
        return self._model


def checked(painted: Any, picture: Plane) -> Plane:
    """A result that has the shape of its frame.

    Raises:
        TypeError: It has another shape or type; the text says what helps.
    """
    if (
        isinstance(painted, np.ndarray)
        and painted.shape == picture.shape
        and painted.dtype == np.uint8
    ):
        return painted
    raise TypeError(
        f"the function must return a {picture.shape} uint8 array, not {described(painted)}"
        f"{_hint(painted, picture)}"
    )


def described(value: Any) -> str:
    """A value by its shape and type, for a text."""
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    return "None" if value is None else str(type(value))


def _hint(painted: Any, picture: Plane) -> str:
    """What is likely to help, in parentheses."""
    if painted is None:
        return " (is its return missing?)"
    if not isinstance(painted, np.ndarray):
        return " (tensors: .cpu().numpy())" if hasattr(painted, "cpu") else ""
    height, width, channels = picture.shape
    if painted.shape == (channels, height, width):
        return " (channels come last: .transpose(1, 2, 0))"
    if painted.shape == picture.shape and painted.dtype.kind == "f":
        return " (of values from 0 to 1: (255 * frame).clip(0, 255).astype(np.uint8))"
    return ""
