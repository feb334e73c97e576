"""What a sweep varies: prompts, images, models and switches become axes and the cells between them.

>>> from decart_widget import explore
>>> looks = explore.grid("{style}, {light}", style=["oil", "ink"], light=["noon", "dusk"])
>>> [field for field in looks.fields], len(looks)
(['style', 'light'], 4)
>>> words = explore.replace("a cat in watercolour", watercolour=["charcoal", "pastel"])
>>> list(words)
['a cat in watercolour', 'a cat in charcoal', 'a cat in pastel']
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import InvalidImageError, InvalidOptionError
from decart_widget.explore.records import Axis
from decart_widget.inputs.prompts import check_prompt
from decart_widget.inputs.schedules import Schedule
from decart_widget.inputs.templates import MAX_VALUES, Template, escaped, template
from decart_widget.models import RealtimeModel, realtime_model

MAX_CELLS: Final = 2000
"""Cells of a sweep, repeats not counted: a sheet with more can't be looked at."""

MAX_IMAGES: Final = 50
"""Reference images of a sweep; each is up to 10 MB and is kept in the folder."""


@dataclass(frozen=True)
class Choice:
    """What one place of a sheet runs.

    Attributes:
        prompt: The prompt; None leaves the picture alone.
        changes: Prompts by second of the clip, where there is more than one; else empty.
        enrich: Whether the service may elaborate the prompt.
        image: Key of the reference image; None: none.
        model: Name of the model.
        fresh: Whether it has a session of its own.
        place: Index of its label on each axis.
    """

    prompt: str | None
    changes: tuple[tuple[float, str | None], ...]
    enrich: bool
    image: str | None
    model: str
    fresh: bool
    place: tuple[int, ...]


@dataclass(frozen=True)
class Design:
    """The axes of a sweep, and what runs at each place between them.

    Attributes:
        axes: At least one.
        choices: One for each combination of labels, the last axis changing first.
        images: The files of the reference images (JPEG or PNG) by key.
        models: The models by name.
        duplicates: How many prompts were given again, and are left out.
    """

    axes: tuple[Axis, ...]
    choices: tuple[Choice, ...]
    images: Mapping[str, bytes]
    models: Mapping[str, RealtimeModel]
    duplicates: int


def grid(text: str | None = None, /, **fields: Any) -> Template:
    """Makes a template whose fields become the axes of a sweep, the first one the columns.

    Args:
        text: The prompt with fields in braces; None: the fields one after the other, with commas.
        **fields: The values of each field, as for `template`.

    Returns:
        The template.

    Raises:
        InvalidOptionError: As for `template`; or there is no field.
    """
    if not fields:
        raise InvalidOptionError(
            "The grid has no fields.",
            remedy='Give some, as in grid("{style}, {light}", style=[...], light=[...]).',
        )
    return template(", ".join(f"{{{name}}}" for name in fields) if text is None else text, **fields)


def replace(
    prompt: str, words: Mapping[str, Iterable[str]] | None = None, /, **more: Iterable[str]
) -> Template:
    """Makes a template by search and replace in a prompt; each word that is searched is an axis.

    Args:
        prompt: The prompt that is varied. It is kept as the first value of each axis.
        words: What is searched, and what stands in its place: any part of the prompt that occurs in
            it once.
        **more: The same, for single words.

    Returns:
        The template.

    Raises:
        InvalidOptionError: A word doesn't occur, occurs more than once, overlaps another one, or
            has nothing in its place.
        InvalidPromptError: The prompt is invalid.
    """
    check_prompt(prompt)
    found: list[tuple[int, str, Iterable[str]]] = []
    for word, others in {**(words or {}), **more}.items():
        count = prompt.count(word) if word else 0
        if count != 1:
            times = f"occurs {count} times" if count else "doesn't occur"
            raise InvalidOptionError(
                f"{shorten(repr(word), 60)} {times} in the prompt.",
                remedy="Search for a part of the prompt that occurs in it once: take more words.",
            )
        found.append((prompt.index(word), word, others))
    if not found:
        raise InvalidOptionError(
            "Nothing is searched in the prompt.",
            remedy='Give words, as in replace("a cat at noon", noon=["dusk", "night"]).',
        )
    text, end, fields = "", 0, {}
    for at, word, _ in sorted(found, key=lambda entry: entry[0]):
        if at < end:
            raise InvalidOptionError(
                f"{word!r} overlaps another word that is searched.",
                remedy="Search for parts of the prompt that stand side by side.",
            )
        text += f"{escaped(prompt[end:at])}{{{_identifier(word)}}}"
        end = at + len(word)
    for _, word, others in found:
        name = _identifier(word)
        if isinstance(others, str) or not isinstance(others, Iterable) or name in fields:
            raise InvalidOptionError(
                f"What stands in place of {word!r} is {shorten(repr(others), 60)}.",
                remedy="Give a list of texts; and words that differ in letters or digits.",
            )
        rest = [other for other in itertools.islice(others, MAX_VALUES) if other != word]
        if not rest:
            raise InvalidOptionError(
                f"Nothing stands in place of {word!r}.", remedy="Give at least one other text."
            )
        # A text may be empty: the word is left out then.
        fields[name] = {text or "(nothing)": text for text in (word, *rest)}
    return template(text + escaped(prompt[end:]), **fields)


def _identifier(word: str) -> str:
    name = re.sub(r"\W+", "_", word).strip("_") or "word"
    return name if name.isidentifier() else f"word_{name}"


def design(
    prompts: Any, *, model: Any, image: Any = None, enrich: Any = True, fresh: Any = False
) -> Design:
    """Makes the axes and cells of a sweep from its arguments.

    Args:
        prompts: A prompt, a list of prompts, a mapping of labels to prompts, a `Template`, or None
            for the image alone. Each prompt may be a schedule.
        model: Name of a model, or a list of them.
        image: A reference image of any type that ``Session`` takes, None, a list of them, or a
            mapping of labels to images.
        enrich: A bool, or a list of both.
        fresh: A bool, or a list of both.

    Returns:
        The design.

    Raises:
        InvalidOptionError: An axis is empty, or there are too many cells.
        InvalidPromptError: A prompt is invalid.
        InvalidImageError: An image can't be read, or a model takes none.
        UnknownModelError: There is no such model.
    """
    axes, worded, duplicates = _prompt_axes(prompts)
    images: dict[str, bytes] = {}
    image_labels, image_keys = _images(image, images)
    models = _models(model)
    switches = [_switch("enrich", enrich), _switch("fresh", fresh)]
    further = (
        Axis("image", image_labels),
        Axis("enrich", tuple("on" if on else "off" for on in switches[0])),
        Axis("model", tuple(models)),
        Axis("fresh", tuple("own session" if on else "shared" for on in switches[1])),
    )
    axes = [*axes, *(axis for axis in further if len(axis.labels) > 1)]
    combinations: Any = itertools.product(
        worded, *(enumerate(values) for values in (image_keys, switches[0], models, switches[1]))
    )
    total = len(worded) * len(image_keys) * len(switches[0]) * len(models) * len(switches[1])
    if total > MAX_CELLS:
        raise InvalidOptionError(
            f"The sweep has {total:,} cells.",
            remedy=f"Take {MAX_CELLS:,} at most: shorten an axis.",
        )
    choices = []
    for (place, prompt, changes), (i, key), (e, enriched), (m, name), (f, own) in combinations:
        if prompt is None and key is None and not changes:
            raise InvalidOptionError(
                "A cell has neither a prompt nor an image.",
                remedy="Give it one; the untouched clip is in every sweep by itself.",
            )
        rest = zip((i, e, m, f), further, strict=True)
        where = (*place, *(index for index, axis in rest if len(axis.labels) > 1))
        choices.append(Choice(prompt, changes, enriched, key, name, own, where))
    if images:
        _check_images(models.values())
    return Design(tuple(axes), tuple(choices), images, models, duplicates)


_Worded = list[tuple[tuple[int, ...], str | None, tuple[tuple[float, str | None], ...]]]
"""For each combination of labels: its place, its prompt, and its changes."""


def _prompt_axes(prompts: Any) -> tuple[list[Axis], _Worded, int]:
    """Returns the axes of the prompts, the prompt at each place, and how many were left out."""
    if isinstance(prompts, Template) and prompts.fields:
        fields = prompts.fields.values()
        if len(prompts) > MAX_CELLS:
            raise InvalidOptionError(
                f"The template has {len(prompts):,} combinations.",
                remedy=f"Take {MAX_CELLS:,} at most: shorten a field.",
            )
        places = itertools.product(*(range(len(field.labels)) for field in fields))
        made = [check_prompt(prompt) for prompt in prompts]
        again = len(made) - len(set(made))
        axes = [Axis(field.name, field.labels) for field in fields]
        return axes, [(p, made[i], ()) for i, p in enumerate(places)], again
    if isinstance(prompts, Template):
        prompts = prompts.prompt()
    if prompts is None or isinstance(prompts, str | Schedule):
        prompts = [prompts]
    if isinstance(prompts, Mapping):
        entries = [(str(label), value) for label, value in prompts.items()]
    elif isinstance(prompts, Iterable) and not isinstance(prompts, bytes):
        values = list(itertools.islice(prompts, MAX_CELLS + 1))
        entries = [(_label(value), value) for value in values]
    else:
        raise InvalidOptionError(
            f"The prompts are {shorten(repr(prompts), 60)}.",
            remedy="Give a list of prompts, or explore.grid(...).",
        )
    return _listed(entries)


def _listed(entries: list[tuple[str, Any]]) -> tuple[list[Axis], _Worded, int]:
    if not entries:
        raise InvalidOptionError(
            "There are no prompts: the axis is empty.", remedy="Give at least one prompt."
        )
    labels: list[str] = []
    worded: _Worded = []
    seen: set[Any] = set()
    for label, value in entries:
        changes: tuple[tuple[float, str | None], ...] = ()
        if isinstance(value, Schedule):
            changes = tuple((change.at_s, change.prompt) for change in value)
            prompt = changes[0][1] if changes[0][0] == 0 else None
        else:
            prompt = None if value is None else check_prompt(value)
        if (prompt, changes) in seen:
            continue
        seen.add((prompt, changes))
        labels.append(label)
        worded.append(((len(labels) - 1,), prompt, changes))
    return [Axis("prompt", _distinct(labels))], worded, len(entries) - len(labels)


def _label(value: Any) -> str:
    if isinstance(value, Schedule):
        return ", then ".join(change.prompt or "untouched" for change in value)
    return "no prompt" if value is None else str(value)


def _distinct(labels: list[str]) -> tuple[str, ...]:
    """Returns labels with a number behind those that occur again."""
    counts: Counter[str] = Counter()
    made = []
    for label in labels:
        counts[label] += 1
        made.append(label if counts[label] == 1 else f"{label} ({counts[label]})")
    return tuple(made)


def _images(given: Any, images: dict[str, bytes]) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    """Reads the reference images; returns their labels and keys."""
    if isinstance(given, Mapping):
        entries = [(str(label), value) for label, value in given.items()]
    else:
        several = given if isinstance(given, list | tuple) else [given]
        entries = [(_image_label(value, i), value) for i, value in enumerate(several)]
    if not entries:
        raise InvalidOptionError('The axis "image" is empty.', remedy="Give at least one image.")
    if len(entries) > MAX_IMAGES:
        raise InvalidOptionError(
            f"There are {len(entries)} reference images.", remedy=f"Give {MAX_IMAGES} at most."
        )
    keys: list[str | None] = []
    for _, value in entries:
        file = None if value is None else _image_file(value)
        key = None if file is None else hashlib.sha256(file).hexdigest()[:16]
        if file is not None and key is not None:
            images[key] = file
        keys.append(key)
    return _distinct([label for label, _ in entries]), tuple(keys)


def _image_file(value: Any) -> bytes:
    from decart_widget.inputs.reference_image import load_image

    image = load_image(value)
    if image.data is None:
        raise InvalidImageError(
            "A sweep can't keep a reference image that is only an id of the service.",
            remedy="Give the image itself: a path, a URL or an array.",
        )
    return base64.b64decode(image.data)


def _image_label(value: Any, index: int) -> str:
    if value is None:
        return "no image"
    text = str(value) if isinstance(value, str) or hasattr(value, "__fspath__") else ""
    name = re.split(r"[\\/]", text.partition("?")[0])[-1]
    return name if name and len(name) <= 100 and ":" not in name else f"image {index + 1}"


def _models(given: Any) -> dict[str, RealtimeModel]:
    several = given if isinstance(given, list | tuple) else [given]
    if not several:
        raise InvalidOptionError('The axis "model" is empty.', remedy="Give at least one model.")
    return {model.name: model for model in map(realtime_model, several)}


def _check_images(models: Iterable[RealtimeModel]) -> None:
    from decart_widget.runtime.prompts import check_takes_image

    for model in models:
        check_takes_image(model)


def _switch(name: str, given: Any) -> list[bool]:
    several = given if isinstance(given, list | tuple) else [given]
    if not several:
        raise InvalidOptionError(f'The axis "{name}" is empty.', remedy="Give True, False or both.")
    for value in several:
        if not isinstance(value, bool):
            raise InvalidOptionError(
                f"{name} is {shorten(repr(value), 60)}.",
                remedy="Give True, False or [True, False].",
            )
    return list(dict.fromkeys(several))
