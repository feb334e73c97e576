"""What is read from offers and candidates, and what is added to answers."""

from __future__ import annotations

import asyncio
import re

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.rtc import sdp as descriptions
from decart_widget.rtc.bitrates import Bitrates

RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"


def sdp(*sections: list[str]) -> str:
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", *(line for s in sections for line in s)]
    return "\r\n".join(lines) + "\r\n"


def video(mid: str, direction: str, *more: str, codec: str = "H264") -> list[str]:
    return [
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        f"a=mid:{mid}",
        f"a={direction}",
        f"a=rtpmap:96 {codec}/90000",
        *more,
    ]


AUDIO = ["m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "a=rtpmap:111 opus/48000"]
DATA = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:9"]


def test_joined_sections_are_the_description() -> None:
    text = sdp(AUDIO, video("1", "sendonly"), DATA)
    head, sections = descriptions.sections(text)
    assert head.startswith("v=0")
    assert [descriptions.mid(section) for section in sections] == ["0", "1", "9"]
    assert head + "".join(sections) == text


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    head, sections = descriptions.sections(text)
    assert head + "".join(sections) == text
    assert descriptions.accept_best_layer(text, text) is not None
    descriptions.track_ids(text)
    descriptions.credentials(text)
    descriptions.refusal(text, ["vp8"])
    descriptions.receive_only_mids(text)


def test_tracks_are_found_by_their_section() -> None:
    offer = sdp(
        [*AUDIO, "a=msid:stream microphone"],
        video("1", "sendonly", "a=msid:stream camera-id"),
        video("2", "recvonly"),
    )
    assert descriptions.track_ids(offer) == {"0": "microphone", "1": "camera-id"}


def test_receive_only_sections_are_those_of_the_offer() -> None:
    offer = sdp(AUDIO, video("1", "recvonly"), video("2", "sendonly"), video("3", "sendrecv"))
    assert descriptions.receive_only_mids(offer) == {"1"}


def test_ice_credentials_are_read() -> None:
    offer = sdp(video("1", "sendonly", "a=ice-ufrag:abcd", "a=ice-pwd:secret"))
    assert descriptions.credentials(offer) == ("abcd", "secret")
    assert descriptions.credentials(sdp(video("1", "sendonly"))) is None


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["q", "h", "f"], "f"),  # as browsers list them
        (["f", "h", "q"], "f"),  # as Rust clients do
        (["q", "h"], "h"),
        (["q"], "q"),
        (["low", "high"], "low"),
        (["x", "h"], "h"),
    ],
)
def test_the_best_layer_is_chosen_by_its_name(names: list[str], best: str) -> None:
    assert descriptions.best_layer(names) == best


def test_one_layer_is_accepted_with_its_extensions() -> None:
    layers = [f"a=rid:{name} send" for name in "qhf"]
    extensions = [f"a=extmap:10 {RID}", f"a=extmap:11 {REPAIRED}"]
    offer = sdp(video("1", "sendonly", *extensions, *layers, "a=simulcast:send q;h;f"))
    answer = descriptions.accept_best_layer(offer, sdp(video("1", "recvonly")))
    assert answer.endswith(
        "".join(f"{x}\r\n" for x in (*extensions, "a=rid:f recv", "a=simulcast:recv f"))
    )
    assert "rid:q" not in answer


def test_extensions_are_accepted_before_anything_is_sent() -> None:
    # A Rust client whose first offer is answered without them never publishes layers.
    offer = sdp(video("1", "recvonly", f"a=extmap:10/recvonly {RID}"), AUDIO)
    answer = descriptions.accept_best_layer(offer, sdp(video("1", "inactive"), AUDIO))
    assert f"a=extmap:10/recvonly {RID}\r\n" in answer
    assert "simulcast" not in answer
    # They are added once.
    assert descriptions.accept_best_layer(offer, answer) == answer


@pytest.mark.parametrize(
    ("offered", "accepted"), [("~q;~h;f", "f"), ("q,x;h,y", "h"), ("a;b", "a")]
)
def test_paused_and_alternative_layers_are_understood(offered: str, accepted: str) -> None:
    offer = sdp(video("1", "sendonly", f"a=simulcast:send {offered}"))
    answer = descriptions.accept_best_layer(offer, sdp(video("1", "recvonly")))
    assert f"a=simulcast:recv {accepted}\r\n" in answer


@pytest.mark.parametrize(
    ("offer", "word"),
    [
        (sdp(), "no media"),
        ("junk", "no media"),
        (sdp(*[DATA] * (descriptions.SECTION_LIMIT + 1)), "too many"),
        (sdp(video("1", "sendonly", codec="VP9")), "VP9"),
        (sdp(video("1", "sendonly", "a=rtpmap:97 rtx/90000", codec="AV1")), "AV1 "),
    ],
)
def test_an_offer_is_refused_with_a_reason(offer: str, word: str) -> None:
    refused = descriptions.refusal(offer, ["h264", "vp8"])
    assert refused is not None
    assert word in refused


@pytest.mark.parametrize("codec", ["H264", "VP8", "vp8"])
def test_an_offer_with_a_known_codec_is_accepted(codec: str) -> None:
    offer = sdp(AUDIO, DATA, video("1", "sendonly", "a=rtpmap:98 VP9/90000", codec=codec))
    assert descriptions.refusal(offer, ["h264", "vp8"]) is None


def test_mdns_names_become_loopback_addresses() -> None:
    line = "candidate:1 1 udp 2113937151 0a1b.local 50000 typ host"
    assert descriptions.resolve_mdns(line) == line.replace("0a1b.local", "127.0.0.1")
    text = sdp(video("1", "sendonly", f"a={line}", "a=candidate:2 1 udp 1 192.0.2.1 5 typ host"))
    shown = descriptions.resolve_mdns(text)
    assert ".local" not in shown
    assert "192.0.2.1" in shown


def test_a_codec_has_one_name() -> None:
    assert {descriptions.codec_name(name) for name in ("video/H264", "h264", "VIDEO/h264")} == {
        "h264"
    }


CANDIDATE = "candidate:1 1 udp 2113937151 0a1b.local 50000 typ host"


@pytest.mark.parametrize("prefix", ["", "a="])
def test_a_candidate_is_read(prefix: str) -> None:
    init = {"candidate": prefix + CANDIDATE, "sdpMid": "0", "sdpMLineIndex": 2}
    local = descriptions.parse_candidate(init, loopback=True)
    assert local is not None
    assert (local.ip, local.port, local.sdpMid, local.sdpMLineIndex) == ("127.0.0.1", 50000, "0", 2)
    remote = descriptions.parse_candidate(init, loopback=False)
    assert remote is not None
    assert remote.ip == "0a1b.local"


@pytest.mark.parametrize(
    "init", [{}, {"candidate": None}, {"candidate": ""}, {"candidate": 7}, {"candidate": "a b"}]
)
def test_a_malformed_candidate_is_ignored(init: dict[str, object]) -> None:
    assert descriptions.parse_candidate(init, loopback=True) is None


def test_a_candidate_with_a_malformed_section_is_for_the_first_one() -> None:
    init = {"candidate": CANDIDATE, "sdpMid": 7, "sdpMLineIndex": "x"}
    parsed = descriptions.parse_candidate(init, loopback=True)
    assert parsed is not None
    assert (parsed.sdpMid, parsed.sdpMLineIndex) == (None, 0)


async def test_the_answer_has_a_start_bitrate_for_each_video_codec() -> None:
    offerer, answerer = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    offerer.addTransceiver("video")
    await answerer.setRemoteDescription(await offerer.createOffer())
    answer = (await answerer.createAnswer()).sdp
    await asyncio.gather(offerer.close(), answerer.close())
    hinted = descriptions.with_start_bitrate(answer, Bitrates(3_000_000, 300_000, 4_000_000))
    hint = "x-google-start-bitrate=3000;x-google-min-bitrate=300;x-google-max-bitrate=4000"
    codecs = re.findall(r"a=rtpmap:(\d+) (?:VP8|H264)/90000", hinted)
    assert len(codecs) >= 2
    for payload_type in codecs:
        (parameters,) = re.findall(rf"a=fmtp:{payload_type} (\S+)", hinted)
        assert parameters.endswith(hint)
    assert "packetization-mode=1" in hinted, "the other parameters are kept"
    assert descriptions.with_start_bitrate(hinted, Bitrates()) == hinted
    without = hinted.replace(f";{hint}", "").splitlines()
    assert [line for line in without if "x-google" not in line] == answer.splitlines()
    RTCSessionDescription(hinted, "answer")
