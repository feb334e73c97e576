"""The settings of a widget's next session, from its arguments and traits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from decart_widget.inputs.secrets import Secret
from decart_widget.models import RealtimeModel
from decart_widget.options import ConnectionOptions, VideoOptions
from decart_widget.session.config import SessionConfig
from decart_widget.session.endpoints import Endpoint
from decart_widget.session.media import Transport
from decart_widget.session.tokens import Tokens


@dataclass(frozen=True)
class Settings:
    """The values of arguments and traits at one moment.

    Attributes:
        transport: How media is negotiated.
        model: The model.
        video: Codec, bitrates and frame rate of what is sent.
        connection: ICE servers and time-outs.
        budget: Seconds of generation after which the session ends; None for no limit.
        resolution: ``"720p"``, ``"1080p"`` or None for the model's own.
        speed: ``"fast"`` or None.
    """

    transport: Transport
    model: RealtimeModel
    video: VideoOptions
    connection: ConnectionOptions
    budget: float | None
    resolution: str | None
    speed: str | None

    def in_kernel(self) -> Settings:
        """Returns the settings with the automatic video options of a session in the kernel."""
        rate = max(self.model.fps, self.video.max_framerate)
        video = replace(self.video, preferred_codec="AUTO", max_framerate=rate)
        return replace(self, video=video)

    def config(
        self,
        endpoint: Endpoint,
        key: Secret,
        timeout: float | None,
        *,
        tokens: Tokens,
        renew: Callable[[], Awaitable[tuple[Endpoint, Secret]]],
    ) -> SessionConfig:
        """Returns the configuration of one session.

        Args:
            endpoint: The service.
            key: Its API key.
            timeout: Seconds until it must be established; None for those of ``connection``.
            tokens: Fetches client tokens.
            renew: Returns endpoint and key; called before each reconnect.
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
