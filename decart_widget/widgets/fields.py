"""The fields of a widget's template as traits, so that they link to any other widget."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import traitlets as t

from decart_widget.errors import InvalidOptionError
from decart_widget.inputs.prompts import MAX_PROMPT
from decart_widget.widgets.trait_types import Choice, Number, shown

if TYPE_CHECKING:
    from decart_widget.inputs.templates import Field, Template
    from decart_widget.widgets.user_code import UserCode

INDEX: Final = "_index"
"""Ending of the name of the trait that holds the position of a field's value."""

HOW: Final = 'Give explore.template("a {light} portrait", light=["dawn", "dusk"]), or None.'
"""What to do about a template that is none."""


def check_template(value: Any) -> Template | None:
    """Checks the template of a widget.

    Args:
        value: A template, what its ``as_json`` returned, or None.

    Returns:
        The template; None for none.

    Raises:
        InvalidOptionError: It is no template, its prompts may become too long, or a field has a
            name that can't be the name of a trait.
    """
    from decart_widget.inputs.templates import Template

    if value is None or isinstance(value, Template):
        template: Template | None = value
    elif isinstance(value, Mapping):
        template = Template.from_json(value)
    else:
        raise InvalidOptionError(f"The template is {shown(value)}.", remedy=HOW)
    if template is not None:
        longest = sum(
            len(part) if isinstance(part, str) else max(map(len, part.texts))
            for part in template.parts
        )
        if longest > MAX_PROMPT:
            raise InvalidOptionError(
                f"Prompts of this template have up to {longest:,} characters.",
                remedy=f"Shorten its values: a prompt has at most {MAX_PROMPT:,}.",
            )
        for name in template.fields:
            taken = name.removesuffix(INDEX) in template.fields and name.endswith(INDEX)
            if taken or name.startswith("_") or hasattr(t.HasTraits, name) or name == "template":
                raise InvalidOptionError(
                    f"A widget can't have a field with the name {name!r}.",
                    remedy=f"Give it another name, such as {name.strip('_')}_of.",
                )
    return template


class _Index(Number):
    """A whole number from 0."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Returns the number; raises ``InvalidOptionError`` unless it is the place of a value."""
        number = super().validate(obj, value)
        if number != int(number) or not 0 <= number < self.metadata["count"]:
            self.error(obj, value)
        return int(number)


class Fields(t.HasTraits):
    """The values of a template's fields: a trait for each field, by its name.

    ``ipywidgets.link((w.fields, "light"), (dropdown, "value"))`` links one to a dropdown, whose
    options are the field's values, or to a ``SelectionSlider``. ``light_index`` is the place of the
    value, from 0, for a slider of numbers.

    Args:
        template: The template; None for no fields.
        changed: Called after each change, on the thread that makes it, with whether a page did.
        user_code: Returns what calls observers of changes that a page made.
    """

    if TYPE_CHECKING:  # the traits of the fields

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def __init__(
        self,
        template: Template | None = None,
        changed: Callable[[bool], None] = lambda _by_page: None,
        user_code: Callable[[], UserCode] | None = None,
    ) -> None:
        self._template = template
        self._told = changed
        self._user_code = user_code
        self._thread = threading.local()
        self._is_ready = False
        super().__init__()
        if template is not None:
            traits: dict[str, t.TraitType[Any, Any]] = {}
            for name, field in template.fields.items():
                traits[name] = Choice(*field.labels, help=f"Value of the field {name}.")
                remedy = f"Give a whole number from 0 to {len(field.labels) - 1}."
                index = _Index(0, remedy, help=f"Place of the value of {name}, from 0.")
                traits[name + INDEX] = index.tag(count=len(field.labels))
            self.add_traits(**traits)
        self._is_ready = True

    @property
    def values(self) -> dict[str, str]:
        """The label of each field's value, by its name."""
        names = () if self._template is None else self._template.fields
        return {name: getattr(self, name) for name in names}

    @property
    def prompt(self) -> str:
        """The prompt for these values; empty without a template."""
        return "" if self._template is None else self._template.prompt(**self.values)

    @property
    def places(self) -> dict[str, int]:
        """The place of each field's value, from 0, by its name."""
        names = () if self._template is None else self._template.fields
        return {name: int(getattr(self, name + INDEX)) for name in names}

    def take(self, places: Mapping[str, int]) -> None:
        """Sets values as a page does; observers are called later, away from its thread.

        Args:
            places: Places of values by field; what is no field or no place of one is left out.
        """
        before = self._by_page
        self._thread.by_page = True
        try:
            for name, field in self._known():
                place = places.get(name)
                if isinstance(place, int) and 0 <= place < len(field.labels):
                    setattr(self, name, field.labels[place])
        finally:
            self._thread.by_page = before

    @property
    def _by_page(self) -> bool:
        return bool(getattr(self._thread, "by_page", False))

    def _known(self) -> Iterator[tuple[str, Field]]:
        yield from () if self._template is None else self._template.fields.items()

    def _notify_observers(self, event: Any) -> None:
        """Keeps a value and its place in step, tells the widget, and then the observers.

        Overrides a private method of traitlets; see ``check_hooks``.
        """
        change = t.Bunch(event)
        is_change = self._is_ready and change["type"] == "change"
        if is_change:
            self._changed(change)
        call = super()._notify_observers
        if not is_change or self._user_code is None:
            call(change)
        elif self._by_page:
            self._user_code().notify(change, call)
        else:
            call(self._user_code().take(change))

    def _changed(self, change: t.Bunch) -> None:
        template, name = self._template, change["name"]
        if template is None:
            return
        if name in template.fields:
            labels = template.fields[name].labels
            self.set_trait(name + INDEX, labels.index(change["new"]))
            self._told(self._by_page)
        elif name.removesuffix(INDEX) in template.fields:
            field = template.fields[name.removesuffix(INDEX)]
            self.set_trait(field.name, field.labels[int(change["new"])])

    def __repr__(self) -> str:
        return f"Fields({', '.join(f'{name}={value!r}' for name, value in self.values.items())})"
