"""The arguments of a sweep's sessions: checked before anything starts, and told without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from decart_widget.inputs.secrets import Secret
from decart_widget.models import RealtimeModel
from decart_widget.protocol.loopback import is_loopback
from decart_widget.runtime.destination import SANDBOX, Destination
from decart_widget.runtime.settings import Settings
from decart_widget.runtime.trait_values import price_of
from decart_widget.widgets.arguments import check_settings, one_of, refuse_unknown

DEFAULTS: Final = {
    "mirror": "off",
    "orientation": "auto",
    "transport": "livekit",
    "connection": None,
    "video": None,
    "resolution": None,
    "speed": None,
    "api_key": None,
    "endpoint": None,
}
"""The arguments of ``Session`` that ``sweep`` passes on, and what holds without them."""


@dataclass(frozen=True)
class SessionOptions:
    """What all sessions of a sweep have in common.

    Attributes:
        arguments: For ``Session``; the key is in it as a ``Secret``, if one was given.
        described: What decides the pictures, as JSON values: part of each cell's key.
        settings: Of a session of each model, by its name.
        prices: US dollars per second by the model's name; None where no price is known.
        is_local: Whether the local server's effects stand in for the models.
    """

    arguments: Mapping[str, Any]
    described: Mapping[str, Any]
    settings: Mapping[str, Settings]
    prices: Mapping[str, float | None]
    is_local: bool


def check_options(
    models: Iterable[RealtimeModel], given: Mapping[str, Any], function: Any
) -> SessionOptions:
    """Checks the arguments of sessions; nothing is started.

    Args:
        models: The models that will run.
        given: The arguments.
        function: The public function that got them, for the names in errors.

    Returns:
        The options.

    Raises:
        ConfigurationError: An argument is unknown or invalid, or a key is missing.
    """
    # No text of a key stays in a variable here, because a traceback may show variables.
    values = {name: given.get(name, default) for name, default in DEFAULTS.items()}
    refuse_unknown([name for name in given if name not in DEFAULTS], function)
    if values["api_key"] is not None and not isinstance(values["api_key"], Secret):
        values["api_key"] = Secret(values["api_key"])
    one_of("mirror", values["mirror"], ("off", "on"))
    one_of("orientation", values["orientation"], ("landscape", "portrait", "auto"))
    names = ("transport", "video", "connection", "resolution", "speed")
    settings = {}
    for model in models:
        checked = check_settings(model, *(values[name] for name in names))
        settings[model.name] = checked.in_kernel() if values["video"] is None else checked
    destination = Destination(values["endpoint"], values["api_key"])
    first = next(iter(settings.values()))
    described = {
        "endpoint": endpoint_label(destination.name, values["endpoint"]),
        "transport": first.transport,
        "resolution": first.resolution,
        "speed": first.speed,
        "mirror": values["mirror"],
        "orientation": values["orientation"],
        "video": asdict(first.video),
    }
    return SessionOptions(
        MappingProxyType({name: v for name, v in values.items() if v is not None}),
        MappingProxyType(described),
        MappingProxyType(settings),
        {name: price_of(each, destination.name) for name, each in settings.items()},
        destination.name == SANDBOX,
    )


def endpoint_label(name: str, given: Any) -> str:
    """Returns what a manifest says about the endpoint.

    Args:
        name: ``"decart"``, ``"sandbox"`` or a URL, of which only the host is kept: the port of a
            local server is another one each time.
        given: The argument; of a function or model of the user's its name is kept.
    """
    if "://" in name:
        parts = urlsplit(name)
        host = parts.hostname or "?"
        return "loopback" if is_loopback(host) else f"{parts.scheme}://{host}"
    if name == SANDBOX and given is not None and not isinstance(given, str):
        kind = given if hasattr(given, "__qualname__") else type(given)
        return f"{SANDBOX}: {kind.__module__}.{kind.__qualname__}"
    return name


def arguments_again(described: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of ``sweep`` that lead to the same options.

    Args:
        described: As in `SessionOptions`, perhaps read from a file.

    Returns:
        The arguments; the endpoint is left out where it was a server or function of the user's.
    """
    from decart_widget.options import VideoOptions

    names = ("transport", "resolution", "speed", "mirror", "orientation")
    again = {name: described[name] for name in names if described.get(name) is not None}
    if described.get("endpoint") in (SANDBOX, "decart"):
        again["endpoint"] = described["endpoint"]
    if isinstance(described.get("video"), Mapping):
        again["video"] = VideoOptions(**described["video"])
    return again
