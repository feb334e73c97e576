"""The manifest of a sweep: all that is needed to show it again and to repeat it, as JSON.

It holds no secret: no key, no URL of a server, no path outside the sweep's own folder but the
clip's, which is relative to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from decart_widget.diagnostics.versions import versions
from decart_widget.errors import DecartError, InvalidPathError
from decart_widget.explore.planning.clip import Clip, from_description, relative
from decart_widget.explore.planning.definition import Definition, Span
from decart_widget.explore.planning.session_options import SessionOptions
from decart_widget.explore.records import Axis, Cell
from decart_widget.files import written_whole
from decart_widget.models import RealtimeModel
from decart_widget.prices import PRICES_AS_OF

NAME: Final = "manifest.json"
"""Name of the file in a sweep's folder."""

FORMAT: Final = "decart-widget sweep"
"""What the file says that it is."""

VERSION: Final = 1
"""Of the format; rises when older versions of this package can't read it any more."""

MAX_BYTES: Final = 50_000_000
"""Bytes of a manifest at most: 2000 cells with prompts of 10,000 characters."""


def written(definition: Definition, folder: Path, scores: tuple[str, ...]) -> dict[str, Any]:
    """Returns the manifest of a sweep as JSON values.

    Args:
        definition: The sweep.
        folder: Absolute path of its folder.
        scores: Names of the user's own score functions.

    Returns:
        JSON values.
    """
    clip, span = definition.clip, definition.span
    description = None if clip.description is None else dict(clip.description)
    if description is not None and "path" in description:
        description["path"] = relative(Path(description["path"]), folder)
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "base": definition.base,
        "digest": definition.digest,
        "clip": {
            "label": clip.label,
            "sha256": clip.sha256,
            "length_s": clip.length_s,
            "fps": clip.fps,
            "description": description,
        },
        "span": {
            "first_s": span.first_s,
            "seconds": span.seconds,
            "moments": list(span.moments),
        },
        "axes": [{"name": axis.name, "labels": list(axis.labels)} for axis in definition.axes],
        "cells": [_cell_values(cell) for cell in definition.cells],
        "images": sorted(definition.images),
        "models": {name: asdict(model) for name, model in definition.models.items()},
        "options": dict(definition.options.described),
        "repeats": definition.repeats,
        "seed": definition.seed,
        "scores": list(scores),
        "prices": {
            "as_of": PRICES_AS_OF,
            "per_second": dict(definition.options.prices),
            "is_local": definition.options.is_local,
        },
        "versions": versions(),
    }


def write(folder: Path, values: Mapping[str, Any]) -> None:
    """Writes a manifest as a whole.

    Args:
        folder: The sweep's folder.
        values: What `written` returned.

    Raises:
        OSError: It can't be written.
    """
    with written_whole(folder / NAME, overwrite=True) as temporary:
        text = json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False)
        temporary.write_text(f"{text}\n", encoding="utf-8")


def read(folder: Path) -> dict[str, Any] | None:
    """Reads the manifest of a folder.

    Args:
        folder: The folder; it may be missing.

    Returns:
        JSON values of the present version; None where there is no manifest.

    Raises:
        InvalidPathError: The manifest is damaged, is none of a sweep, or has a newer version.
    """
    try:
        with (folder / NAME).open("rb") as file:
            values = json.loads(file.read(MAX_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidPathError(
            f'The manifest in "{folder}" can\'t be read ({error.strerror}).',
            remedy="Check the folder's permissions.",
        ) from None
    except (ValueError, RecursionError):
        raise _damaged(folder) from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise _damaged(folder)
    version = values.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _damaged(folder)
    if version > VERSION:
        made_with = values.get("versions")
        newer = made_with.get("decart_widget") if isinstance(made_with, dict) else None
        raise InvalidPathError(
            f'The sweep in "{folder}" was made by a newer version of decart_widget'
            f"{f' ({newer})' if isinstance(newer, str) else ''}.",
            remedy="Update decart_widget (pip install -U decart-widget), or give another folder=.",
            code="newer-manifest",
        )
    return values


def definition_of(values: Mapping[str, Any], folder: Path) -> Definition:
    """Returns the definition that a manifest stands for.

    Args:
        values: What `read` returned.
        folder: Absolute path of the sweep's folder.

    Returns:
        The definition. Its clip isn't opened, and its options are for showing only; its images are
        those whose files are there.

    Raises:
        InvalidPathError: The manifest is damaged.
    """
    try:
        clip, span, prices = values["clip"], values["span"], values["prices"]
        description = clip["description"]
        if description is not None and "path" in description:
            description = {**description, "path": str(folder / description["path"])}
        try:
            source: Any = from_description(description)
        except DecartError:
            source = None
        options = SessionOptions(
            {}, values["options"], {}, prices["per_second"], bool(prices["is_local"])
        )
        return Definition(
            clip=Clip(
                source,
                clip["label"],
                clip["sha256"],
                clip["length_s"],
                float(clip["fps"]),
                description,
            ),
            span=Span(
                float(span["first_s"]),
                float(span["seconds"]),
                tuple(float(moment) for moment in span["moments"]),
            ),
            axes=tuple(Axis(axis["name"], tuple(axis["labels"])) for axis in values["axes"]),
            cells=tuple(map(_cell_of, values["cells"])),
            images=_images(values["images"], folder),
            models={name: RealtimeModel(**_known(m)) for name, m in values["models"].items()},
            options=options,
            repeats=int(values["repeats"]),
            seed=int(values["seed"]),
            duplicates=0,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _damaged(folder) from None


def image_path(folder: Path, key: str) -> Path:
    """Returns where the file of a reference image is kept.

    Args:
        folder: The sweep's folder.
        key: The image's.
    """
    return folder / "images" / key


def _images(keys: Any, folder: Path) -> dict[str, bytes]:
    images = {}
    for key in keys:
        if not isinstance(key, str) or not key.isalnum():
            raise ValueError("no key")
        try:
            images[key] = image_path(folder, key).read_bytes()
        except OSError:
            continue
    return images


def _cell_values(cell: Cell) -> dict[str, Any]:
    return {**cell.__dict__, "place": list(cell.place), "changes": [list(c) for c in cell.changes]}


def _cell_of(values: Mapping[str, Any]) -> Cell:
    known = {name: values[name] for name in Cell.__dataclass_fields__}
    if not isinstance(known["key"], str) or not known["key"].isalnum():
        raise ValueError("no key")
    known["place"] = tuple(int(index) for index in known["place"])
    known["changes"] = tuple((float(at_s), prompt) for at_s, prompt in known["changes"])
    return Cell(**known)


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: values[name] for name in RealtimeModel.__dataclass_fields__ if name in values}
    return {**known, "speeds": tuple(known.get("speeds", ()))}


def _damaged(folder: Path) -> InvalidPathError:
    return InvalidPathError(
        f'The manifest in "{folder}" can\'t be read: it is damaged, or none of a sweep.',
        remedy="Give another folder=, or overwrite=True to write a new one; cells that are done "
        "are kept.",
        code="damaged-manifest",
    )
