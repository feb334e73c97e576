"""A session's room on this server: the camera's video comes in, the transformed video goes out.

Its participants don't see each other. They see ``inference-server-1``, as in the service's rooms:
it isn't a client, but publishes the transformed video and, where there is a microphone, its audio
unchanged.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Final

from livekit.protocol import models, rtc

from decart_widget.rtc.sdp import codec_name
from decart_widget.rtc.trailers import trailers_of
from decart_widget.sandbox.grace import Grace
from decart_widget.sandbox.peer import LOOPBACK_BITRATES, NETWORK_BITRATES, PeerEvents
from decart_widget.sandbox.rooms import messages
from decart_widget.sandbox.rooms.audio_feed import AudioFeed
from decart_widget.sandbox.rooms.connection import Publication
from decart_widget.sandbox.rooms.room import Room
from decart_widget.sandbox.rooms.video_feed import VideoFeed
from decart_widget.sandbox.track import TransformTrack

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack

    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer
    from decart_widget.sandbox.rooms.participant import Participant
    from decart_widget.sandbox.rooms.tokens import RoomKeys

INFERENCE_SERVER: Final = "inference-server-1"
"""Identity of the transforming participant; clients know it by the part before the number."""

CLIENT: Final = "client"
"""Beginning of the identity of the session's owner."""

VIEWER: Final = "viewer"
"""Beginning of the identity of a viewer."""

REJOIN_LIMIT_S: Final = 5.0
"""Seconds that the owner may take to join again before generation ends."""

WARM_UP_PIXELS: Final = (64 * 64, 1920 * 1088)
"""Smallest and largest frame area that is prepared for; a client may announce any size."""

TRAILER_FEATURES: Final = (
    models.PTF_USER_TIMESTAMP,
    models.PTF_FRAME_ID,
    models.PTF_USER_DATA,
)
"""What the packet trailers of the transformed track may contain: all that the camera's may."""

LEAVE_ACTIONS: Final = {
    "disconnect": rtc.LeaveRequest.DISCONNECT,
    "reconnect": rtc.LeaveRequest.RECONNECT,
    "resume": rtc.LeaveRequest.RESUME,
}
"""Actions of a LeaveRequest by their names in `Faults`."""


class LocalSessionRoom(Room):
    """One camera, one transformed video track, any number of viewers.

    Args:
        name: Unguessable.
        keys: Signs its tokens.
        loopback: Exchange media packets with this machine only.
        renderer: Transforms the frames.
        effect_state: The session's effect; it may change at any time.
        executor: Runs the renderer.
        events: Callbacks of the session.
        output_codec: Codec of the transformed video; None: the camera's.
        echoes_trailers: Whether the camera's packet trailers are sent back with the transformed
            frames, to clients that read trailers.
        model: Name of the session's model; viewers' keys must permit it.
        url: Address at which clients reach this server's signal socket.
    """

    def __init__(
        self,
        name: str,
        *,
        keys: RoomKeys,
        loopback: bool,
        renderer: Renderer,
        effect_state: EffectState,
        executor: Executor,
        events: PeerEvents,
        output_codec: str | None,
        echoes_trailers: bool,
        model: str,
        url: str,
    ) -> None:
        super().__init__(name, keys=keys, loopback=loopback)
        self.model = model
        self._url = url
        self._renderer = renderer
        self._effect_state = effect_state
        self._executor = executor
        self._events = events
        self._server_sid = f"PA_{secrets.token_hex(6)}"
        self._created = time.time()
        self._video_sid = f"TR_{secrets.token_hex(6)}"
        bitrates = LOOPBACK_BITRATES if loopback else NETWORK_BITRATES
        self._video = VideoFeed(bitrates, lambda: self.faults)
        self._ending: asyncio.Task[None] | None = None
        self._audio_sid = f"TR_{secrets.token_hex(6)}"
        self._audio = AudioFeed()
        self._has_audio = False
        self._output_codec = output_codec
        self._echoes_trailers = echoes_trailers
        self._camera: TransformTrack | None = None
        self._camera_owner: Participant | None = None
        self._size_px = (0, 0)
        self._grace = Grace(REJOIN_LIMIT_S, events.lost)
        self._warming: asyncio.Task[None] | None = None

    # --- credentials --------------------------------------------------------------------------

    def credentials(self) -> dict[str, str]:
        """``livekit_url``, ``token`` and ``room_name`` for the session's owner."""
        return self._credentials(CLIENT, can_publish=True)

    def viewer_credentials(self) -> dict[str, str]:
        """The same for another viewer, who can't publish."""
        return self._credentials(VIEWER, can_publish=False)

    def _credentials(self, kind: str, *, can_publish: bool) -> dict[str, str]:
        token = self.token(f"{kind}-{secrets.token_hex(4)}", can_publish=can_publish)
        return {"livekit_url": self._url, "token": token, "room_name": self.name}

    # --- what participants see ----------------------------------------------------------------

    def sees(self, viewer: Participant, other: Participant) -> bool:  # noqa: D102
        return False

    def others(self, viewer: Participant) -> Iterable[models.ParticipantInfo]:  # noqa: D102
        tracks = [publication.info for publication in self.publications(viewer)]
        yield messages.participant(
            sid=self._server_sid,
            identity=INFERENCE_SERVER,
            tracks=tracks,
            version=1 + len(tracks),
            joined_at=self._created,
        )

    def publications(self, viewer: Participant) -> list[Publication]:  # noqa: D102
        mids = {sid: mid for mid, sid in viewer.connection.mid_to_track.items()}
        published = []
        if self._output_codec is not None:
            published.append(self._video_publication(self._output_codec, mids))
        if self._has_audio:
            published.append(self._audio_publication(mids))
        return published

    def _video_publication(self, codec: str, mids: dict[str, str]) -> Publication:
        info = models.TrackInfo(
            sid=self._video_sid,
            type=models.TrackType.VIDEO,
            name="output",
            source=models.TrackSource.CAMERA,
            width=self._size_px[0],
            height=self._size_px[1],
            mime_type=f"video/{codec.upper()}",
            mid=mids.get(self._video_sid, ""),
            stream="output",
            packet_trailer_features=TRAILER_FEATURES if self._echoes_trailers else (),
        )
        return Publication(self._server_sid, info, self._video, codec)

    def _audio_publication(self, mids: dict[str, str]) -> Publication:
        info = models.TrackInfo(
            sid=self._audio_sid,
            type=models.TrackType.AUDIO,
            name="sound",
            source=models.TrackSource.MICROPHONE,
            mime_type="audio/opus",
            mid=mids.get(self._audio_sid, ""),
            stream="output",
        )
        return Publication(self._server_sid, info, self._audio, "opus")

    # --- tracks of the owner ------------------------------------------------------------------

    async def track_announced(self, participant: Participant, info: models.TrackInfo) -> None:  # noqa: D102
        if info.type == models.TrackType.AUDIO:
            is_new, self._has_audio = not self._has_audio, True
        else:
            self._size_px = (info.width, info.height)
            is_new = self._output_codec is None
            self._output_codec = self._output_codec or codec_name(info.mime_type)
            if is_new:
                self._warming = asyncio.create_task(self._warm_up(self._output_codec))
        if not is_new:
            return
        for other in list(self.participants.values()):
            if other is participant:
                await other.send(messages.update(self.others(other)))
            else:
                other.send_soon(messages.update(self.others(other)))
                other.negotiate_missing()

    async def _warm_up(self, codec: str) -> None:
        """Prepare encoder and renderer while the client still negotiates."""
        width, height = self._size_px
        if not (WARM_UP_PIXELS[0] <= width * height <= WARM_UP_PIXELS[1]):
            return
        width, height = width & ~1, height & ~1  # YUV 4:2:0 has even sizes
        loop = asyncio.get_running_loop()
        warm_up = self._renderer.warm_up
        await asyncio.gather(
            self._video.warm_up(codec, width, height),
            loop.run_in_executor(self._executor, warm_up, self._effect_state, width, height),
            return_exceptions=True,  # an error occurs again with the first frame, and is logged
        )

    def track_received(  # noqa: D102
        self, participant: Participant, info: models.TrackInfo | None, track: MediaStreamTrack
    ) -> None:
        if track.kind == "audio":
            self._audio.start(track)
            return
        self._camera = TransformTrack(
            track,
            renderer=self._renderer,
            effect_state=self._effect_state,
            executor=self._executor,
            on_first_frame=self._events.first_frame,
            is_frozen=self._events.is_frozen,
        )
        self._camera_owner = participant
        self._grace.end()
        self._video.start(self._camera, trailers_of(track) if self._echoes_trailers else None)

    def participant_left(self, participant: Participant) -> None:  # noqa: D102
        if participant is self._camera_owner:
            self._camera_owner = None
            self._ending = asyncio.create_task(self._video.end())
            self._audio.stop()
            self._grace.begin()

    # --- simulated failure, end, statistics ---------------------------------------------------

    def go_silent(self) -> None:
        """Stop all media without telling the clients, as a killed server does; sockets stay."""
        for participant in self.participants.values():
            participant.connection.go_silent()

    def drop_sockets(self) -> None:
        """Break every signal socket, without a close frame."""
        for participant in self.participants.values():
            participant.drop_socket()

    async def dismiss_all(self, action: str) -> None:
        """Send all clients a LeaveRequest; ``action`` is a key of `LEAVE_ACTIONS`."""
        reason = models.DisconnectReason.SERVER_SHUTDOWN
        leaving = list(self.participants.values())
        await asyncio.gather(*(p.dismiss(LEAVE_ACTIONS[action], reason) for p in leaving))

    async def close(self) -> None:  # noqa: D102
        self._grace.end()
        if self._warming is not None:
            self._warming.cancel()
        await self._video.end()
        await super().close()
        self._audio.stop()

    def stats(self) -> dict[str, Any]:
        """Statistics of the media.

        Returns:
            Frames sent and dropped unread, size of the last one in pixels, audio frames, codecs,
            and the participants' connections.
        """
        camera = self._camera
        return {
            "frames": camera.frames if camera else 0,
            "dropped": camera.dropped if camera else 0,
            "size": camera.size if camera else None,
            "sound": self._audio.frames,
            "codecs": self._video.codecs,
            **super().stats(),
        }
