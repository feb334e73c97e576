"""Waits for a free place among the sessions that the organisation may run at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from decart_widget.errors import (
    AtCapacityError,
    AuthenticationError,
    DecartError,
    SessionLimitError,
)

if TYPE_CHECKING:
    from decart_widget.headless.session import Session

AGAIN_S: Final = 0.5
"""Seconds between two questions for a free place."""

ANSWER_S: Final = 15.0
"""Seconds that the service may take to answer."""


class Waiting(Protocol):
    """Waits on behalf of a job."""

    @property
    def is_over(self) -> bool:
        """Whether the job is over."""

    def pause(self, seconds: float) -> None:
        """Waits, but not longer than until the job is over."""


class Places:
    """Lets one session at a time look for a place and take it.

    Args:
        waiting: Waits on behalf of the job.
    """

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._turn = threading.Lock()

    def take(self, session: Session, connect: Callable[[], None], tell: Callable[[], None]) -> bool:
        """Waits until a session may start, and starts it.

        Args:
            session: It knows whom to ask.
            connect: Starts it, and returns when it is established.
            tell: Called while there is no place.

        Returns:
            Whether it was started; False when the job was stopped.

        Raises:
            DecartError: It could not be started for another reason.
        """
        while not self._waiting.is_over:
            with self._turn:
                if _has_place(session):
                    try:
                        connect()
                    except (SessionLimitError, AtCapacityError):
                        pass  # somebody else was faster
                    else:
                        return True
            tell()
            self._waiting.pause(AGAIN_S)
        return False


def _has_place(session: Session) -> bool:
    """Whether a session may start, as far as the service says.

    Raises:
        AuthenticationError: The key was refused.
    """
    try:
        return session.quota().result(ANSWER_S).remaining > 0
    except AuthenticationError:
        raise
    except (DecartError, TimeoutError):
        return True  # it doesn't say; a start will show it
