"""Templates: prompts with fields, each of which takes one of a few values.

    >>> from decart_widget.explore import scale, template
    >>> portrait = template(
    ...     "a {medium} portrait, {strength} changed",
    ...     medium=["watercolour", "charcoal"],
    ...     strength=scale(["barely", "gently", "strongly"]),
    ... )
    >>> portrait.prompt(medium="charcoal", strength="barely")
    'a charcoal portrait, barely changed'
    >>> len(portrait)
    6

A brace that is meant stands twice: ``{{`` and ``}}``.
"""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import InvalidOptionError
from decart_widget.inputs.prompts import check_text

MAX_VALUES: Final = 200
"""Values of one field; far more than a menu or an axis is readable with."""

MAX_FIELDS: Final = 12
"""Fields of one template."""

MAX_LABEL: Final = 2000
"""Characters of a label."""

CODE: Final = "invalid-template"
"""Code of the errors of templates."""


@dataclass(frozen=True)
class Scale:
    """Values of a field that have an order, such as strengths: a slider instead of a menu.

    Attributes:
        values: As given to `scale`.
    """

    values: Mapping[str, str] | tuple[Any, ...]


def scale(values: Iterable[Any] | Mapping[str, str]) -> Scale:
    """Marks the values of a field as ordered.

    Args:
        values: As for a field of `template`, the least first.

    Returns:
        What `template` and ``explore.grid`` take as a field's values.

    Raises:
        InvalidOptionError: The values are a single text, or no values at all.
    """
    if isinstance(values, Mapping):
        return Scale(MappingProxyType(dict(values)))
    return Scale(tuple(_listed("scale(...)", values)))


@dataclass(frozen=True)
class Field:
    """One field of a template.

    Attributes:
        name: Its name in braces.
        labels: What a menu or an axis shows for each value.
        texts: What each value puts into the prompt; mostly the label itself, and may be empty.
        is_scale: Whether the values have an order.
    """

    name: str
    labels: tuple[str, ...]
    texts: tuple[str, ...]
    is_scale: bool = False

    def text(self, label: Any) -> str:
        """Returns what a value puts into the prompt.

        Args:
            label: Label of the value; a number stands for its text.

        Raises:
            InvalidOptionError: The field has no such value.
        """
        wanted = _written(label)
        if wanted in self.labels:
            return self.texts[self.labels.index(wanted)]
        near = difflib.get_close_matches(wanted, self.labels, n=1, cutoff=0.5)
        some = ", ".join(repr(shorten(known, 40)) for known in self.labels[:8])
        raise InvalidOptionError(
            f"The field {self.name!r} has no value {shorten(repr(label), 60)}.",
            remedy=f"Did you mean {near[0]!r}?" if near else f"It has {some}.",
            code=CODE,
        )


@dataclass(frozen=True)
class Template:
    """A prompt with fields; made by `template`. Iterating gives the prompts of all combinations.

    Attributes:
        text: As it was written, with its braces.
        fields: The fields by name, in the order in which they were given.
        parts: The sentence in its order: texts, and fields where they stand.
    """

    text: str
    fields: Mapping[str, Field]
    parts: tuple[str | Field, ...]

    @property
    def defaults(self) -> dict[str, str]:
        """The first value of each field."""
        return {name: field.labels[0] for name, field in self.fields.items()}

    def prompt(self, **values: Any) -> str:
        """Returns the prompt for one value of each field.

        Args:
            **values: Label of a value, by the field's name.

        Returns:
            The prompt, without blanks at its ends.

        Raises:
            InvalidOptionError: A field is missing or unknown, or has no such value.
            InvalidPromptError: The prompt becomes too long.
        """
        for name in values:
            if name not in self.fields:
                raise _unknown(name, self.fields)
        missing = [name for name in self.fields if name not in values]
        if missing:
            raise InvalidOptionError(
                f"The field {missing[0]!r} of the template has no value.",
                remedy=f"Give {missing[0]}={self.fields[missing[0]].labels[0]!r}, for instance.",
                code=CODE,
            )
        texts = {name: self.fields[name].text(label) for name, label in values.items()}
        joined = "".join(p if isinstance(p, str) else texts[p.name] for p in self.parts)
        return check_text(joined.strip())

    def grid(self) -> Iterator[tuple[dict[str, str], str]]:
        """Yields each combination of values, the last field changing first, and its prompt.

        Yields:
            The labels by the fields' names, and the prompt.
        """
        names = tuple(self.fields)
        for labels in itertools.product(*(self.fields[name].labels for name in names)):
            chosen = dict(zip(names, labels, strict=True))
            yield chosen, self.prompt(**chosen)

    def __iter__(self) -> Iterator[str]:
        return (prompt for _, prompt in self.grid())

    def __len__(self) -> int:
        return math.prod(len(field.labels) for field in self.fields.values())

    def as_json(self) -> dict[str, Any]:
        """Returns the template as JSON values."""
        fields = [
            {
                "name": field.name,
                "labels": list(field.labels),
                "texts": list(field.texts),
                "is_scale": field.is_scale,
            }
            for field in self.fields.values()
        ]
        return {"text": self.text, "fields": fields}

    @classmethod
    def from_json(cls, values: Any) -> Template:
        """Reads what ``as_json`` returned.

        Args:
            values: JSON values.

        Returns:
            The template.

        Raises:
            InvalidOptionError: They are none of a template.
        """
        try:
            fields: dict[str, Any] = {}
            for field in values["fields"]:
                texts = dict(zip(field["labels"], field["texts"], strict=True))
                fields[field["name"]] = Scale(texts) if field["is_scale"] else texts
            return template(values["text"], **fields)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidOptionError):
                raise
            raise InvalidOptionError(
                "These values are no template.", remedy="Give what as_json() returned.", code=CODE
            ) from None

    def __repr__(self) -> str:
        fields = ", ".join(f"{field.name}: {len(field.labels)}" for field in self.fields.values())
        return f"Template({self.text!r}, {fields})"


def template(text: str, /, **fields: Any) -> Template:
    """Makes a template.

    Args:
        text: The prompt with fields in braces, each once: ``"a {medium} portrait"``. A brace that
            is meant stands twice.
        **fields: The values of each field: a list of texts or numbers; a mapping of labels to
            texts, where the text may be empty: ``{"as it is": "", "dusk": ", at dusk"}``; or
            `scale` of either.

    Returns:
        The template.

    Raises:
        InvalidOptionError: Braces don't match; a field is unknown, missing, empty or occurs
            twice; or a value does.
        InvalidPromptError: The text is too long, or holds what no prompt may.
    """
    if not isinstance(text, str) or not text.strip():
        raise InvalidOptionError(
            "The template is empty." if isinstance(text, str) else "The template is no text.",
            remedy='Give a text such as "a {medium} portrait".',
            code=CODE,
        )
    pieces = list(_pieces(check_text(text)))
    named = [name for _, name in pieces if name is not None]
    for name in named:
        if named.count(name) > 1:
            raise InvalidOptionError(
                f"The field {name!r} occurs {named.count(name)} times in the template.",
                remedy="Name each field once; write the second one out, or give it another name.",
                code=CODE,
            )
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1, cutoff=0.5)
            hint = f" (you gave {near[0]!r})" if near else ""
            raise InvalidOptionError(
                f"The template's field {name!r} has no values{hint}.",
                remedy=f"Give {name}=[...]; a brace that is meant stands twice: {{{{ and }}}}.",
                code=CODE,
            )
    for name in fields:
        if name not in named:
            raise _unknown(name, named)
    if len(fields) > MAX_FIELDS:
        raise InvalidOptionError(
            f"The template has {len(fields)} fields.",
            remedy=f"Use {MAX_FIELDS} at most.",
            code=CODE,
        )
    made = {name: _field(name, values) for name, values in fields.items()}
    parts: list[str | Field] = []
    for literal, field_name in pieces:
        if literal:
            parts.append(literal)
        if field_name is not None:
            parts.append(made[field_name])
    return Template(text, MappingProxyType(made), tuple(parts))


def escaped(text: str) -> str:
    """Returns a text as a template without fields: each brace twice."""
    return text.replace("{", "{{").replace("}", "}}")


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Yields the texts between fields, each with the field that follows it.

    Raises:
        InvalidOptionError: The braces don't match, or hold no name.
    """
    literal, at = "", 0
    while at < len(text):
        char = text[at]
        if char not in "{}":
            literal, at = literal + char, at + 1
            continue
        if text[at : at + 2] == char * 2:
            literal, at = literal + char, at + 2
            continue
        end = text.find("}", at)
        if char == "}" or end < 0 or "{" in text[at + 1 : end]:
            side = "closes" if char == "}" else "opens"
            other = "opens it" if char == "}" else "closes it"
            raise InvalidOptionError(
                f"A brace {side} a field at character {at + 1} of the template, and none {other}: "
                f"{shorten(text[max(0, at - 10) : at + 20], 40)!r}.",
                remedy="Write {name} for a field, and {{ or }} for a brace.",
                code=CODE,
            )
        name = text[at + 1 : end].strip()
        if not name.isidentifier():
            raise InvalidOptionError(
                f"{shorten(text[at : end + 1], 40)!r} is no field of a template."
                if name
                else "A field of the template has no name: {}.",
                remedy="A field's name has letters, digits and underscores, as in {light}.",
                code=CODE,
            )
        yield literal, name
        literal, at = "", end + 1
    if literal:
        yield literal, None


def _field(name: str, values: Any) -> Field:
    is_scale = isinstance(values, Scale)
    given = values.values if isinstance(values, Scale) else values
    if isinstance(given, Mapping):
        labels, texts = list(given), [_written(text) for text in given.values()]
    else:
        labels = texts = [_written(value) for value in _listed(name, given)]
    if not labels:
        raise InvalidOptionError(
            f"The field {name!r} has no values.", remedy="Give at least one.", code=CODE
        )
    if len(labels) > MAX_VALUES:
        raise InvalidOptionError(
            f"The field {name!r} has {len(labels)} values.",
            remedy=f"Give {MAX_VALUES} at most.",
            code=CODE,
        )
    seen: set[str] = set()
    for label in labels:
        if not isinstance(label, str) or not label.strip() or len(label) > MAX_LABEL:
            raise InvalidOptionError(
                f"The field {name!r} has a value without a label, or with one that is too long.",
                remedy=f'For "nothing here" give {name}={{"as it is": "", ...}}.',
                code=CODE,
            )
        if label in seen:
            raise InvalidOptionError(
                f"The field {name!r} has the value {shorten(repr(label), 60)} twice.",
                remedy="Give each value once.",
                code=CODE,
            )
        seen.add(label)
    return Field(name, tuple(labels), tuple(check_text(text) for text in texts), is_scale)


def _listed(name: str, values: Any) -> list[Any]:
    """Returns values as a list; at most one more than a field may have, so that it always ends.

    Raises:
        InvalidOptionError: They are a text, or can't be iterated.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidOptionError(
            f"The values of {name!r} are {shorten(repr(values), 60)}.",
            remedy=f"Give a list, such as [{shorten(repr(values), 40)}].",
            code=CODE,
        )
    return list(itertools.islice(values, MAX_VALUES + 1))


def _written(value: Any) -> str:
    """Returns a value as it stands in a prompt.

    Raises:
        InvalidOptionError: It is neither text nor number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return f"{value}"
    raise InvalidOptionError(
        f"{shorten(repr(value), 60)} is no value of a field.",
        remedy="Give texts or numbers.",
        code=CODE,
    )


def _unknown(name: str, known: Iterable[str]) -> InvalidOptionError:
    near = difflib.get_close_matches(name, known := list(known), n=1, cutoff=0.5)
    listed = ", ".join(known) or "none"
    return InvalidOptionError(
        f"The template has no field {shorten(repr(name), 60)}.",
        remedy=f"Did you mean {near[0]!r}?" if near else f"Its fields: {listed}.",
        code=CODE,
    )
