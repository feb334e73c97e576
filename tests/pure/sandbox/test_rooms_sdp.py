"""What is read from a client's offer, and what is added to the answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.sandbox.rooms import sdp as room_sdp

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


def test_sections_put_together_are_the_whole() -> None:
    text = sdp(AUDIO, video("1", "sendonly"), DATA)
    head, sections = room_sdp.sections(text)
    assert head.startswith("v=0")
    assert [room_sdp.mid(section) for section in sections] == ["0", "1", "9"]
    assert head + "".join(sections) == text


@given(st.text())
def test_any_text_has_sections(text: str) -> None:
    head, sections = room_sdp.sections(text)
    assert head + "".join(sections) == text
    assert room_sdp.answer_layers(text, text) is not None
    room_sdp.track_ids(text)
    room_sdp.credentials(text)
    room_sdp.refusal(text, ["vp8"])


def test_tracks_are_found_by_their_section() -> None:
    offer = sdp(
        [*AUDIO, "a=msid:stream microphone"],
        video("1", "sendonly", "a=msid:stream camera-id"),
        video("2", "recvonly"),
    )
    assert room_sdp.track_ids(offer) == {"0": "microphone", "1": "camera-id"}


def test_new_credentials_are_seen() -> None:
    offer = sdp(video("1", "sendonly", "a=ice-ufrag:abcd", "a=ice-pwd:secret"))
    assert room_sdp.credentials(offer) == ("abcd", "secret")
    assert room_sdp.credentials(sdp(video("1", "sendonly"))) is None


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
def test_the_best_layer_is_chosen_by_name(names: list[str], best: str) -> None:
    assert room_sdp.best_layer(names) == best


def test_one_layer_is_accepted_and_its_extensions_too() -> None:
    layers = [f"a=rid:{name} send" for name in "qhf"]
    extensions = [f"a=extmap:10 {RID}", f"a=extmap:11 {REPAIRED}"]
    offer = sdp(video("1", "sendonly", *extensions, *layers, "a=simulcast:send q;h;f"))
    answer = room_sdp.answer_layers(offer, sdp(video("1", "recvonly")))
    assert answer.endswith(
        "".join(f"{x}\r\n" for x in (*extensions, "a=rid:f recv", "a=simulcast:recv f"))
    )
    assert "rid:q" not in answer


def test_extensions_are_accepted_where_nothing_is_sent_yet() -> None:
    # A Rust client that is refused them in its first offer never publishes layers.
    offer = sdp(video("1", "recvonly", f"a=extmap:10/recvonly {RID}"), AUDIO)
    answer = room_sdp.answer_layers(offer, sdp(video("1", "inactive"), AUDIO))
    assert f"a=extmap:10/recvonly {RID}\r\n" in answer
    assert "simulcast" not in answer
    # Once is enough.
    assert room_sdp.answer_layers(offer, answer) == answer


@pytest.mark.parametrize(
    ("offered", "accepted"), [("~q;~h;f", "f"), ("q,x;h,y", "h"), ("a;b", "a")]
)
def test_paused_and_alternative_layers_are_understood(offered: str, accepted: str) -> None:
    offer = sdp(video("1", "sendonly", f"a=simulcast:send {offered}"))
    answer = room_sdp.answer_layers(offer, sdp(video("1", "recvonly")))
    assert f"a=simulcast:recv {accepted}\r\n" in answer


@pytest.mark.parametrize(
    ("offer", "word"),
    [
        (sdp(), "no media"),
        ("junk", "no media"),
        (sdp(*[DATA] * (room_sdp.SECTION_LIMIT + 1)), "too many"),
        (sdp(video("1", "sendonly", codec="VP9")), "VP9"),
        (sdp(video("1", "sendonly", "a=rtpmap:97 rtx/90000", codec="AV1")), "AV1 "),
    ],
)
def test_an_offer_that_can_not_be_answered_is_told_why(offer: str, word: str) -> None:
    refused = room_sdp.refusal(offer, ["h264", "vp8"])
    assert refused is not None
    assert word in refused


@pytest.mark.parametrize("codec", ["H264", "VP8", "vp8"])
def test_other_offers_can(codec: str) -> None:
    offer = sdp(AUDIO, DATA, video("1", "sendonly", "a=rtpmap:98 VP9/90000", codec=codec))
    assert room_sdp.refusal(offer, ["h264", "vp8"]) is None


def test_hidden_addresses_stay_on_the_machine() -> None:
    line = "candidate:1 1 udp 2113937151 0a1b.local 50000 typ host"
    assert room_sdp.resolve_local_names(line) == line.replace("0a1b.local", "127.0.0.1")
    text = sdp(video("1", "sendonly", f"a={line}", "a=candidate:2 1 udp 1 192.0.2.1 5 typ host"))
    shown = room_sdp.resolve_local_names(text)
    assert ".local" not in shown
    assert "192.0.2.1" in shown


def test_codecs_have_one_name() -> None:
    assert {room_sdp.codec_named(name) for name in ("video/H264", "h264", "VIDEO/h264")} == {"h264"}
