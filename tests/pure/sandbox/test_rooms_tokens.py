"""Room tokens: who can read what from which, and when."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit import api

from decart_widget.sandbox.rooms.tokens import (
    CLOCK_SKEW_S,
    LONGEST_TOKEN,
    RoomGrant,
    RoomKeys,
    RoomTokenError,
)

NOW = 1_800_000_000.0
SECRET = "a secret of thirty-two characters"
KEYS = RoomKeys("key", SECRET)
GRANT = RoomGrant("room-1", "client-1", expires=NOW + 60, issued=NOW, can_publish=False, name="Ada")


def test_a_token_says_what_was_signed() -> None:
    assert KEYS.read(KEYS.sign(GRANT), NOW) == GRANT


def test_livekits_own_library_reads_it_and_is_read() -> None:
    live = replace(GRANT, expires=4e9, issued=NOW - 1e9)
    claims = api.TokenVerifier("key", SECRET).verify(KEYS.sign(live))
    assert claims.video is not None
    assert (claims.identity, claims.video.room, claims.video.can_publish) == (
        "client-1",
        "room-1",
        False,
    )
    grants = api.VideoGrants(room_join=True, room="room-2", can_publish=True)
    theirs = api.AccessToken("key", SECRET).with_identity("x").with_grants(grants).to_jwt()
    body = json.loads(base64.urlsafe_b64decode(theirs.split(".")[1] + "=="))
    read = KEYS.read(theirs, body["nbf"])
    assert (read.room, read.identity, read.can_publish, read.can_subscribe) == (
        "room-2",
        "x",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("now", "word"),
    [(GRANT.expires + CLOCK_SKEW_S + 1, "expired"), (NOW - CLOCK_SKEW_S - 1, "not good yet")],
)
def test_a_token_has_its_time(now: float, word: str) -> None:
    with pytest.raises(RoomTokenError, match=word):
        KEYS.read(KEYS.sign(GRANT), now)


def test_clocks_may_differ_a_little() -> None:
    token = KEYS.sign(GRANT)
    assert KEYS.read(token, GRANT.expires + CLOCK_SKEW_S - 1)
    assert KEYS.read(token, NOW - CLOCK_SKEW_S + 1)


@pytest.mark.parametrize("other", [RoomKeys(), RoomKeys("key"), RoomKeys("other", SECRET)])
def test_another_servers_token_is_refused(other: RoomKeys) -> None:
    with pytest.raises(RoomTokenError, match="invalid room token"):
        KEYS.read(other.sign(GRANT), NOW)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_no_changed_byte_goes_unnoticed(place: int, change: int) -> None:
    token = bytearray(KEYS.sign(GRANT).encode())
    place %= len(token)
    token[place] = (token[place] ^ change) or 65
    changed = token.decode("latin-1")
    if changed != KEYS.sign(GRANT):
        with pytest.raises(RoomTokenError):
            KEYS.read(changed, NOW)


@given(st.text(max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(RoomTokenError):
        KEYS.read(text, NOW)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"video": None},
        {"video": {"room": "r"}},
        {"video": {"roomJoin": True}},
        {"video": {"roomJoin": True, "room": ""}},
        {"video": {"roomJoin": True, "room": 7}},
        {"sub": ""},
        {"sub": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": "later"},
        {"iss": "somebody"},
    ],
)
def test_claims_that_make_no_sense_are_refused_though_signed(claims: dict[str, object]) -> None:
    whole = {
        "iss": "key",
        "sub": "x",
        "exp": NOW + 60,
        "video": {"roomJoin": True, "room": "r"},
    }
    assert KEYS.read(signed(whole), NOW)
    with pytest.raises(RoomTokenError):
        KEYS.read(signed({**whole, **claims} if claims else {}), NOW)


@pytest.mark.parametrize("head", [{"alg": "none"}, {"alg": "HS512"}, {}, [], "text"])
def test_another_way_of_signing_is_refused(head: object) -> None:
    claims = {"iss": "key", "sub": "x", "exp": NOW + 60, "video": {"roomJoin": True, "room": "r"}}
    with pytest.raises(RoomTokenError):
        KEYS.read(signed(claims, head), NOW)


def test_errors_and_texts_hold_nothing_secret() -> None:
    assert SECRET not in repr(KEYS)
    token = KEYS.sign(GRANT)
    with pytest.raises(RoomTokenError) as refused:
        KEYS.read(token, GRANT.expires + 3600)
    assert token.split(".")[1] not in str(refused.value)


def test_a_very_long_token_is_refused() -> None:
    long = KEYS.sign(replace(GRANT, name="x" * LONGEST_TOKEN))
    with pytest.raises(RoomTokenError):
        KEYS.read(long, NOW)


def signed(claims: object, head: object = None) -> str:
    """A token with a good signature, whatever it says."""
    head = {"alg": "HS256", "typ": "JWT"} if head is None else head
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in (head, claims)
    ]
    return f"{parts[0]}.{parts[1]}.{KEYS._signature('.'.join(parts))}"
