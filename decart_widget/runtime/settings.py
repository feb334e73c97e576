"""What a widget's next session is to be like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from decart_widget.diagnostics.secrets import Secret
from decart_widget.models import RealtimeModel
from decart_widget.options import ConnectionOptions, VideoOptions
from decart_widget.session.config import SessionConfig
from decart_widget.session.endpoints import Endpoint
from decart_widget.session.media import Transport
from decart_widget.session.tokens import Tokens


@dataclass(frozen=True)
class Settings:
    """As the widget's arguments and traits say when it is read."""

    transport: Transport
    model: RealtimeModel
    video: VideoOptions
    connection: ConnectionOptions
    budget: float | None
    resolution: str | None
    speed: str | None

    def config(
        self,
        endpoint: Endpoint,
        key: Secret,
        timeout: float | None,
        *,
        tokens: Tokens,
        renew: Callable[[], Awaitable[tuple[Endpoint, Secret]]],
    ) -> SessionConfig:
        """The same for one session.

        Args:
            endpoint: Where it goes.
            key: With which key.
            timeout: Seconds until it must stand; None for those of ``connection``.
            tokens: Where client tokens come from.
            renew: Asked for endpoint and key before each further attempt.
        """
        connection = self.connection
        if timeout is not None:
            connection = replace(connection, connection_timeout=timeout)
        return SessionConfig(
            model=self.model,
            endpoint=endpoint,
            key=key,
            transport=self.transport,
            video=self.video,
            connection=connection,
            budget=self.budget,
            resolution=self.resolution,
            speed=self.speed,
            tokens=tokens,
            renew=renew,
        )
