"""The methods that every object with sessions has: the widget, and ``Session`` without a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import traitlets as t

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.widgets.published import PublishedTraits
from decart_widget.widgets.session_traits import SessionTraits

if TYPE_CHECKING:
    from decart_widget.runtime.prompts import Prompts
    from decart_widget.runtime.session_runner import SessionRunner
    from decart_widget.runtime.settings import Settings
    from decart_widget.session.account import Quota
    from decart_widget.session.background import Background, Operation

UNSET: Final[Any] = type("Unset", (), {"__repr__": lambda _self: "unchanged"})()
"""Default of the arguments of ``set``, for which None is a value."""


class SessionControl(Protocol):
    """What runs the sessions on the background loop."""

    @property
    def sessions(self) -> SessionRunner:
        """Starts and ends sessions."""

    @property
    def prompts(self) -> Prompts:
        """The requested prompt state."""

    async def quota(self) -> Quota:
        """Asks the service how many sessions may run at once."""


class SessionMethods(SessionTraits, PublishedTraits):
    """A mix-in; the work is done on the background thread."""

    _background: Background
    _settings: Settings

    if TYPE_CHECKING:

        def _need_open(self) -> None:
            """Raises ``ClosedError`` when this is closed."""

        @property
        def _control(self) -> SessionControl:
            """What runs the sessions."""

    def disconnect(self) -> Operation[str]:
        """Ends the session, and so its billing; and its source is closed.

        Returns:
            An operation whose result is the connection state. Without a session, nothing happens.

        Raises:
            ClosedError: It is closed.
        """
        self._need_open()
        return self._background.start(self._control.sessions.disconnect(), "disconnect")

    @hides_arguments
    def set(
        self, prompt: str | None = UNSET, image: Any = UNSET, enrich: bool = UNSET
    ) -> Operation[str]:
        """Changes prompt, image and enrich together, in one message, without the 0.3 s pause.

        The traits ``prompt`` and ``enrich`` have the new values when this returns.

        Args:
            prompt: None for no prompt. Arguments that are left out stay unchanged.
            image: As in the constructor; None for no reference image.
            enrich: Whether the service may elaborate the prompt.

        Returns:
            An operation whose result is ``"applied"`` once the service has acknowledged the
            change, ``"superseded"`` when a newer change replaced it, or ``"stored"`` without a
            session: then the next session begins with it. Awaiting it raises
            ``RequestRejectedError`` or ``AckTimeoutError``.

        Raises:
            InvalidPromptError: The prompt is no text, is blank or too long. Nothing changes.
            InvalidImageError: The image can't be used. Nothing changes.
            ClosedError: It is closed.
        """
        from decart_widget.widgets.arguments import check_changes

        self._need_open()
        arguments = {"prompt": prompt, "image": image, "enrich": enrich}
        given = {name: value for name, value in arguments.items() if value is not UNSET}
        changes, url = check_changes(self._settings.model, given)
        prompts = self._control.prompts
        if url is not None:
            return self._background.start(prompts.set_with_url(url, **changes), "set")
        operation = self._background.start(prompts.set(**changes), "set")
        errors: list[Exception] = []
        self._set_and_send(
            self._known(prompts.traits_for(changes)), lambda _name, error: errors.append(error)
        )
        if errors:
            raise errors[0]  # raised by an observer of the caller
        return operation

    def quota(self) -> Operation[Quota]:
        """Asks the service how many sessions may run at once, and how many do.

        Returns:
            An operation whose result has ``limit``, ``active`` and ``remaining``, for all users of
            the key's organisation. Awaiting it raises ``AuthenticationError``, or another
            ``DecartError`` if the service doesn't answer.

        Raises:
            ClosedError: It is closed.
        """
        self._need_open()
        return self._background.start(self._control.quota(), "quota")

    def budget_seconds(self, dollars: str) -> float:  # noqa: D102 (inherited)
        from decart_widget.widgets.arguments import budget_seconds

        return budget_seconds(dollars, self._settings)

    @property
    def subscribe_token(self) -> str | None:
        """The token with which a ``DecartViewer`` shows this session elsewhere.

        None until the session has a room (``transport="livekit"``, connected), and again when it
        is over. It gives access to the picture, so it is in no trait and no saved notebook.
        """
        return self._control.sessions.subscribe_token

    # --- inside -------------------------------------------------------------------------------

    def _known(self, values: dict[str, Any]) -> dict[str, Any]:
        """Without the traits that only widgets have."""
        return {name: value for name, value in values.items() if self.has_trait(name)}

    def _function_failed(self, error: BaseException) -> None:
        """Shows an error of the function given as ``endpoint=``; on a thread of the local server.

        The session continues.
        """
        from decart_widget.errors import function_error, model_process_error
        from decart_widget.sandbox.effects.user_function import StalledError
        from decart_widget.sandbox.own.model_link import ModelProcessError

        complain = self._control.sessions.complain
        if isinstance(error, ModelProcessError):
            self._background.call(complain, model_process_error(error))
            return
        stalled = isinstance(error, StalledError)
        if not stalled:
            self._user_code.report("The function given as endpoint=", error)
        self._background.call(complain, function_error(error, stalled=stalled))

    def _current_settings(self) -> Settings:
        from dataclasses import replace

        return replace(self._settings, budget=self.budget)

    @t.default("cost")
    def _nothing_spent(self) -> float | None:
        from decart_widget.runtime.trait_values import cost, price_of

        return cost(0.0, price_of(self._settings, self.endpoint))
