"""The room of a session: the camera goes in, everybody receives the transformed picture.

Its participants don't see each other. They see one more, ``inference-server-1``, that isn't a
client: it publishes what becomes of the camera's picture and, where there is a microphone, its
sound as it came.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from livekit.protocol import models, rtc

from decart_widget.sandbox.grace import Grace
from decart_widget.sandbox.peer import LOOPBACK_BITRATES, NETWORK_BITRATES, PeerEvents
from decart_widget.sandbox.rooms import messages
from decart_widget.sandbox.rooms.connection import Publication
from decart_widget.sandbox.rooms.feed import Feed
from decart_widget.sandbox.rooms.room import Room
from decart_widget.sandbox.rooms.sdp import codec_named
from decart_widget.sandbox.rooms.sound import Sound
from decart_widget.sandbox.track import TransformTrack

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack

    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer
    from decart_widget.sandbox.rooms.participant import Participant
    from decart_widget.sandbox.rooms.tokens import RoomKeys

#: Clients take the track of the participant whose name begins so.
INFERENCE_SERVER = "inference-server-1"

#: Identities of the session's own client and of those who watch.
CLIENT, VIEWER = "client", "viewer"

#: Seconds that the camera's client may be away, to join anew, before generation counts as over.
REJOIN_LIMIT_S = 5.0

#: Pixels of pictures that it gets ready for; a client may announce anything.
WARM_UP_SIZES = (64 * 64, 1920 * 1088)

#: What a room can tell its participants to do.
LEAVE = {
    "disconnect": rtc.LeaveRequest.DISCONNECT,
    "reconnect": rtc.LeaveRequest.RECONNECT,
    "resume": rtc.LeaveRequest.RESUME,
}


class StageRoom(Room):
    """One camera, one transformed picture, any number of viewers.

    Args:
        name: Unguessable.
        keys: Signs its tokens.
        loopback: Exchange media packets with this machine only.
        renderer: Transforms the frames.
        effect_state: What the session asked for.
        executor: Where frames are transformed.
        events: Whom to tell what.
        output_codec: What the picture is sent with; None: what the camera's track is sent with.
        model: Name of the session's model; viewers' keys must permit it.
        url: Where clients reach this server's signal socket.
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
        self._track_sid = f"TR_{secrets.token_hex(6)}"
        self._created = time.time()
        self._feed = Feed(LOOPBACK_BITRATES if loopback else NETWORK_BITRATES)
        self._sound_sid = f"TR_{secrets.token_hex(6)}"
        self._sound = Sound()
        self._has_sound = False
        self._output_codec = output_codec
        self._camera: TransformTrack | None = None
        self._camera_of: Participant | None = None
        self._size = (0, 0)
        self._grace = Grace(REJOIN_LIMIT_S, events.lost)
        self._warming: asyncio.Task[None] | None = None

    def credentials(self) -> dict[str, str]:
        """Fields of ``livekit_room_info`` for the session's own client."""
        return self._credentials(CLIENT, can_publish=True)

    def viewer_credentials(self) -> dict[str, str]:
        """The same for one more viewer, who can't publish."""
        return self._credentials(VIEWER, can_publish=False)

    def _credentials(self, kind: str, *, can_publish: bool) -> dict[str, str]:
        token = self.token(f"{kind}-{secrets.token_hex(4)}", can_publish=can_publish)
        return {"livekit_url": self._url, "token": token, "room_name": self.name}

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
        return [*self._pictures(mids), *self._sounds(mids)]

    def _pictures(self, mids: dict[str, str]) -> Iterable[Publication]:
        if self._output_codec is None:
            return
        info = models.TrackInfo(
            sid=self._track_sid,
            type=models.TrackType.VIDEO,
            name="output",
            source=models.TrackSource.CAMERA,
            width=self._size[0],
            height=self._size[1],
            mime_type=f"video/{self._output_codec.upper()}",
            mid=mids.get(self._track_sid, ""),
            stream="output",
        )
        yield Publication(self._server_sid, info, self._feed, self._output_codec)

    def _sounds(self, mids: dict[str, str]) -> Iterable[Publication]:
        if not self._has_sound:
            return
        info = models.TrackInfo(
            sid=self._sound_sid,
            type=models.TrackType.AUDIO,
            name="sound",
            source=models.TrackSource.MICROPHONE,
            mime_type="audio/opus",
            mid=mids.get(self._sound_sid, ""),
            stream="output",
        )
        yield Publication(self._server_sid, info, self._sound, "opus")

    async def announced(self, participant: Participant, info: models.TrackInfo) -> None:  # noqa: D102
        if info.type == models.TrackType.AUDIO:
            is_new, self._has_sound = not self._has_sound, True
        else:
            self._size = (info.width, info.height)
            is_new = self._output_codec is None
            self._output_codec = self._output_codec or codec_named(info.mime_type)
            if is_new:
                self._warming = asyncio.create_task(self._warm_up(self._output_codec))
        if not is_new:
            return
        for other in list(self.participants.values()):
            if other is participant:
                await other.send(messages.update(self.others(other)))
            else:
                other.tell(messages.update(self.others(other)))
                other.invite()

    async def _warm_up(self, codec: str) -> None:
        """Use the time until the camera's first picture: the client is still negotiating."""
        width, height = self._size
        if not (WARM_UP_SIZES[0] <= width * height <= WARM_UP_SIZES[1]):
            return
        loop = asyncio.get_running_loop()
        warm_up = self._renderer.warm_up
        await asyncio.gather(
            self._feed.warm_up(codec, width & ~1, height & ~1),
            loop.run_in_executor(
                self._executor, warm_up, self._effect_state, width & ~1, height & ~1
            ),
            return_exceptions=True,  # what is wrong shows with the first picture
        )

    def show(  # noqa: D102
        self, participant: Participant, info: models.TrackInfo | None, track: MediaStreamTrack
    ) -> None:
        if track.kind == "audio":
            self._sound.play(track)
            return
        self._camera = TransformTrack(
            track,
            renderer=self._renderer,
            effect_state=self._effect_state,
            executor=self._executor,
            on_first_frame=self._events.first_frame,
            is_frozen=self._events.is_frozen,
        )
        self._camera_of = participant
        self._grace.end()
        self._feed.show(self._camera)

    def gone(self, participant: Participant) -> None:  # noqa: D102
        if participant is self._camera_of:
            self._camera_of = None
            self._feed.hide()
            self._sound.silence()
            self._grace.begin()

    def vanish(self) -> None:
        """Leave the network without a word, as a killed server does; sockets go on."""
        for participant in self.participants.values():
            participant.connection.vanish()

    def drop_sockets(self) -> None:
        """Break every signal socket off, without a close frame."""
        for participant in self.participants.values():
            participant.drop_socket()

    async def dismiss_all(self, action: str) -> None:
        """Tell everybody to ``disconnect``, ``reconnect``, or ``resume`` on another socket."""
        reason = models.DisconnectReason.SERVER_SHUTDOWN
        leaving = list(self.participants.values())
        await asyncio.gather(*(p.dismiss(LEAVE[action], reason) for p in leaving))

    async def close(self) -> None:  # noqa: D102
        self._grace.end()
        if self._warming is not None:
            self._warming.cancel()
        await super().close()
        self._feed.hide()
        self._sound.silence()

    def stats(self) -> dict[str, Any]:
        """Frames sent, frames dropped unread, size of the last one, codecs, participants."""
        camera = self._camera
        return {
            "frames": camera.frames if camera else 0,
            "dropped": camera.dropped if camera else 0,
            "size": camera.size if camera else None,
            "sound": self._sound.frames,
            "codecs": self._feed.codecs,
            **super().stats(),
        }
