"""The scripted page of this folder's tests."""

from __future__ import annotations

import pytest

from tests.pure.capture.scripted_page import Page


@pytest.fixture
def page() -> Page:
    return Page()
