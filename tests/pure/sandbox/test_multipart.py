"""Forms with files, as clients send them, and damaged ones."""

from __future__ import annotations

import httpx
import pytest

from decart_widget.sandbox.multipart import FormError, read_form


def made(fields: dict[str, str], files: dict[str, bytes]) -> tuple[str, bytes]:
    """A form as httpx sends it."""
    named = {name: (name, content) for name, content in files.items()}
    request = httpx.Request("POST", "http://a/", data=fields, files=named)
    return request.headers["content-type"], request.read()


def test_texts_and_files_are_read_whatever_their_bytes() -> None:
    content = b"\r\n--\r\n\x00\xff--boundary\r\n\r\n"
    form = read_form(*made({"prompt": "größer\r\nzwei"}, {"data": content, "empty": b""}))
    assert form == {"prompt": "größer\r\nzwei".encode(), "data": content, "empty": b""}


@pytest.mark.parametrize(
    "change",
    [
        lambda kind, body: ("application/json", body),
        lambda kind, body: ("multipart/form-data", body),
        lambda kind, body: (kind, b""),
        lambda kind, body: (kind, body[:-20]),
        lambda kind, body: (kind, b"x" + body),
        lambda kind, body: (kind, body.replace(b'name="prompt"', b"")),
        lambda kind, body: (kind, body.replace(b"\r\n\r\n", b"\r\n")),
    ],
)
def test_a_damaged_form_is_refused(change) -> None:
    with pytest.raises(FormError):
        read_form(*change(*made({"prompt": "a"}, {"data": b"b"})))


def test_a_form_with_too_many_fields_is_refused() -> None:
    read_form(*made({str(n): "" for n in range(10)}, {"data": b""}))
    with pytest.raises(FormError):
        read_form(*made({str(n): "" for n in range(30)}, {"data": b""}))
