"""Which keys are valid, and what a client token permits."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.inputs.secrets import Secret
from decart_widget.sandbox.tokens import Grant, Keyring, TokenError

KEY = "dct_k3y"
NOW = 1_800_000_000.0


def made() -> Keyring:
    return Keyring(Secret(KEY))


def admit(keyring: Keyring, key: str, **conditions: Any) -> Grant:
    return keyring.admit(key, **{"model": "lucy-2.1", "origin": None, "now": NOW, **conditions})


def minted(keyring: Keyring, **body: Any) -> str:
    token = keyring.mint(KEY, body, NOW)["apiKey"]
    assert isinstance(token, str)
    return token


@pytest.mark.parametrize("form", ["token", "apiKey"])
def test_both_forms_of_a_token_permit_the_same(form: str) -> None:
    keyring = made()
    answer = keyring.mint(KEY, {"allowedModels": ["lucy-2.1"], "expiresIn": 10}, NOW)
    assert answer["token"].startswith("eyJ")
    assert admit(keyring, answer[form]).models == ("lucy-2.1",)
    for conditions in ({"now": NOW + 11}, {"model": "lucy-2.5"}):
        with pytest.raises(TokenError):
            admit(keyring, answer[form], **conditions)
    with pytest.raises(TokenError):
        admit(made(), answer[form])
    with pytest.raises(TokenError) as refused:
        keyring.mint(answer[form], {}, NOW)
    assert refused.value.status == 403


def test_a_token_can_be_valid_for_less_time_than_was_requested() -> None:
    keyring = made()
    token = keyring.mint(KEY, {"expiresIn": 3600}, NOW, valid_s=5)["token"]
    admit(keyring, token, now=NOW + 4)
    with pytest.raises(TokenError):
        admit(keyring, token, now=NOW + 6)


def test_only_its_own_permanent_key_is_valid() -> None:
    assert admit(made(), KEY) == Grant()
    for key in ("", "dct_", "dct_local", "dct_anything", KEY[:-1], f"{KEY}0", f"{KEY}é"):
        with pytest.raises(TokenError) as refused:
            admit(made(), key)
        assert refused.value.status == 401
        assert "invalid api key" in refused.value.reason.lower()


def test_a_key_is_in_no_error_and_no_repr() -> None:
    keyring = Keyring(Secret("dct_s3cret"))
    assert "s3cret" not in repr(keyring)
    for attempt in (
        lambda: keyring.mint("dct_wr0ng", {}, NOW),
        lambda: admit(keyring, "dct_wr0ng"),
        lambda: keyring.mint("ek_wr0ng", {}, NOW),
    ):
        with pytest.raises(TokenError) as refused:
            attempt()
        assert "wr0ng" not in str(refused.value)
        assert "s3cret" not in str(refused.value)


def test_the_response_states_what_the_token_permits() -> None:
    answer = made().mint(
        KEY,
        {
            "expiresIn": 120,
            "allowedModels": ["lucy-2.1"],
            "allowedOrigins": ["https://lab.example"],
            "constraints": {"realtime": {"maxSessionDuration": 300}},
            "metadata": {"role": "viewer"},
        },
        NOW,
    )
    assert answer["apiKey"].startswith("ek_")
    assert answer["expiresAt"] == "2027-01-15T08:02:00+00:00"
    assert answer["permissions"] == {"models": ["lucy-2.1"], "origins": ["https://lab.example"]}
    assert answer["constraints"] == {"realtime": {"maxSessionDuration": 300}}
    assert set(made().mint(KEY, {}, NOW)) == {"apiKey", "expiresAt", "token"}


def test_a_token_opens_sessions_until_it_expires() -> None:
    keyring = made()
    token = minted(keyring, expiresIn=60, constraints={"realtime": {"maxSessionDuration": 10}})
    assert admit(keyring, token, now=NOW + 59).session_s == 10
    with pytest.raises(TokenError) as refused:
        admit(keyring, token, now=NOW + 61)
    assert refused.value.status == 401
    assert "invalid api key" in refused.value.reason.lower()


def test_a_token_is_scoped_to_models_and_origins() -> None:
    keyring = made()
    token = minted(keyring, allowedModels=["lucy-2.1"], allowedOrigins=["https://lab.example"])
    admit(keyring, token)
    admit(keyring, token, origin="https://lab.example")
    for conditions in ({"model": "lucy-2.5"}, {"origin": "https://evil.example"}):
        with pytest.raises(TokenError) as refused:
            admit(keyring, token, **conditions)
        assert refused.value.status == 403
        assert "not allowed" in refused.value.reason


def test_a_token_can_not_mint_tokens() -> None:
    keyring = made()
    for token in (minted(keyring), "ek_nonsense"):
        with pytest.raises(TokenError) as refused:
            keyring.mint(token, {}, NOW)
        assert refused.value.status == 403


def test_tokens_of_another_sandbox_are_invalid() -> None:
    token = minted(made())
    with pytest.raises(TokenError):
        admit(made(), token)


def test_each_token_is_different() -> None:
    keyring = made()
    assert minted(keyring) != minted(keyring)


@given(st.data())
def test_a_changed_token_is_invalid(data: st.DataObject) -> None:
    keyring = made()
    token = minted(keyring)
    at = data.draw(st.integers(3, len(token) - 1))
    other = data.draw(st.sampled_from("abcXYZ019-_.="))
    if token[at] != other:
        with pytest.raises(TokenError):
            admit(keyring, token[:at] + other + token[at + 1 :])


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {"expiresIn": 0},
        {"expiresIn": 3601},
        {"expiresIn": "60"},
        {"expiresIn": True},
        {"expiresIn": None},
        {"allowedModels": "lucy-2.1"},
        {"allowedModels": []},
        {"allowedModels": [""]},
        {"allowedModels": [1]},
        {"allowedModels": ["m"] * 21},
        {"allowedOrigins": {}},
        {"constraints": 3},
        {"constraints": {"realtime": [1]}},
        {"constraints": {"realtime": {"maxSessionDuration": 9}}},
        {"constraints": {"realtime": {"maxSessionDuration": "60"}}},
    ],
)
def test_an_invalid_body_is_refused_with_422(body: object) -> None:
    with pytest.raises(TokenError) as refused:
        made().mint(KEY, body, NOW)
    assert refused.value.status == 422
    assert refused.value.reason


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    )
    | st.dictionaries(
        st.sampled_from(["expiresIn", "allowedModels", "constraints"]),
        st.none() | st.integers() | st.lists(st.text()) | st.dictionaries(st.text(), st.none()),
    )
)
def test_any_json_body_gives_a_token_or_a_token_error(body: object) -> None:
    with contextlib.suppress(TokenError):
        assert made().mint(KEY, body, NOW)["apiKey"].startswith("ek_")
