"""Forms with files (``multipart/form-data``, RFC 7578), as clients send pictures and clips."""

from __future__ import annotations

import re
from typing import Final

MAX_FIELDS: Final = 20
"""Fields of a form; the endpoints know eight."""

_BOUNDARY: Final = re.compile(r'boundary="?([^";,\s]{1,70})"?', re.IGNORECASE)
"""The separator in the header ``Content-Type`` (RFC 2046, 5.1.1)."""

_NAME: Final = re.compile(rb'[;\s]name="([^"\r\n]{1,100})"', re.IGNORECASE)
"""A field's name in its header ``Content-Disposition``."""


class FormError(ValueError):
    """A form can't be read; the text is the reason that the response contains."""


def read_form(content_type: str, body: bytes) -> dict[str, bytes]:
    """Reads a form.

    Args:
        content_type: The header of the request.
        body: The request's body.

    Returns:
        The content of each field by its name; the last one counts of several with one name.

    Raises:
        FormError: It is no such form, or has too many fields.
    """
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or found is None:
        raise FormError("The request must be multipart/form-data")
    separator = b"\r\n--" + found[1].encode("latin-1")
    # The first one need not follow a line.
    first, *parts = (b"\r\n" + body).split(separator, MAX_FIELDS + 2)
    if first.strip() or not parts or not parts[-1].startswith(b"--"):
        raise FormError("The form is damaged, cut off, or has too many fields")
    fields: dict[str, bytes] = {}
    for part in parts[:-1]:
        head, blank, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not blank or name is None:
            raise FormError("A field of the form has no name")
        fields[name[1].decode("utf-8", "replace")] = content
    return fields
