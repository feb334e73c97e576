"""Which secrets texts are searched for, and for how long."""

from __future__ import annotations

import json

import pytest

from decart_widget.diagnostics import redaction
from decart_widget.diagnostics.log import Log
from decart_widget.diagnostics.redaction import LIMITS, MAX_SCANNED, redact, remember, shorten
from decart_widget.inputs.secrets import Secret
from decart_widget.options import ConnectionOptions
from decart_widget.protocol.codec import decode
from decart_widget.protocol.messages import ServerError
from decart_widget.protocol.retry import closed_error, service_error

KEY = "plainMARKERkey0123456789abcdef"


def flood() -> None:
    """Secrets of the service, more than are remembered."""
    for i in range(LIMITS["room"] + 50):
        remember(f"token-number-{i}", "room")


def test_rooms_displace_no_key_turn_password_or_client_token() -> None:
    Secret(KEY)
    Secret("MARKER-client", kind="token")
    ConnectionOptions(
        ice_servers=({"urls": "turn:x", "username": "u", "credential": "MARKER-turn"},)
    )
    flood()
    assert redact(f"{KEY}, MARKER-turn, MARKER-client") == "***, ***, ***"


def test_the_oldest_short_lived_secrets_are_forgotten() -> None:
    remember("a-room-s-token", "room")
    flood()
    assert redact("a-room-s-token") == "a-room-s-token", "the list is bounded"
    assert redact(f"token-number-{LIMITS['room'] + 49}") == "***"


def test_the_list_of_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(redaction._known, "key", redaction._Known(2))
    for key in ("first-key", "second-key", "third-key"):
        remember(key, "key")
    assert redact("first-key second-key third-key") == "first-key *** ***"


@pytest.mark.parametrize("quoted", ["a/b+c=d&e~f", "a%2Fb%2Bc%3Dd%26e~f", "a/b%2Bc%3Dd%26e~f"])
def test_a_secret_is_found_as_it_is_written_in_urls(quoted: str) -> None:
    remember("a/b+c=d&e~f", "key")
    assert redact(f"in {quoted} of it") == "in *** of it"


def test_a_secret_is_found_as_it_is_written_in_json() -> None:
    remember('quote"back\\slash', "key")
    assert redact('{"key": "quote\\"back\\\\slash"}') == '{"key": "***"}'


@pytest.mark.parametrize("secret", [KEY, "ek_MARKER0123456789"])
@pytest.mark.parametrize("before", [0, 150, 280, 290, 299, 1190, 99_990])
def test_a_text_is_redacted_before_it_is_cut(secret: str, before: int) -> None:
    Secret(secret)
    text = "A" * before + " " + secret + " " + "B" * 200_000
    errors = [
        service_error(text),
        closed_error(4000, text),
        closed_error(1013, text),
    ]
    log = Log()
    log.add("error", text, detail=text)
    # All secrets but the last one are replaced by a shorter text, so the cut comes nearer to it.
    many = f"{secret} " * (before // len(secret) + 1)
    for shown in (*map(str, errors), log.text(), shorten(many, 300), shorten(text, before + 5)):
        assert "MARKER" not in shown
        assert "plainMA" not in shown


def test_a_secret_at_the_end_of_what_is_searched_leaves_no_part() -> None:
    Secret(KEY)
    many = f"{KEY} " * (2 * MAX_SCANNED // len(KEY))
    assert "plain" not in shorten(many, MAX_SCANNED)


def test_an_error_message_of_the_service_is_redacted_before_it_is_cut() -> None:
    Secret(KEY)
    for field in ("error", "message"):
        message = decode(json.dumps({"type": "error", field: f"{'A' * 995} {KEY}"}))
        assert isinstance(message, ServerError)
        assert "plain" not in message.text
