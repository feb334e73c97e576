"""The part of a ``Session`` that runs on the background loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from decart_widget.diagnostics.log import Log
from decart_widget.errors import DecartError
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState
from decart_widget.runtime.model_names import ModelNames
from decart_widget.runtime.session_runner import SessionRunner
from decart_widget.runtime.trait_updates import Coalescer
from decart_widget.runtime.trait_values import IDLE
from decart_widget.session.account import Quota, quota
from decart_widget.session.tokens import Tokens

if TYPE_CHECKING:
    from decart_widget.engine.media import EngineMedia
    from decart_widget.engine.streams import Streams
    from decart_widget.inputs.sources.reader import Source
    from decart_widget.runtime.destination import Destination
    from decart_widget.runtime.prompts import Prompts
    from decart_widget.runtime.settings import Settings


class SessionController:
    """Creates the components of one ``Session``, and runs its sessions one after the other.

    Args:
        destination: Where sessions go.
        settings: Returns the settings of the next session.
        prompt_state: The initial prompt state.
        image_url: URL of a reference image that the first start downloads.
        media: The engine; every session uses it.
        streams: The open streams of frames, which end with a session.
        publish: Sets traits at once; from any thread.
        log: Receives the entries of the sessions.

    Attributes:
        sessions: Starts and ends sessions.
    """

    def __init__(
        self,
        destination: Destination,
        settings: Callable[[], Settings],
        prompt_state: PromptState,
        image_url: str | None,
        media: EngineMedia,
        streams: Streams,
        publish: Callable[[dict[str, Any]], None],
        log: Log,
    ) -> None:
        self._destination = destination
        self._media = media
        self._transport = settings().transport
        self._streams = streams
        self._source_error: DecartError | None = None
        media.on_source_failed = self._source_failed
        self._finishing: asyncio.Future[None] | None = None
        self._tokens = Tokens()
        self._traits = Coalescer(publish, dict(IDLE))
        self._names = ModelNames(self._traits.update, log)
        self.sessions = SessionRunner(
            destination,
            settings,
            self._tokens,
            self._names,
            lambda: media,
            self._traits,
            log,
            publish=publish,
            show_image=lambda _image: None,
            prompt_state=prompt_state,
            image_url=image_url,
            session_over=self._session_over,
        )

    @property
    def prompts(self) -> Prompts:
        """The requested prompt state."""
        return self.sessions.prompts

    @property
    def error(self) -> DecartError | None:
        """The error with which the last start or session failed; None for another end.

        It can be raised: of our own frames it holds none. An error of the user's own frames has
        what the user's code raised as its ``__cause__``.
        """
        failure, source_error = self.sessions.failure, self._source_error
        if failure is None:
            return None
        if source_error is not None and failure.message == source_error.message:
            return source_error
        return failure.bare()

    async def connect(self, timeout: float | None) -> str:
        """Starts a session unless one is active; returns when it is established or has failed.

        Args:
            timeout: Seconds; None for those of the connection options.

        Returns:
            The connection state.
        """
        self._media.warm(self._transport)
        self.sessions.start(timeout)
        return await self.sessions.established()

    async def over(self) -> str:
        """Waits until the session is over.

        Returns:
            The connection state.

        Raises:
            DecartError: The session failed.
        """
        await self.sessions.over()
        await self._media.recordings.finish()
        if (error := self.error) is not None:
            raise error
        session = self.sessions.session
        return (ConnectionState.IDLE if session is None else session.machine.state).value

    async def replace_source(self, source: Source) -> None:
        """Sends another source from now on.

        Args:
            source: The other source; already checked.
        """
        self._media.replace_source(source)

    async def quota(self) -> Quota:
        """Asks the service how many sessions may run at once.

        Raises:
            DecartError: The service refused the key, or could not be asked.
        """
        endpoint, key = await self._destination.open()
        return await quota(key, endpoint)

    async def close(self) -> None:
        """Ends the session, and closes everything that was opened."""
        await self.sessions.disconnect("closed")
        self._streams.over(None)
        await self._media.recordings.finish()
        self._names.close()
        self._tokens.close()
        await self._media.close()
        await asyncio.to_thread(self._destination.close)

    def _source_failed(self, error: DecartError) -> None:
        self._source_error = error

    def _session_over(self) -> None:
        self._streams.over(self.error)
        self._finishing = asyncio.ensure_future(self._media.recordings.finish())
