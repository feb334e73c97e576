"""A room: who is in it, who sees what, and when it ends."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from livekit.protocol import models, rtc

from decart_widget.sandbox.faults import NONE
from decart_widget.sandbox.rooms import messages
from decart_widget.sandbox.rooms.participant import CLOSE_NORMAL, Participant
from decart_widget.sandbox.rooms.tokens import RoomGrant, RoomKeys

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack
    from websockets.asyncio.server import ServerConnection

    from decart_widget.sandbox.rooms.connection import Publication

logger = logging.getLogger(__name__)

#: A decoder and an encoder each: more fill the machine.
PARTICIPANT_LIMIT = 10

#: Seconds that a participant whose signal socket broke may take to come back on another.
RESUME_LIMIT_S = 15.0

#: Seconds that a token is good for joining; participants get fresh ones in time.
TOKEN_LIFETIME_S = 600.0


class Room:
    """Lets participants in; what they see of each other is for its kinds to say.

    Args:
        name: Unguessable, or known to those who have a secret to sign tokens with.
        keys: Signs its tokens.
        loopback: Exchange media packets with this machine only.

    Attributes:
        faults: What goes wrong here.
        complain: Told, as text for the user, why somebody can't be served.
        participants: By identity.
        closed: Whether it has ended.
    """

    def __init__(self, name: str, *, keys: RoomKeys, loopback: bool) -> None:
        self.name = name
        self.sid = f"RM_{secrets.token_hex(6)}"
        self.faults = NONE
        self.complain: Callable[[str], None] = logger.info
        self.participants: dict[str, Participant] = {}
        self.closed = False
        self._keys = keys
        self._loopback = loopback

    # --- tokens -------------------------------------------------------------------------------

    def token(self, identity: str, *, can_publish: bool) -> str:
        """A token for one participant of this room."""
        now = time.time()
        return self._keys.sign(
            RoomGrant(
                room=self.name,
                identity=identity,
                issued=now,
                expires=now + self._token_s,
                can_publish=can_publish,
            )
        )

    @property
    def _token_s(self) -> float:
        lifetime = self.faults.room_token_s
        return TOKEN_LIFETIME_S if lifetime is None else lifetime

    def fresh_token(self, grant: RoomGrant, now: float) -> str | None:
        """A token in place of one that is half used up, so that whoever is in can come back."""
        participant = self.participants.get(grant.identity)
        if participant is None or now < (grant.issued + grant.expires) / 2:
            return None
        participant.grant = replace(grant, issued=now, expires=now + self._token_s)
        return self._keys.sign(participant.grant)

    # --- signal sockets -----------------------------------------------------------------------

    async def admit(
        self,
        socket: ServerConnection,
        grant: RoomGrant,
        request: rtc.JoinRequest,
        *,
        single: bool,
    ) -> None:
        """Serve a signal socket until it closes, as a new participant or as one that resumes."""
        await asyncio.sleep(self.faults.join_delay_s)
        participant = self.participants.get(grant.identity)
        if request.reconnect:
            if not self._can_resume(participant, request.participant_sid):
                await self._send_back(socket)
                return
            assert participant is not None
            serving = participant.resume(socket)
        else:
            if participant is not None:
                await self._remove(participant, models.DisconnectReason.DUPLICATE_IDENTITY)
            if len(self.participants) >= PARTICIPANT_LIMIT or self.closed:
                await self._refuse(socket)
                return
            participant = Participant(self, grant, single=single, loopback=self._loopback)
            self.participants[grant.identity] = participant
            self._tell_others(participant, participant.info())
            offer = request.publisher_offer if request.HasField("publisher_offer") else None
            serving = participant.join(socket, offer)
        try:
            await serving
        finally:
            await self._socket_closed(participant, socket)

    def _can_resume(self, participant: Participant | None, sid: str) -> bool:
        return (
            participant is not None
            and participant.sid == sid
            and participant.connection.is_alive
            and not self.faults.refuse_resume
        )

    async def _send_back(self, socket: ServerConnection) -> None:
        leave = messages.leave(rtc.LeaveRequest.RECONNECT, models.DisconnectReason.STATE_MISMATCH)
        await socket.send(leave.SerializeToString())
        await socket.close(CLOSE_NORMAL, "nothing to resume: join again")

    async def _refuse(self, socket: ServerConnection) -> None:
        leave = messages.leave(rtc.LeaveRequest.DISCONNECT, models.DisconnectReason.JOIN_FAILURE)
        await socket.send(leave.SerializeToString())
        await socket.close(CLOSE_NORMAL, "the room is full")

    async def _socket_closed(self, participant: Participant, socket: ServerConnection) -> None:
        if not participant.uses(socket):
            return
        if not participant.left and participant.connection.is_alive and not self.closed:
            await participant.wait_for_another_socket(RESUME_LIMIT_S)
        if participant.uses(socket):
            await self._remove(participant)

    async def lost(self, participant: Participant) -> None:
        """Its media can't reach it: it has to come back anew."""
        if self.participants.get(participant.identity) is participant:
            await participant.dismiss(
                rtc.LeaveRequest.RECONNECT, models.DisconnectReason.CONNECTION_TIMEOUT
            )
            await self._remove(participant)

    async def _remove(
        self, participant: Participant, reason: models.DisconnectReason | None = None
    ) -> None:
        if self.participants.get(participant.identity) is participant:
            del self.participants[participant.identity]
            self.gone(participant)
            self._tell_others(participant, participant.info(gone=True))
        if reason is not None:
            await participant.dismiss(reason=reason)
        await participant.close()

    def _tell_others(self, participant: Participant, info: models.ParticipantInfo) -> None:
        for other in list(self.participants.values()):
            if other is not participant and self.sees(other, participant):
                other.tell(messages.update([info]))

    async def close(self) -> None:
        """Send everybody away; its tokens are void from now on. May be called twice."""
        self.closed = True
        leaving = list(self.participants.values())
        self.participants.clear()
        await asyncio.gather(*(self._send_away(participant) for participant in leaving))

    async def _send_away(self, participant: Participant) -> None:
        await participant.dismiss(text="the room is closed")
        await participant.close()

    # --- for its kinds ------------------------------------------------------------------------

    def sees(self, viewer: Participant, other: Participant) -> bool:
        """Whether ``viewer`` is told of ``other``."""
        raise NotImplementedError

    def others(self, viewer: Participant) -> Iterable[models.ParticipantInfo]:
        """Everybody of whom ``viewer`` is told."""
        return [p.info() for p in self.participants.values() if p is not viewer]

    def publications(self, viewer: Participant) -> list[Publication]:
        """Everything that ``viewer`` shall receive."""
        raise NotImplementedError

    async def announced(self, participant: Participant, info: models.TrackInfo) -> None:
        """``participant`` will send this track."""
        raise NotImplementedError

    def show(
        self, participant: Participant, info: models.TrackInfo | None, track: MediaStreamTrack
    ) -> None:
        """Pictures, or sound, of ``participant`` come on ``track``."""
        raise NotImplementedError

    def gone(self, participant: Participant) -> None:
        """``participant`` has left for good."""
        raise NotImplementedError

    def stats(self) -> dict[str, Any]:
        """What `RoomConnection.stats` says, for each participant."""
        return {
            "participants": {
                identity: participant.connection.stats()
                for identity, participant in self.participants.items()
            }
        }
