"""What a widget has for trying prompts live: template, history, schedules, the way to a sweep."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import traitlets as t

from decart_widget.errors import InvalidOptionError
from decart_widget.widgets.fields import Fields, check_template
from decart_widget.widgets.history import History
from decart_widget.widgets.trait_types import Switch
from decart_widget.widgets.user_code import UserCode

if TYPE_CHECKING:
    from decart_widget.diagnostics.log import Log
    from decart_widget.inputs.schedules import Schedule
    from decart_widget.inputs.sources.reader import Source
    from decart_widget.inputs.templates import Template
    from decart_widget.runtime.controller import WidgetController
    from decart_widget.session.background import Background, Operation


class PlacesTrait(t.Dict):
    """The place of each field's value; a page may set those of fields that there are."""

    def page_refusal(self, obj: Any, value: Any) -> str | None:
        """Returns why a page may not set this; None if it may."""
        template = obj.template
        known = {} if template is None else template.fields
        if not isinstance(value, dict) or set(value) != set(known):
            return "sets fields that the template doesn't have"
        places = all(
            isinstance(place, int)
            and not isinstance(place, bool)
            and 0 <= place < len(known[name].labels)
            for name, place in value.items()
        )
        return None if places else "sets a field to what is no value of it"


class Exploring(t.HasTraits):
    """A mix-in of the widget."""

    _background: Background
    _controller: WidgetController
    _source: Source | None
    _user_code: UserCode
    _events: Log
    prompt: Any

    if TYPE_CHECKING:

        def _need_open(self) -> None:
            """Raises ``ClosedError`` when the widget is closed."""

    save_thumbnails = Switch(
        False,
        help="Whether the thumbnails of earlier prompts are saved in the notebook, with the state "
        "of its widgets. They are pictures of whoever is before the camera, so not by default: "
        "then they are gone with the kernel.",
    )

    # For the front end only.
    _template = t.Dict(
        read_only=True, help="The template: parts of its sentence, and fields; empty without one."
    ).tag(sync=True)
    _fields = PlacesTrait(help="The place of each field's value, from 0.").tag(
        sync=True, page="sets"
    )
    _looks: t.List[Any] = t.List(
        read_only=True, help="The prompts that were applied or refused; see History."
    ).tag(sync=True)
    _live = t.Int(
        None, allow_none=True, read_only=True, help="Number of the prompt that is applied."
    ).tag(sync=True)
    _thumbnails = t.Dict(
        read_only=True, help="JPEG files in base64 by number; empty unless save_thumbnails is set."
    ).tag(sync=True)

    _held_template: Template | None = None
    _held_fields: Fields | None = None
    _fields_code: UserCode | None = None

    # --- template -----------------------------------------------------------------------------

    @property
    def template(self) -> Template | None:
        """The template whose fields stand above the prompt box; None for none.

        Set it to what ``explore.template`` returns. The prompt becomes that of its first values, or
        of those that fields of the same names had before.
        """
        return self._held_template

    @template.setter
    def template(self, value: Any) -> None:
        self._take_template(check_template(value))
        if self._held_template is not None:
            self.prompt = self.fields.prompt

    @property
    def fields(self) -> Fields:
        """The fields of the template: a trait for each, which can be linked and observed.

        ``w.fields.light = "dusk"`` changes the prompt like typing does.
        ``ipywidgets.link((w.fields, "light"), (dropdown, "value"))`` links it to another widget.
        A new template makes new fields.
        """
        if self._held_fields is None:
            self._held_fields = Fields()
        return self._held_fields

    def _take_template(self, template: Template | None) -> None:
        kept = {} if self._held_fields is None else self._held_fields.values
        self._held_template, self._held_fields = template, None
        fields = Fields(template, self._field_changed, self._code_of_fields)
        if template is not None:
            before = {
                name: field.labels.index(kept[name])
                for name, field in template.fields.items()
                if kept.get(name) in field.labels
            }
            fields.take(before)
        self._held_fields = fields
        self.set_trait("_template", {} if template is None else _as_trait(template))
        self.set_trait("_fields", fields.places)

    def _code_of_fields(self) -> UserCode:
        """Calls observers of fields; apart from those of traits, which may have the same names."""
        if self._fields_code is None:
            self._fields_code = UserCode(self._events)
        return self._fields_code

    def _field_changed(self, _by_page: bool) -> None:
        fields = self._held_fields
        if fields is None:  # the template is being set
            return
        self.set_trait("_fields", fields.places)
        self.prompt = fields.prompt

    def _places_set(self, places: dict[str, int]) -> None:
        """Sets the fields to what a page has chosen."""
        if places != self.fields.places:
            self.fields.take(places)

    # --- history ------------------------------------------------------------------------------

    @property
    def history(self) -> History:
        """The prompts that were applied or refused, as records, oldest first; see ``History``.

        They are part of the widget's state, so they survive a reload of the page, and are in a
        notebook that is saved with widgets. Pictures are not, unless ``save_thumbnails`` is set.
        """
        return History(self._controller.deck.looks, self._show_looks)

    @property
    def session_record(self) -> Schedule | None:
        """What the running or last session was asked for, by seconds since its first frame.

        It can be played again, edited, exported as JSON, or given to ``transform``. None before the
        first session.
        """
        from decart_widget.inputs.schedules import Schedule

        changes = self._controller.deck.record
        return Schedule(changes) if changes else None

    def _show_looks(self) -> None:
        self._background.call(self._controller.deck.show)

    # --- schedules and sweeps -----------------------------------------------------------------

    def play(self, schedule: Any) -> Operation[str]:
        """Changes the prompt by a schedule, in place of one that is being played.

        With a source of the kernel its clock counts: a change is asked for when the frame of its
        time is sent, again each time the source begins anew. With a camera the time counts from
        now, or from the first frame of the next session.

        Args:
            schedule: As in ``explore.schedule``; None ends the one that is being played.

        Returns:
            An operation whose result is ``"played"`` when all changes were asked for, or
            ``"replaced"`` by a later call.

        Raises:
            InvalidOptionError: It is no schedule.
            InvalidPromptError: A prompt is invalid.
            ClosedError: The widget is closed.
        """
        from decart_widget.inputs.schedules import check_schedule

        self._need_open()
        changes = () if schedule is None else tuple(check_schedule(schedule))
        return self._background.start(self._controller.player.play(changes), "play")

    def sweep(self, source: Any = None, **options: Any) -> Any:
        """Plans a sweep over all values of the template's fields; nothing is billed before Start.

        The button Sweep of the template calls this and shows the sheet under the widget's cell.

        Args:
            source: The clip, as for ``explore.sweep``; None: the widget's own, if the kernel sends
                it.
            **options: As for ``explore.sweep``; ``model`` and ``enrich`` are the widget's.

        Returns:
            The sheet, with its plan.

        Raises:
            InvalidOptionError: There is no template, or no clip.
            ClosedError: The widget is closed.
        """
        self._need_open()
        template = self._held_template
        if template is None:
            raise InvalidOptionError(
                "There is no template, so there is nothing to sweep over.",
                remedy='Set w.template = explore.template("a {light} portrait", light=[...]).',
            )
        chosen = self._source if source is None else source
        if chosen is None:
            raise InvalidOptionError(
                "A sweep needs a clip: each of its cells shows the same frames.",
                remedy='Record one with await w.record("clip.mp4", "input", 3) during a session, '
                'then w.sweep("clip.mp4").',
            )
        # Of a higher layer, and needed by this call only.
        from importlib import import_module

        explore = import_module("decart_widget.explore")
        given = {"model": self.model, "enrich": self.enrich, **self._where(), **options}
        sheet = explore.sweep(chosen, template, **given)
        # So that the sheet's view offers its prompts to this widget.
        import_module("decart_widget.explore.views.shown_sheet").connect(sheet, self)
        return sheet

    if TYPE_CHECKING:
        model: Any
        enrich: Any

        def _where(self) -> dict[str, Any]:
            """The arguments of a session that goes where this widget's goes."""

    def _sweep_wanted(self) -> None:
        """Shows the plan of a sweep under the widget's cell; on the background thread."""
        self._user_code.message(partial(self._show_sweep))

    def _show_sweep(self) -> None:
        from importlib import import_module

        import_module("IPython.display").display(self.sweep())


def _as_trait(template: Template) -> dict[str, Any]:
    """Returns what the front end needs of a template."""
    parts = [part if isinstance(part, str) else {"field": part.name} for part in template.parts]
    fields = [
        {"name": field.name, "labels": list(field.labels), "is_scale": field.is_scale}
        for field in template.fields.values()
    ]
    return {"parts": parts, "fields": fields}
