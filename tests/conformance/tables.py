"""Prints the tables of the `decart` package as JSON; runs in that client's environment."""

from __future__ import annotations

import dataclasses
import json
import sys
import typing
from typing import Any


def literals(hint: Any) -> list[Any]:
    """The values of every ``Literal`` in a type hint."""
    if typing.get_origin(hint) is typing.Literal:
        return list(typing.get_args(hint))
    return [value for part in typing.get_args(hint) for value in literals(part)]


def main() -> None:
    import importlib

    from decart.realtime import messages
    from decart.realtime.types import RealtimeConnectOptions

    models = importlib.import_module("decart.models")  # `decart.models` is a function as well
    realtime = models._MODELS["realtime"]
    incoming = typing.get_args(typing.get_args(messages.IncomingMessage)[0])
    outgoing = typing.get_args(messages.OutgoingMessage)
    hints = typing.get_type_hints(RealtimeConnectOptions, localns={"RemoteVideoTrack": Any})
    options = {
        field.name: literals(hints[field.name])
        for field in dataclasses.fields(RealtimeConnectOptions)
    }
    tables = {
        "models": {
            name: {
                "fps": model.fps,
                "width": model.width,
                "height": model.height,
                "url_path": model.url_path,
                "speeds": sorted(getattr(model, "supported_speeds", ())),
            }
            for name, model in realtime.items()
        },
        "aliases": {
            old: new for old, new in getattr(models, "MODEL_ALIASES", {}).items() if new in realtime
        },
        "options": {name: values for name, values in options.items() if values},
        "received": sorted(literals(m.model_fields["type"].annotation)[0] for m in incoming),
        "sent": {
            literals(m.model_fields["type"].annotation)[0]: sorted(set(m.model_fields) - {"type"})
            for m in outgoing
        },
    }
    json.dump(tables, sys.stdout)


if __name__ == "__main__":
    main()
