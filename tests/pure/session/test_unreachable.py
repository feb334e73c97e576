"""What an error says about a connection that finds no way, by where the media is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from decart_widget.session.attempt import Attempt


@pytest.mark.parametrize("loopback", [True, False])
@pytest.mark.parametrize("in_browser", [True, False])
def test_the_error_names_the_side_that_cannot_reach_the_service(
    loopback: bool, in_browser: bool
) -> None:
    attempt: Any = SimpleNamespace(
        _config=SimpleNamespace(endpoint=SimpleNamespace(is_loopback=loopback)),
        _media=SimpleNamespace(in_browser=in_browser),
    )
    error = Attempt.unreachable(attempt)
    text = f"{error.message} {error.remedy}".lower()
    assert ("browser" in text) is in_browser
    assert ("this machine" in text) is not in_browser
    assert error.code == ("sandbox-unreachable" if loopback else "media-unreachable")
