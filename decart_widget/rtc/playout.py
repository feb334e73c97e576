"""The RTP header extension *playout delay*, so that browsers render frames at once.

A browser delays frames in a jitter buffer to even out the network. The extension sets the minimum
and maximum of that delay; with both at 0 a frame is rendered as soon as it is decoded. aiortc
doesn't know the extension, so it is added to the packets of one sender.

Source: http://www.webrtc.org/experiments/rtp-hdrext/playout-delay (two times 12 bits: minimum and
maximum delay, in steps of 10 ms).
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

from decart_widget.rtc.optional_patch import optional_patch, replace, require

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection, RTCRtpTransceiver

PLAYOUT_DELAY: Final = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
"""URI of the header extension."""

NO_DELAY: Final = bytes(3)
"""Value of the extension: minimum and maximum delay 0 ms."""

_EXTENSIONS_MAP: Final = "_RTCRtpSender__rtp_header_extensions_map"
"""Private attribute of a sender that serializes the header extensions of its packets."""


class NoDelayExtensionsMap(HeaderExtensionsMap):
    """Serializes the header extensions that aiortc knows, and the playout delay.

    Args:
        extension_id: Id of the extension in the client's offer.
    """

    def __init__(self, extension_id: int) -> None:
        super().__init__()
        self.extension_id = extension_id

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        """Profile and bytes of a packet's header extensions."""
        known = unpack_header_extensions(*super().set(values))
        return pack_header_extensions([*known, (self.extension_id, NO_DELAY)])


def disable_playout_delay(pc: RTCPeerConnection) -> None:
    """Tell the client to render every video track without delay, where its offer permits that.

    Call it between ``setRemoteDescription(offer)`` and ``createAnswer()``.
    """
    offered = _extension_ids(pc.remoteDescription.sdp)
    for transceiver in pc.getTransceivers():
        extension_id = offered.get(transceiver.mid or "")
        if transceiver.kind == "video" and extension_id is not None:
            send_playout_delay(transceiver, extension_id)


def _extension_ids(sdp: str) -> dict[str, int]:
    """Id of the extension in each media section that has it, by ``mid``."""
    return {
        media.rtp.muxId: extension.id
        for media in SessionDescription.parse(sdp).media
        for extension in media.rtp.headerExtensions
        if extension.uri == PLAYOUT_DELAY
    }


@optional_patch
def send_playout_delay(transceiver: RTCRtpTransceiver, extension_id: int) -> None:
    """Accept the extension in the answer, and write it into the sender's packets."""
    require(transceiver.sender, _EXTENSIONS_MAP)
    others = [e for e in transceiver._headerExtensions if e.uri != PLAYOUT_DELAY]
    accepted = RTCRtpHeaderExtensionParameters(id=extension_id, uri=PLAYOUT_DELAY)
    replace(transceiver, "_headerExtensions", [*others, accepted])
    if not isinstance(getattr(transceiver.sender, _EXTENSIONS_MAP), NoDelayExtensionsMap):
        replace(transceiver.sender, _EXTENSIONS_MAP, NoDelayExtensionsMap(extension_id))
