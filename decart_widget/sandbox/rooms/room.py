"""A room: its tokens, its participants, and what they see of each other."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from livekit.protocol import models, rtc

from decart_widget.sandbox.faults import NONE
from decart_widget.sandbox.rooms import messages
from decart_widget.sandbox.rooms.participant import (
    CLOSE_NORMAL,
    Participant,
    ParticipantRoom,
)
from decart_widget.sandbox.rooms.tokens import RoomGrant, RoomKeys

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

logger = logging.getLogger(__name__)

PARTICIPANT_LIMIT: Final = 10
"""Participants of one room: each may cost a decoder and an encoder, which load the machine."""

RESUME_LIMIT_S: Final = 15.0
"""Seconds that a participant whose signal socket broke may take to resume on another."""

CAP_PACKET_TRAILER: Final = models.ClientInfo.CAP_PACKET_TRAILER
"""Capability of a client that removes packet trailers from the video that it gets."""

TOKEN_LIFETIME_S: Final = 600.0
"""Seconds during which a token can be used to join; participants get new ones before that."""


class Room(ParticipantRoom):
    """Admits participants; subclasses decide what they see of each other.

    Args:
        name: Unguessable, or known to those who have a secret to sign tokens with.
        keys: Signs its tokens.
        loopback: Exchange media packets with this machine only.

    Attributes:
        sid: The server's id of it.
        faults: The failures to simulate here.
        report_error: Called with a text for the user when a participant can't be served.
        participants: By identity.
        is_closed: Whether it has ended.
    """

    def __init__(self, name: str, *, keys: RoomKeys, loopback: bool) -> None:
        self.name = name
        self.sid = f"RM_{secrets.token_hex(6)}"
        self.faults = NONE
        self.report_error: Callable[[str], None] = logger.info
        self.participants: dict[str, Participant] = {}
        self.is_closed = False
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
                expires=now + self._token_lifetime_s,
                can_publish=can_publish,
            )
        )

    @property
    def _token_lifetime_s(self) -> float:
        lifetime = self.faults.room_token_s
        return TOKEN_LIFETIME_S if lifetime is None else lifetime

    def fresh_token(self, grant: RoomGrant, now: float) -> str | None:
        """A new token for a participant whose token is past half of its lifetime; else None.

        With it a client that loses its connection can join again.

        Args:
            grant: What its present token permits.
            now: Unix time.
        """
        participant = self.participants.get(grant.identity)
        if participant is None or now < (grant.issued + grant.expires) / 2:
            return None
        participant.grant = replace(grant, issued=now, expires=now + self._token_lifetime_s)
        return self._keys.sign(participant.grant)

    # --- signal sockets -----------------------------------------------------------------------

    async def admit(
        self,
        socket: ServerConnection,
        grant: RoomGrant,
        request: rtc.JoinRequest,
        *,
        single_pc: bool,
    ) -> None:
        """Serve a signal socket until it closes.

        Args:
            socket: The signal socket.
            grant: What its token permits.
            request: Asks to join, or to resume as a participant that is in the room already.
            single_pc: Whether the client uses one peer connection.
        """
        await asyncio.sleep(self.faults.join_delay_s)
        participant = self.participants.get(grant.identity)
        if request.reconnect:
            if not self._can_resume(participant, request.participant_sid):
                await self._refuse_resume(socket)
                return
            assert participant is not None
            serving = participant.resume(socket)
        else:
            if participant is not None:
                await self._remove(participant, models.DisconnectReason.DUPLICATE_IDENTITY)
            if len(self.participants) >= PARTICIPANT_LIMIT or self.is_closed:
                await self._refuse_join(socket)
                return
            participant = Participant(
                self,
                grant,
                single_pc=single_pc,
                loopback=self._loopback,
                reads_trailers=CAP_PACKET_TRAILER in request.client_info.capabilities,
            )
            self.participants[grant.identity] = participant
            self._inform_others(participant, participant.info())
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

    async def _refuse_resume(self, socket: ServerConnection) -> None:
        leave = messages.leave(rtc.LeaveRequest.RECONNECT, models.DisconnectReason.STATE_MISMATCH)
        await socket.send(leave.SerializeToString())
        await socket.close(CLOSE_NORMAL, "nothing to resume: join again")

    async def _refuse_join(self, socket: ServerConnection) -> None:
        leave = messages.leave(rtc.LeaveRequest.DISCONNECT, models.DisconnectReason.JOIN_FAILURE)
        await socket.send(leave.SerializeToString())
        await socket.close(CLOSE_NORMAL, "the room is full")

    async def _socket_closed(self, participant: Participant, socket: ServerConnection) -> None:
        if not participant.uses(socket):
            return
        if not participant.is_leaving and participant.connection.is_alive and not self.is_closed:
            await participant.wait_for_resume(RESUME_LIMIT_S)
        if participant.uses(socket):
            await self._remove(participant)

    # --- removing participants ----------------------------------------------------------------

    async def connection_lost(self, participant: Participant) -> None:
        """Tell a participant whose media connection failed to join again."""
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
            self.participant_left(participant)
            self._inform_others(participant, participant.info(has_left=True))
        if reason is not None:
            await participant.dismiss(reason=reason)
        await participant.close()

    def _inform_others(self, participant: Participant, info: models.ParticipantInfo) -> None:
        for other in list(self.participants.values()):
            if other is not participant and self.sees(other, participant):
                other.send_soon(messages.update([info]))

    async def close(self) -> None:
        """End the room: all participants leave, and its tokens are void. May be called twice."""
        self.is_closed = True
        leaving = list(self.participants.values())
        self.participants.clear()
        await asyncio.gather(*(self._send_away(participant) for participant in leaving))

    async def _send_away(self, participant: Participant) -> None:
        await participant.dismiss(text="the room is closed")
        await participant.close()

    def mute_changed(self, participant: Participant, sid: str, *, is_muted: bool) -> None:
        """Do nothing: the frames of a muted camera are transformed as they come."""

    # --- for subclasses -----------------------------------------------------------------------

    @abstractmethod
    def sees(self, viewer: Participant, other: Participant) -> bool:
        """Whether ``viewer`` is informed of ``other``."""

    @abstractmethod
    def participant_left(self, participant: Participant) -> None:
        """Called when ``participant`` has left and can't resume."""

    def others(self, viewer: Participant) -> Iterable[models.ParticipantInfo]:
        """The participants that ``viewer`` can see; by default all others."""
        return [p.info() for p in self.participants.values() if p is not viewer]

    def stats(self) -> dict[str, Any]:
        """`RoomConnection.stats` of each participant."""
        return {
            "participants": {
                identity: participant.connection.stats()
                for identity, participant in self.participants.items()
            }
        }
