"""What a LiveKit client needs in an SDP answer that aiortc's own doesn't say. Text in, text out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_SECTION = re.compile(r"(?m)^(?=m=)")
_MID = re.compile(r"(?m)^a=mid:(\S+)")
_MSID = re.compile(r"(?m)^a=msid:\S+ (\S+)")
_SIMULCAST = re.compile(r"(?m)^a=simulcast:send (\S+)")
_LAYER_EXTENSION = re.compile(
    r"(?m)^a=extmap:\d+(?:/\S+)? urn:ietf:params:rtp-hdrext:sdes:(?:repaired-)?rtp-stream-id"
)
_RTPMAP = re.compile(r"(?m)^a=rtpmap:\d+ ([^/\s]+)/")
_NO_CODECS = {"rtx", "red", "ulpfec", "flexfec-03"}
_CREDENTIAL = {name: re.compile(rf"(?m)^a=ice-{name}:(\S+)") for name in ("ufrag", "pwd")}
_LOCAL_NAME = re.compile(r"(?m)^((?:a=)?candidate:.*? )\S+\.local( )")

#: Names of simulcast layers, poorest first: quarter, half, full.
LAYERS = "qhf"

#: More media sections than any client has.
SECTION_LIMIT = 32


def sections(sdp: str) -> tuple[str, list[str]]:
    """The session's part of ``sdp``, and one text for each ``m=`` section."""
    head, *rest = _SECTION.split(sdp)
    return head, rest


def mid(section: str) -> str:
    """Its ``a=mid``, or nothing."""
    found = _MID.search(section)
    return found[1] if found else ""


def track_ids(sdp: str) -> dict[str, str]:
    """``mid`` -> id of the track that an offer sends there."""
    return {
        mid(section): found[1]
        for section in sections(sdp)[1]
        if section.startswith(("m=video", "m=audio")) and (found := _MSID.search(section))
    }


def refusal(offer: str, known: Collection[str]) -> str | None:
    """Why an offer can't be answered, as text for its sender, or None.

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
    """What the publisher of such a track is told."""
    return f"{codec.upper()} can't be published here; use H.264 or VP8"


def credentials(sdp: str) -> tuple[str, str] | None:
    """ICE user name fragment and password, or None. New ones ask for an ICE restart."""
    ufrag, password = (_CREDENTIAL[name].search(sdp) for name in ("ufrag", "pwd"))
    return (ufrag[1], password[1]) if ufrag and password else None


def best_layer(names: Iterable[str]) -> str:
    """The layer to receive, chosen by name: clients list them in either order.

    Of names that LiveKit doesn't use, the first: RFC 8853 puts the preferred one there.
    """
    names = list(names)
    known = [name for name in names if name in LAYERS]
    return max(known, key=LAYERS.index) if known else names[0]


def answer_layers(offer: str, answer: str) -> str:
    """``answer`` with one simulcast layer accepted, the best, in every section that offers some.

    aiortc knows nothing of layers and receives one. A client whose layers are passed over sends
    the poorest. Rust clients publish nothing at all unless the header extensions that name a
    packet's layer are accepted in every video section from the first answer on.
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
        # Alternatives are separated by commas, layers that start paused begin with a tilde.
        names = [name.split(",")[0].lstrip("~") for name in layers[1].split(";")]
        best = best_layer(names)
        added += [f"a=rid:{best} recv", f"a=simulcast:recv {best}"]
    return answered + "".join(f"{line}\r\n" for line in added)


def resolve_local_names(text: str, address: str = "127.0.0.1") -> str:
    """``text`` (SDP or a candidate) with ``address`` for every ``.local`` name.

    A browser hides its addresses behind such names. Asking the network for them takes a second
    and a multicast socket; on one machine the answer is known.
    """
    return _LOCAL_NAME.sub(rf"\g<1>{address}\g<2>", text)


def codec_named(mime: str) -> str:
    """The codec of a MIME type or of a bare name, in lower case: ``video/H264`` -> ``h264``."""
    return mime.lower().rpartition("/")[2]
