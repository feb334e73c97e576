"""Checks of arguments; the remedy of each error names valid values."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeVar

from decart_widget.errors import InvalidOptionError, UnknownArgumentError
from decart_widget.inputs.image_download import check_image_url, is_url
from decart_widget.inputs.prompts import check_prompt
from decart_widget.inputs.reference_image import load_image
from decart_widget.models import RealtimeModel, realtime_model
from decart_widget.options import ConnectionOptions, VideoOptions
from decart_widget.prices import price
from decart_widget.protocol.requests import PromptState
from decart_widget.runtime.prompts import check_takes_image
from decart_widget.runtime.settings import Settings
from decart_widget.widgets.trait_types import one_of_remedy, shown

TRANSPORTS: Final = ("webrtc", "livekit")
"""Values of ``transport=``."""

RESOLUTIONS: Final = ("720p", "1080p")
"""Values of ``resolution=``, besides None."""

T = TypeVar("T")


def refuse_unknown(unknown: Collection[str], function: Callable[..., Any]) -> None:
    """Rejects keyword arguments that a function doesn't have.

    Args:
        unknown: The names of its surplus keyword arguments.
        function: The function, whose signature has the valid names.

    Raises:
        UnknownArgumentError: There are any; the remedy names the most similar valid name.
    """
    if not unknown:
        return
    known = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    ]
    name = next(iter(unknown))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    raise UnknownArgumentError(
        f"{function.__qualname__.split('.')[0]} has no argument {shown(name)}.",
        remedy=f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(known)}.",
    )


def typed(name: str, value: T | None, kind: type[T]) -> T:
    """Checks an argument's type.

    Returns:
        The value, or a default instance for None.

    Raises:
        InvalidOptionError: The value is of another type.
    """
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise InvalidOptionError(f"{name} is {shown(value)}.", remedy=f"Give a {kind.__name__}(…).")
    return value


def one_of(name: str, value: Any, choices: tuple[str | None, ...]) -> None:
    """Checks that an argument is one of the choices.

    Raises:
        InvalidOptionError: It isn't; the remedy lists them.
    """
    # An array, for instance, compares with a string to an array.
    if not isinstance(value, str | None) or value not in choices:
        raise InvalidOptionError(f"{name} is {shown(value)}.", remedy=one_of_remedy(choices))


def check_bool(name: str, value: Any) -> None:
    """Checks that an argument is a bool; the string ``"no"``, for instance, is true in Python.

    Raises:
        InvalidOptionError: It isn't.
    """
    if not isinstance(value, bool):
        raise InvalidOptionError(f"{name} is {shown(value)}.", remedy="Give True or False.")


def check_engine(engine: Any, *, in_kernel: bool) -> None:
    """Checks where the media of sessions is to be.

    Args:
        engine: The argument.
        in_kernel: Whether the source is one of the kernel's.

    Raises:
        InvalidOptionError: There is no such engine, or the source can't be sent there.
    """
    one_of("engine", engine, (None, "browser", "kernel"))
    if engine == "browser" and in_kernel:
        raise InvalidOptionError(
            "A page can't send this source.", remedy="Leave engine= out: the kernel sends it."
        )


def check_settings(
    model: Any, transport: Any, video: Any, connection: Any, resolution: Any, speed: Any
) -> Settings:
    """Checks the constructor's arguments that configure sessions.

    Returns:
        The settings without the budget, which is read from its trait.

    Raises:
        UnknownModelError: There is no such model.
        InvalidOptionError: Another argument is invalid.
    """
    known = realtime_model(model)
    connection = typed("connection", connection, ConnectionOptions)
    one_of("transport", transport, TRANSPORTS)
    chosen = VideoOptions.for_transport(transport) if video is None else video
    video = typed("video", chosen, VideoOptions)
    one_of("resolution", resolution, (None, *RESOLUTIONS))
    one_of("speed", speed, (None, *known.speeds))
    return Settings(transport, known, video, connection, None, resolution, speed)


def dollar_amount(
    dollars: Any,
    remedy: str = 'Give seconds, such as 120, or US dollars, such as "$2"; None for no limit.',
) -> float:
    """Returns an amount of US dollars as a number.

    Args:
        dollars: Such as ``"$2"`` or ``"$0.50"``.
        remedy: What to do where it is none.

    Raises:
        InvalidOptionError: It is no such amount.
    """
    found = re.fullmatch(r"\s*\$\s*(\d{1,6}(?:\.\d{1,6})?)\s*", str(dollars))
    if found is None or not isinstance(dollars, str):
        raise InvalidOptionError(f"The budget is {shown(dollars)}.", remedy=remedy)
    return float(found[1])


def budget_seconds(dollars: str, settings: Settings) -> float:
    """Returns for how many seconds an amount of US dollars pays.

    Args:
        dollars: Such as ``"$2"`` or ``"$0.50"``.
        settings: Model and speed of the session, which have a list price.

    Raises:
        InvalidOptionError: The text is no such amount, or no price is known for the model.
    """
    amount = dollar_amount(dollars)
    per_s = price(settings.model, settings.speed)
    if not per_s:
        raise InvalidOptionError(
            f"No price is known for the model {settings.model.name}, so its budget can't be "
            "given in dollars.",
            remedy="Give the budget in seconds, or set the price first: "
            "decart_widget.prices.set_price(model, dollars_per_second).",
        )
    return amount / per_s


def check_prompt_state(
    model: RealtimeModel, prompt: Any, enrich: Any, image: Any
) -> tuple[PromptState, str | None]:
    """Checks the constructor's arguments prompt, enrich and image.

    Returns:
        The prompt state, and the URL of an image that must be downloaded first.

    Raises:
        InvalidPromptError: The prompt is invalid.
        InvalidOptionError: ``enrich`` is no bool.
        InvalidImageError: The image can't be read, or the model takes none.
        InvalidURLError: The image's URL is not http(s).
    """
    check_bool("enrich", enrich)
    if image is not None:
        check_takes_image(model)
    url = image if is_url(image) else None
    if url is not None:
        check_image_url(url)
    state = PromptState(
        None if prompt is None else check_prompt(prompt),
        enrich,
        None if image is None or url is not None else load_image(image),
    )
    return state, url


def check_changes(
    model: RealtimeModel, given: Mapping[str, Any]
) -> tuple[dict[str, Any], str | None]:
    """Checks the arguments of ``DecartWidget.set``.

    Args:
        model: The model of the next session.
        given: Any of ``prompt``, ``enrich`` and ``image``.

    Returns:
        The changes, and the URL of an image that must be downloaded first.

    Raises:
        InvalidPromptError: The prompt is invalid.
        InvalidOptionError: ``enrich`` is no bool.
        InvalidImageError: The image can't be read, or the model takes none.
        InvalidURLError: The image's URL is not http(s).
    """
    changes: dict[str, Any] = {}
    if "prompt" in given:
        prompt = given["prompt"]
        changes["prompt"] = None if prompt is None else check_prompt(prompt)
    if "enrich" in given:
        check_bool("enrich", given["enrich"])
        changes["enrich"] = given["enrich"]
    if "image" not in given:
        return changes, None
    image = given["image"]
    if image is not None:
        check_takes_image(model)
    if is_url(image):
        check_image_url(image)
        return changes, image
    changes["image"] = None if image is None else load_image(image)
    return changes, None
