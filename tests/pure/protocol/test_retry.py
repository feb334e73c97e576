"""Which errors end a session, and how long reconnects wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget import errors as e
from decart_widget.protocol.retry import (
    ATTEMPTS,
    closed_error,
    delays,
    ended_error,
    is_permanent,
    rejection,
    service_error,
)


def test_reconnects_wait_1_2_4_8_and_10_seconds() -> None:
    assert list(delays()) == [1, 2, 4, 8, 10]
    assert ATTEMPTS == 5


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Invalid API key", e.AuthenticationError),
        ("HTTP 401: no", e.AuthenticationError),
        ("403 Forbidden", e.AuthenticationError),
        ("Unauthorized", e.AuthenticationError),
        ("Permission denied for this model", e.AuthenticationError),
        ("Not allowed", e.AuthenticationError),
        ("Invalid session", e.SessionExpiredError),
        ("the SESSION EXPIRED a minute ago", e.SessionExpiredError),
    ],
)
def test_error_texts_at_which_the_service_s_own_clients_stop_are_permanent(
    text: str, kind: type[e.DecartError]
) -> None:
    error = service_error(text)
    assert type(error) is kind
    assert is_permanent(error)
    assert text in error.message


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Insufficient credits", e.InsufficientCreditsError),
        ("HTTP 402: Payment Required", e.InsufficientCreditsError),
        ("HTTP 403: not allowed: insufficient_credits", e.InsufficientCreditsError),
        ("Monthly quota exceeded", e.QuotaExceededError),
        ("HTTP 429: quota exceeded", e.QuotaExceededError),
    ],
)
def test_used_up_credits_and_quotas_are_permanent_and_have_a_code_and_a_remedy_of_their_own(
    text: str, kind: type[e.DecartError]
) -> None:
    error = service_error(text)
    assert type(error) is kind
    assert is_permanent(error)
    assert error.code == kind.default_code != "service-error"
    assert "console" in error.remedy
    assert type(closed_error(1008, text)) is kind


def test_a_close_code_can_report_used_up_credits_without_a_reason() -> None:
    assert type(closed_error(4402, "")) is e.InsufficientCreditsError


def test_a_limit_of_sessions_is_no_quota_because_a_lost_session_may_still_be_counted() -> None:
    error = service_error("Concurrent session limit reached: quota of 2")
    assert type(error) is e.SessionLimitError
    assert not is_permanent(error)


@pytest.mark.parametrize(
    "text", ["Content moderation: not allowed", "HTTP 403: blocked by content policy"]
)
def test_moderation_refuses_a_prompt_and_never_the_key(text: str) -> None:
    error = service_error(text)
    assert type(error) is e.RequestRejectedError
    assert not is_permanent(error)
    assert "rules for content" in error.remedy
    assert rejection("prompt", text).remedy == error.remedy


def test_a_generation_that_ends_for_lack_of_credits_ends_the_session() -> None:
    ended = ended_error("insufficient_credits")
    assert type(ended) is e.InsufficientCreditsError
    assert ended_error("media_lost") is ended_error(None) is None


@pytest.mark.parametrize(
    "error",
    [
        service_error("internal error"),
        service_error("", 1013),
        service_error("No capacity for this model"),
        e.TransportError("x"),
        e.ConnectTimeoutError("x"),
        e.ConnectionLostError("x"),
        e.MediaUnreachableError("x"),
        e.NoFrontEndError("x"),
        e.ProtocolError("x"),
        closed_error(None, ""),
        closed_error(1006, ""),
        closed_error(1011, "internal error"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_that_may_be_temporary_is_tried_again(error: e.DecartError) -> None:
    assert not is_permanent(error)


@pytest.mark.parametrize(
    "error",
    [
        e.AuthenticationError("x"),
        e.SessionExpiredError("x"),
        e.BudgetSpentError("x"),
        e.SandboxError("x"),
        e.ClosedError("x"),
        e.MediaError("x", code="permission-denied"),
        e.InvalidImageError("x"),
        e.DecartError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_that_no_retry_can_repair_is_permanent(error: e.DecartError) -> None:
    assert is_permanent(error)


def test_a_full_service_causes_an_at_capacity_error() -> None:
    for error in (closed_error(1013, ""), closed_error(1013, "busy"), service_error("At capacity")):
        assert isinstance(error, e.AtCapacityError)


@pytest.mark.parametrize("code", [4401, 4403])
def test_a_close_code_can_refuse_the_key_without_a_reason(code: int) -> None:
    assert isinstance(closed_error(code, ""), e.AuthenticationError)


def test_a_close_reason_counts_as_a_text_of_the_service() -> None:
    assert isinstance(closed_error(1008, "invalid api key"), e.AuthenticationError)
    assert isinstance(closed_error(1000, "session expired"), e.SessionExpiredError)


def test_the_error_of_a_broken_connection_contains_close_code_and_reason() -> None:
    assert "the connection broke" in closed_error(None, "").message
    assert "close code 1011: oops" in closed_error(1011, "oops").message
    assert "close code 1006" in closed_error(1006, "").message


def test_the_error_of_a_refused_request_names_it_and_the_reason() -> None:
    assert rejection("prompt", "flagged").message == "The service refused the prompt: flagged."
    assert rejection("image", "Too dark. ").message == "The service refused the image: Too dark."
    assert rejection("image", "").message == rejection("image", None).message
    assert "no reason given" in rejection("image", None).message


@given(st.text(max_size=2000), st.one_of(st.none(), st.integers(0, 5000)))
def test_any_text_and_any_code_make_an_error_of_bounded_length(text: str, code: int | None) -> None:
    for error in (
        service_error(text, code),
        closed_error(code, text),
        rejection("prompt", text),
    ):
        assert error.remedy
        assert 0 < len(error.message) < 500


@pytest.mark.parametrize("secret", ["dct_MARKERMARKER", "ek_MARKERMARKER"])
def test_a_key_that_the_service_repeats_is_not_passed_on(secret: str) -> None:
    for error in (
        service_error(f"bad key {secret}"),
        service_error("x" * 290 + " " + secret),
        rejection("prompt", f"for {secret}"),
        closed_error(1011, f"for {secret}"),
        closed_error(4401, f"for {secret}"),
    ):
        assert "MARKER" not in str(error)
