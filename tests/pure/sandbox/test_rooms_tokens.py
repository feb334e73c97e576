"""Room tokens: what a valid one permits, and which ones are refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit import api

from decart_widget.sandbox.rooms.tokens import (
    CLOCK_SKEW_S,
    TOKEN_LIMIT,
    RoomGrant,
    RoomKeys,
    RoomTokenError,
)

NOW = 1_800_000_000.0
SECRET = "a secret of thirty-two characters"
KEYS = RoomKeys("key", SECRET)
GRANT = RoomGrant("room-1", "client-1", expires=NOW + 60, issued=NOW, can_publish=False, name="Ada")


def test_a_token_contains_the_grant_that_was_signed() -> None:
    assert KEYS.read(KEYS.sign(GRANT), NOW) == GRANT


def test_livekits_library_reads_our_tokens_and_we_read_its() -> None:
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
    assert (read.room, read.identity, read.can_publish) == ("room-2", "x", True)


@pytest.mark.parametrize(
    ("now", "word"),
    [(GRANT.expires + CLOCK_SKEW_S + 1, "expired"), (NOW - CLOCK_SKEW_S - 1, "not valid yet")],
)
def test_a_token_is_refused_outside_of_its_lifetime(now: float, word: str) -> None:
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
def test_a_token_with_a_changed_byte_in_header_or_claims_is_refused(
    place: int, change: int
) -> None:
    token = KEYS.sign(GRANT)
    with pytest.raises(RoomTokenError):
        KEYS.read(changed(token, place % token.rindex("."), change), NOW)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_token_with_another_signature_is_refused(place: int, change: int) -> None:
    head, _, signature = KEYS.sign(GRANT).rpartition(".")
    other = changed(signature, place % len(signature), change)
    # Base64 has several texts for the same bytes, which are the same signature.
    if decoded(other) != decoded(signature):
        with pytest.raises(RoomTokenError):
            KEYS.read(f"{head}.{other}", NOW)


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
def test_malformed_claims_are_refused_although_they_are_signed(claims: dict[str, object]) -> None:
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
def test_other_algorithms_and_malformed_headers_are_refused(head: object) -> None:
    claims = {"iss": "key", "sub": "x", "exp": NOW + 60, "video": {"roomJoin": True, "room": "r"}}
    with pytest.raises(RoomTokenError):
        KEYS.read(signed(claims, head), NOW)


def test_texts_contain_nothing_of_secret_or_token() -> None:
    assert SECRET not in repr(KEYS)
    token = KEYS.sign(GRANT)
    with pytest.raises(RoomTokenError) as refused:
        KEYS.read(token, GRANT.expires + 3600)
    assert token.split(".")[1] not in str(refused.value)


def test_a_very_long_token_is_refused() -> None:
    long = KEYS.sign(replace(GRANT, name="x" * TOKEN_LIMIT))
    with pytest.raises(RoomTokenError):
        KEYS.read(long, NOW)


def changed(text: str, place: int, change: int) -> str:
    """``text`` with one byte changed, in any case into another one."""
    raw = bytearray(text.encode())
    raw[place] = (raw[place] ^ change) or 65
    return raw.decode("latin-1")


def decoded(part: str) -> bytes | None:
    """The bytes of a base64url text, read as leniently as Python does; None for none."""
    try:
        return base64.urlsafe_b64decode(part.encode() + b"=" * (-len(part) % 4))
    except ValueError:
        return None


def signed(claims: object, head: object = None) -> str:
    """A token with a valid signature, whatever its header and claims are."""
    head = {"alg": "HS256", "typ": "JWT"} if head is None else head
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in (head, claims)
    ]
    text = ".".join(parts)
    signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
