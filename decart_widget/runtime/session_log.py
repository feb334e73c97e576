"""Writes the changes of a session to its widget's log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from decart_widget.protocol.states import ConnectionState, ServiceStatus

if TYPE_CHECKING:
    from decart_widget.diagnostics.log import Log
    from decart_widget.session.session import Session


class SessionLog:
    """Logs each change of a session since the last call; one object per session.

    Args:
        log: Receives the entries.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._state = ConnectionState.IDLE
        self._status = ServiceStatus.UNKNOWN
        self._queue: tuple[int | None, int | None] = (None, None)
        self._outcome: tuple[str, float | None] = ("idle", None)
        self._error: object = None
        self._retry: dict[str, Any] = {}
        self._ignored: dict[str, int] = {}

    def record(self, session: Session) -> None:
        """Logs the changes since the last call; call it after each change."""
        machine, log = session.machine, self._log
        if machine.state is not self._state:
            self._state = machine.state
            self._state_changed(session)
        if session.retry != self._retry:
            self._retry = dict(session.retry)
            if session.retry.get("in_s"):
                log.add("warning", "trying again", **session.retry)
        if session.error is not self._error:
            self._error = session.error
            if session.error is not None and machine.state is not ConnectionState.ERROR:
                log.add("warning", session.error.message, code=session.error.code)
        if machine.service_status is not self._status:
            self._status = machine.service_status
            log.add("info", f"service {self._status.value}")
        if (queue := (machine.queue_position, machine.queue_size)) != self._queue:
            self._queue = queue
            if queue[0] is not None:
                log.add("debug", "queued", position=queue[0], of=queue[1])
        if (outcome := (session.last_outcome, session.applied_in)) != self._outcome:
            self._outcome = outcome
            log.add("debug", f"prompt {outcome[0]}", in_s=outcome[1])
        for reason, count in machine.ignored.items():
            for _ in range(count - self._ignored.get(reason, 0)):
                log.refuse(f"service: {reason}")
        self._ignored = dict(machine.ignored)

    def _state_changed(self, session: Session) -> None:
        state, error = session.machine.state, session.error
        details: dict[str, Any] = {"attempt": session.attempt}
        if state is ConnectionState.ERROR:
            details |= {} if error is None else {"code": error.code, "message": error.message}
        elif state is ConnectionState.DISCONNECTED:
            details |= {"reason": session.end_reason, "billed_s": session.machine.generation_tick}
        elif state is ConnectionState.CONNECTING:
            config = session.config
            details |= {"model": config.model.name, "transport": config.transport}
        level = {"error": "error", "reconnecting": "warning"}.get(state.value, "info")
        self._log.add(level, state.value, **details)
