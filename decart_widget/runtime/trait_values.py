"""The trait values without a session, and for a session's current state."""

from __future__ import annotations

from typing import Any, Final

from decart_widget.models import RealtimeModel
from decart_widget.prices import price
from decart_widget.protocol.states import ACTIVE_STATES, ConnectionState, ServiceStatus
from decart_widget.runtime.destination import SANDBOX
from decart_widget.runtime.settings import Settings
from decart_widget.session.endpoints import DECART
from decart_widget.session.session import Session

IDLE: Final[dict[str, Any]] = {
    "connection_state": ConnectionState.IDLE.value,
    "service_status": ServiceStatus.UNKNOWN.value,
    "queue_position": None,
    "queue_size": None,
    "session_id": None,
    "generation_tick": 0.0,
    "budget_low": False,
    "applied_prompt": None,
    "prompt_status": "idle",
    "error": {},
    "_retry": {},
    "_applied_in": None,
}
"""The traits' values before the first session."""


def media_trait(model: RealtimeModel, *, has_image: bool) -> dict[str, Any]:
    """Returns the value of the ``_media`` trait: what the front end needs to know of the model.

    Args:
        model: The model of the next session.
        has_image: Whether a reference image is requested.
    """
    return {
        "width": model.width,
        "height": model.height,
        "fps": model.fps,
        "has_image": has_image,
        "takes_image": model.reference_image,
    }


def own_model_words(figures: dict[str, Any] | None) -> str:
    """Returns the value of the ``_own_model`` trait, a text for the badge on the picture.

    Args:
        figures: Of a model of the user's (`Destination.own_model`); None: there is none.
    """
    if figures is None:
        return ""
    words = ["Your own model"]
    if figures.get("frame_ms") is not None:
        took_ms = figures["frame_ms"]
        digits = 0 if took_ms >= 10 else 1
        words += [f"{took_ms:.{digits}f} ms a frame", f"{figures['fps']:.0f} fps"]
    return " · ".join(words)


def price_of(settings: Settings, endpoint: str) -> float | None:
    """Returns what the next session costs, in US dollars per second; None when it isn't known.

    Args:
        settings: The settings of the session.
        endpoint: The value of the ``endpoint`` trait.
    """
    if endpoint == SANDBOX:
        return 0.0
    return price(settings.model, settings.speed) if endpoint == DECART.name else None


def cost(billed_s: float, per_s: float | None) -> float | None:
    """Returns the value of the ``cost`` trait: US dollars; None for an unknown price."""
    return None if per_s is None else round(billed_s * per_s, 6)


def trait_values(session: Session, per_s: float | None, *, typing: bool) -> dict[str, Any]:
    """Returns the trait values for a session.

    Args:
        session: A session that runs or has ended.
        per_s: Its price in US dollars per second; None when it isn't known.
        typing: Whether a changed prompt waits for the end of the debounce time.
    """
    machine = session.machine
    applied = machine.applied
    return {
        "connection_state": machine.state.value,
        "service_status": machine.service_status.value,
        "queue_position": machine.queue_position,
        "queue_size": machine.queue_size,
        "session_id": machine.session_id,
        "generation_tick": machine.generation_tick,
        "cost": cost(machine.generation_tick, per_s),
        "remaining": session.remaining,
        "budget_low": session.budget_low,
        "applied_prompt": None if applied is None else applied.prompt,
        "prompt_status": _prompt_status(session, typing=typing),
        "error": {} if session.error is None else session.error.as_trait(),
        "_retry": session.retry,
        "_applied_in": session.applied_in,
    }


def _prompt_status(session: Session, *, typing: bool) -> str:
    if session.machine.state not in ACTIVE_STATES:
        return "idle"
    return "pending" if typing or session.pending else session.last_outcome
