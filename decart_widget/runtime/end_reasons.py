"""Why a widget ends a session that nobody stopped, as errors for the ``error`` trait."""

from __future__ import annotations

from decart_widget.errors import DecartError


def unattended() -> DecartError:
    """No page has shown the session for a while."""
    return DecartError(
        "The session was ended because no page showed it any more.",
        remedy="Start again.",
        code="unattended",
    )


def slept(seconds: float) -> DecartError:
    """The machine slept for longer than a page may be silent."""
    return DecartError(
        f"The session was ended because the machine slept for {seconds:.0f} s.",
        remedy="Start again.",
        code="unattended",
    )


def superseded() -> DecartError:
    """The cell that made the widget was run again, and made another one."""
    return DecartError(
        "The session was ended because the cell that made this widget was run again.",
        remedy="Go on with the widget that it made then, or Start here again.",
        code="superseded-by-rerun",
    )
