"""The traits of a widget's prompt, budget and session."""

from __future__ import annotations

from typing import Any, Final

import traitlets as t

from decart_widget.errors import InvalidOptionError, InvalidPromptError, UnknownModelError
from decart_widget.protocol.states import ServiceStatus
from decart_widget.widgets.trait_types import Number, Switch, Text

MAX_BUDGET_S: Final = 86_400
"""Largest budget in seconds: a day."""

BUDGET_REMEDY: Final = f'Give 10 to {MAX_BUDGET_S} seconds, US dollars as in "$2", or None.'
"""What to do about a budget that is refused."""


class BudgetTrait(Number):
    """Seconds, or US dollars as text, which it converts into seconds."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Returns the seconds; raises ``InvalidOptionError`` for a text that is no amount."""
        if isinstance(value, str):
            value = obj.budget_seconds(value)
        return super().validate(obj, value)


class SessionTraits(t.HasTraits):
    """A mix-in of the widget.

    Traits that only the kernel sets are read-only. Of the others a page may set those with the tag
    ``page``: see ``PageWidget.set_state``.
    """

    model = Text(
        "lucy-latest",
        'Give a name of MODELS, for instance "lucy-latest".',
        kind=UnknownModelError,
        help="Name of the model; used by the next start. See MODELS.",
    ).tag(sync=True)
    prompt = Text(
        "",
        'Give a string; "" for no prompt.',
        kind=InvalidPromptError,
        help="What the picture is to become. Sent 0.3 s after the last change while a session "
        'runs; use set() to send it at once. "" (before a start) leaves the picture alone.',
    ).tag(sync=True, page="sets")
    enrich = Switch(True, help="Whether the service may elaborate the prompt.").tag(
        sync=True, page="sets"
    )
    budget = BudgetTrait(
        None,
        BUDGET_REMEDY,
        allow_none=True,
        help="Seconds of generation after which the session ends, up to 86400; at least 10 at the "
        'service. None for no limit. Used by the next start. US dollars, as in "$2", are converted '
        "into seconds at once, by the model's list price. A page may only lower it.",
    ).tag(sync=True, page="lowers")

    service_status = t.Enum(
        [status.value for status in ServiceStatus],
        ServiceStatus.UNKNOWN.value,
        read_only=True,
        help="The session's status at the service: unknown, entering-queue or ready.",
    ).tag(sync=True)
    queue_position = t.Int(
        None,
        allow_none=True,
        read_only=True,
        help="Place in the service's queue, from 1; None when not queued.",
    ).tag(sync=True)
    queue_size = t.Int(
        None,
        allow_none=True,
        read_only=True,
        help="Length of the service's queue; None when not queued, or not known.",
    ).tag(sync=True)
    session_id = t.Unicode(
        None, allow_none=True, read_only=True, help="The service's id of the session; else None."
    ).tag(sync=True)
    generation_tick = t.Float(
        0.0,
        read_only=True,
        help="Seconds billed so far in this session, as the service counts; the whole budget when "
        "that is used up before the service's last count arrives.",
    ).tag(sync=True)
    cost = t.Float(
        allow_none=True,
        read_only=True,
        help="US dollars of this session so far: billed seconds times the list price of "
        "decart_widget.prices. 0.0 in the sandbox; None where no price is known.",
    ).tag(sync=True)
    resolved_model = t.Unicode(
        None,
        allow_none=True,
        read_only=True,
        help="What the name of the model stood for at the service, such as lucy-2.6 for "
        "lucy-latest; None before a session, and where the service doesn't say it.",
    ).tag(sync=True)
    remaining = t.Float(
        allow_none=True, read_only=True, help="Seconds left of the budget; None without a budget."
    ).tag(sync=True)
    budget_low = t.Bool(False, read_only=True, help="True once 80 % of the budget is used up.").tag(
        sync=True
    )
    kernel_busy = t.Bool(
        False,
        read_only=True,
        help="True while a cell keeps messages of pages from reaching the kernel; kernels with "
        "subshells take them during a cell, too.",
    ).tag(sync=True)
    applied_prompt = t.Unicode(
        None,
        allow_none=True,
        read_only=True,
        help="The prompt that the service acknowledged last; None before that, or without one.",
    ).tag(sync=True)
    prompt_status = t.Enum(
        ["idle", "pending", "applied", "rejected"],
        "idle",
        read_only=True,
        help="Of the newest prompt or image: idle (no session, or no request yet), pending "
        "(not sent yet, or not answered), applied or rejected.",
    ).tag(sync=True)
    stats = t.Dict(
        read_only=True,
        help="Measured by the owner's page in the last second of the received picture: fps "
        "(decoded frames/s), width and height (px), rtt_s (round trip, s), loss (part of the "
        "packets lost, 0 to 1), bitrate (bit/s); attempt (its number); a figure is None where the "
        "browser has none. sent: what the page or the kernel sends, a dict with source, label, "
        "width and height (px), fps (frames/s) and mirrored, empty without a camera. model: "
        "figures of your own model in the last 3 s: fps, frame_ms (ms per frame), batch (frames "
        "per call).",
    )

    # For the front end only.
    _retry = t.Dict(
        read_only=True,
        help="While reconnecting: attempt (from 1), of (how many) and in_s (s until it begins).",
    ).tag(sync=True)
    _applied_in = t.Float(
        None,
        allow_none=True,
        read_only=True,
        help="Seconds that the last acknowledged request took.",
    ).tag(sync=True)
    _own_model = t.Unicode(
        read_only=True,
        help="What the badge says of a model of the user's; empty without one.",
    ).tag(sync=True)

    @t.validate("prompt")
    def _check_prompt(self, proposal: Any) -> str:
        from decart_widget.inputs.prompts import check_text

        return check_text(proposal["value"])

    @t.validate("budget")
    def _check_budget(self, proposal: Any) -> float | None:
        budget = proposal["value"]
        if budget is not None and not 0 < budget <= MAX_BUDGET_S:
            raise InvalidOptionError(f"The budget is {budget:g} s.", remedy=BUDGET_REMEDY)
        return None if budget is None else float(budget)

    def budget_seconds(self, dollars: str) -> float:
        """Returns for how many seconds of the next session an amount such as ``"$2"`` pays.

        Args:
            dollars: The amount in US dollars, with a ``$`` before it.

        Returns:
            Seconds, by the list price of model and speed, in the sandbox as well.

        Raises:
            InvalidOptionError: It is no such text, or no price is known for the model.
        """
        raise NotImplementedError

    @t.default("remaining")
    def _whole_budget(self) -> float | None:
        budget: float | None = self.budget
        return budget
