"""Pictures that a browser shows as soon as they are decoded; guarded and tested like `tuning`.

A browser holds pictures back for a while, to even out what the network made uneven. The RTP header
extension *playout delay* says how long that may be at most; with none at all each picture is shown
when it comes. aiortc doesn't know the extension, so it is added to one sender's packets.

Source: the extension's own page, http://www.webrtc.org/experiments/rtp-hdrext/playout-delay (two
times 12 bits: least and most delay, in steps of 10 ms).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.rtp import (
    HeaderExtensions,
    HeaderExtensionsMap,
    pack_header_extensions,
    unpack_header_extensions,
)
from aiortc.sdp import SessionDescription

from decart_widget.rtc.optional_patch import _cure, _replace

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection, RTCRtpTransceiver

PLAYOUT_DELAY: Final = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

NO_DELAY: Final = bytes(3)
"""Least and most delay: 0 ms."""


class NoDelayMap(HeaderExtensionsMap):
    """Writes the extensions that aiortc knows, and behind them the playout delay.

    Args:
        number: What the client calls the extension.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        """Profile and bytes of a packet's extensions."""
        known = unpack_header_extensions(*super().set(values))
        return pack_header_extensions([*known, (self.number, NO_DELAY)])


def show_at_once(pc: RTCPeerConnection) -> None:
    """Let every video that goes down be shown without delay, where the client's offer permits it.

    Call it after ``setRemoteDescription(offer)`` and before the answer is made.
    """
    offered = _offered(pc.remoteDescription.sdp)
    for transceiver in pc.getTransceivers():
        number = offered.get(transceiver.mid or "")
        if transceiver.kind == "video" and number is not None:
            send_without_delay(transceiver, number)


def _offered(sdp: str) -> dict[str, int]:
    """Media section -> number of the extension in it."""
    return {
        media.rtp.muxId: extension.id
        for media in SessionDescription.parse(sdp).media
        for extension in media.rtp.headerExtensions
        if extension.uri == PLAYOUT_DELAY
    }


@_cure
def send_without_delay(transceiver: RTCRtpTransceiver, number: int) -> None:
    """Name the extension in the answer, and write it into the sender's packets."""
    named = [e for e in transceiver._headerExtensions if e.uri != PLAYOUT_DELAY]
    mine = RTCRtpHeaderExtensionParameters(id=number, uri=PLAYOUT_DELAY)
    _replace(transceiver, "_headerExtensions", [*named, mine])
    name = "_RTCRtpSender__rtp_header_extensions_map"
    if not isinstance(getattr(transceiver.sender, name), NoDelayMap):
        _replace(transceiver.sender, name, NoDelayMap(number))
