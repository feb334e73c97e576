"""Secrets: shown by reveal() only, and replaced in every text."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.diagnostics.redaction import redact
from decart_widget.errors import InvalidKeyError
from decart_widget.inputs.secrets import Secret

KEY = "dct_MARKER0123456789"
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=60).map(
    lambda rest: f"k{rest}k"  # no quotation marks around it, and not the name of a variable
)


def test_only_reveal_shows_the_key() -> None:
    secret = Secret(KEY)
    assert secret.reveal() == KEY
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>30}", repr({"key": [secret]})]
    assert not any("MARKER" in text for text in shown)


@pytest.mark.parametrize("copier", [pickle.dumps, copy.copy])
def test_a_secret_is_not_pickled_or_copied(copier) -> None:
    with pytest.raises(TypeError) as caught:
        copier(Secret(KEY))
    assert "MARKER" not in str(caught.value)


def test_a_secret_can_not_be_written_as_json() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps({"key": Secret(KEY)})
    assert "MARKER" not in str(caught.value)


def test_a_deep_copy_of_what_holds_a_secret_shares_it() -> None:
    secret = Secret(KEY)
    assert copy.deepcopy([secret])[0] is secret


def test_a_secret_has_no_dictionary_to_print() -> None:
    assert not hasattr(Secret(KEY), "__dict__")


def test_secrets_are_equal_by_value_and_can_be_hashed() -> None:
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret("dct_other")
    assert Secret(KEY) != KEY
    assert len({Secret(KEY), Secret(KEY)}) == 1


@pytest.mark.parametrize(
    "value",
    ["", " ", " dct_MARKER", "dct_MARKER\n", "dct_ MARKER", "dct_MARKER\r\n", "dct_MARKER\x00",
     "dct_MARKERé", "dct_MARKER\u200b", "dct_MARKER" * 500, None, 7, b"dct_MARKER"],
    ids=lambda value: ascii(value)[:30],
)  # fmt: skip
def test_what_can_t_be_a_key_is_refused_without_repeating_it(value: object) -> None:
    with pytest.raises(InvalidKeyError) as caught:
        Secret(value)  # type: ignore[arg-type]
    assert caught.value.remedy
    assert "MARKER" not in "".join(traceback.format_exception(caught.value))
    assert "MARKER" not in str(caught.value.as_trait())


@pytest.mark.parametrize(
    ("key", "is_token"),
    [("dct_abcd", False), ("ek_abcd", True), ("eyJhbGciOi.eyJ.sig", True), ("something", False)],
)
def test_a_client_token_is_distinguished_from_a_permanent_key(key: str, is_token: bool) -> None:
    assert Secret(key).is_client_token is is_token


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key dct_abcd1234.", "key ***"),
        ("key dct_abcd1234, other", "key ***, other"),
        ("ek_abcd-1234_5 is bad", "*** is bad"),
        ("wss://x/v1?api_key=secret&model=m", "wss://x/v1?api_key=***&model=m"),
        ("wss://x?access_token=a.b.c 'x'", "wss://x?access_token=*** 'x'"),
        ("Bearer eyJhbGciOiJI.eyJzdWIi.c2ln", "Bearer ***"),
        ("week_days and product_codes", "week_days and product_codes"),
        ("nothing secret", "nothing secret"),
    ],
)
def test_what_looks_like_a_key_is_replaced(text: str, shown: str) -> None:
    assert redact(text) == shown


@given(st.text(), KEYS, st.text())
def test_a_secret_is_scrubbed_from_any_text(before: str, key: str, after: str) -> None:
    assert key not in Secret(key).scrub(f"{before}{key}{after}").replace("***", "\n")


@given(st.text())
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)
