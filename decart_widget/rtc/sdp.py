"""What this package reads from SDP, and adds to answers, beyond what aiortc does. Text in and out.

Sources: RFC 8866 (SDP), RFC 8829 (JSEP), RFC 8839 (ICE), RFC 8851 and 8853 (simulcast layers), and
how LiveKit's clients behave.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from aiortc.sdp import candidate_from_sdp

from decart_widget.rtc.bitrates import Bitrates

if TYPE_CHECKING:
    from aiortc import RTCIceCandidate

_SECTION: Final = re.compile(r"(?m)^(?=m=)")
_MID: Final = re.compile(r"(?m)^a=mid:(\S+)")
_MSID: Final = re.compile(r"(?m)^a=msid:\S+ (\S+)")
_RECVONLY: Final = re.compile(r"(?m)^a=recvonly\s*$")
_SIMULCAST: Final = re.compile(r"(?m)^a=simulcast:send (\S+)")
_LAYER_EXTENSION: Final = re.compile(
    r"(?m)^a=extmap:\d+(?:/\S+)? urn:ietf:params:rtp-hdrext:sdes:(?:repaired-)?rtp-stream-id"
)
_RTPMAP: Final = re.compile(r"(?m)^a=rtpmap:\d+ ([^/\s]+)/")
_VIDEO_RTPMAP: Final = re.compile(r"a=rtpmap:(\d+) (?:VP8|VP9|H264|AV1)/90000")
_CREDENTIAL: Final = {name: re.compile(rf"(?m)^a=ice-{name}:(\S+)") for name in ("ufrag", "pwd")}
_MDNS_CANDIDATE: Final = re.compile(r"(?m)^((?:a=)?candidate:.*? )\S+\.local( )")

_NO_CODECS: Final = {"rtx", "red", "ulpfec", "flexfec-03"}
"""Names in ``a=rtpmap`` that are retransmission or error correction of a codec."""

LAYERS: Final = "qhf"
"""LiveKit's names (RIDs) of simulcast layers, lowest resolution first: quarter, half, full."""

SECTION_LIMIT: Final = 32
"""Media sections that an offer may have; more than any client makes."""


# --- reading ----------------------------------------------------------------------------------


def sections(sdp: str) -> tuple[str, list[str]]:
    """The session-level part of ``sdp``, and its media sections (``m=``), as texts."""
    head, *rest = _SECTION.split(sdp)
    return head, rest


def mid(section: str) -> str:
    """The ``a=mid`` of a media section; empty when it has none."""
    found = _MID.search(section)
    return found[1] if found else ""


def track_ids(sdp: str) -> dict[str, str]:
    """The id of the track that an offer sends in each media section, by ``mid``."""
    return {
        mid(section): found[1]
        for section in sections(sdp)[1]
        if section.startswith(("m=video", "m=audio")) and (found := _MSID.search(section))
    }


def receive_only_mids(offer: str) -> set[str]:
    """The ``mid`` of every media section on which the offering side only receives."""
    return {mid(section) for section in sections(offer)[1] if _RECVONLY.search(section)}


def credentials(sdp: str) -> tuple[str, str] | None:
    """ICE user name fragment and password, or None. Other ones than before are an ICE restart."""
    ufrag, password = (_CREDENTIAL[name].search(sdp) for name in ("ufrag", "pwd"))
    return (ufrag[1], password[1]) if ufrag and password else None


def codec_name(mime_type: str) -> str:
    """The codec of a MIME type, or a bare name, in lower case: ``video/H264`` -> ``h264``."""
    return mime_type.lower().rpartition("/")[2]


def refusal(offer: str, known: Collection[str]) -> str | None:
    """Why an offer can't be answered, as text for the client; None when it can.

    Args:
        offer: SDP.
        known: Names of the video codecs that this side has, in lower case.
    """
    _, offered = sections(offer)
    if not offered:
        return "The offer has no media in it"
    if len(offered) > SECTION_LIMIT:
        return "The offer has too many media sections"
    for section in offered:
        codecs = {name.lower() for name in _RTPMAP.findall(section)} - _NO_CODECS
        if section.startswith("m=video") and not codecs.intersection(known):
            return unsupported(", ".join(sorted(codecs)))
    return None


def unsupported(codec: str) -> str:
    """The text for a client that publishes a track with a codec that this side doesn't have."""
    return f"{codec.upper()} can't be published here; use H.264 or VP8"


# --- ICE candidates ---------------------------------------------------------------------------


def resolve_mdns(text: str, address: str = "127.0.0.1") -> str:
    """Replace the ``.local`` name in every candidate with ``address``.

    Browsers hide host addresses behind mDNS names. Resolving one takes a second and a multicast
    socket; when both sides are on one machine the address is known.

    Args:
        text: A session description, or one candidate.
        address: The client's address.
    """
    return _MDNS_CANDIDATE.sub(rf"\g<1>{address}\g<2>", text)


def parse_candidate(candidate: Mapping[str, Any], *, loopback: bool) -> RTCIceCandidate | None:
    """Read a client's ``RTCIceCandidateInit``.

    Args:
        candidate: ``candidate``, ``sdpMid`` and ``sdpMLineIndex``, unchecked.
        loopback: The client is on this machine: resolve mDNS names to 127.0.0.1.

    Returns:
        The candidate; None when it is malformed.
    """
    text = str(candidate.get("candidate") or "").removeprefix("a=")
    if loopback:
        text = resolve_mdns(text)
    try:
        parsed = candidate_from_sdp(text.removeprefix("candidate:"))
    except (ValueError, IndexError, AssertionError):
        return None
    section, index = candidate.get("sdpMid"), candidate.get("sdpMLineIndex")
    parsed.sdpMid = section if isinstance(section, str) else None
    parsed.sdpMLineIndex = index if isinstance(index, int) else 0
    return parsed


# --- answers ----------------------------------------------------------------------------------


def with_start_bitrate(answer: str, bitrates: Bitrates) -> str:
    """Add Chromium's start, minimum and maximum bitrate to the video codecs of an answer.

    Without ``x-google-start-bitrate`` Chromium starts at 0.3 Mbit/s and reaches full resolution
    after half a minute. Other browsers ignore the parameters.

    Args:
        answer: SDP; one that has the parameter already is returned unchanged.
        bitrates: What the client's encoder shall keep to.
    """
    if "x-google-start-bitrate" in answer:
        return answer
    hint = ";".join(
        f"x-google-{name}-bitrate={value // 1000}"
        for name, value in (
            ("start", bitrates.start),
            ("min", bitrates.floor),
            ("max", bitrates.ceiling),
        )
    )
    lines = answer.splitlines()
    described = {line.split(" ")[0] for line in lines if line.startswith("a=fmtp:")}
    video = {match[1] for line in lines if (match := _VIDEO_RTPMAP.match(line))}
    hinted = []
    for line in lines:
        payload = line.partition(":")[2].split(" ")[0]
        is_described = line.startswith("a=fmtp:") and payload in video
        hinted.append(f"{line};{hint}" if is_described else line)
        if _VIDEO_RTPMAP.match(line) and f"a=fmtp:{payload}" not in described:
            hinted.append(f"a=fmtp:{payload} {hint}")
    return "\r\n".join(hinted) + "\r\n"


def best_layer(names: Iterable[str]) -> str:
    """The simulcast layer with the highest resolution.

    LiveKit's clients list layers in either order, so its names decide. Of other names the first
    one is taken: RFC 8853 (5.2) puts the preferred layer there.
    """
    names = list(names)
    known = [name for name in names if name in LAYERS]
    return max(known, key=LAYERS.index) if known else names[0]


def accept_best_layer(offer: str, answer: str) -> str:
    """Accept the best simulcast layer in every section of ``answer`` whose offer has layers.

    aiortc doesn't know simulcast and receives one stream. A client whose layers are not in the
    answer sends the lowest one. LiveKit's Rust clients publish nothing at all unless the first
    answer accepts, in every video section, the header extensions that carry a packet's layer (RFC
    8852).

    Returns:
        The answer with the additional lines.
    """
    offered = {mid(section): section for section in sections(offer)[1]}
    head, answered = sections(answer)
    return head + "".join(_answer_section(offered.get(mid(s), ""), s) for s in answered)


def _answer_section(offered: str, answered: str) -> str:
    if not answered.startswith("m=video"):
        return answered
    added = [line for line in _LAYER_EXTENSION.findall(offered) if line not in answered]
    layers = _SIMULCAST.search(offered)
    if layers and "a=recvonly" in answered:
        # RFC 8853: alternatives are separated by commas, layers that start paused have a tilde.
        names = [name.split(",")[0].lstrip("~") for name in layers[1].split(";")]
        best = best_layer(names)
        added += [f"a=rid:{best} recv", f"a=simulcast:recv {best}"]
    return answered + "".join(f"{line}\r\n" for line in added)
