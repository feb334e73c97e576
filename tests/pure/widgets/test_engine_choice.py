"""Where a widget's media is: in the page, or in the kernel; and what a page may set then."""

from __future__ import annotations

from typing import Any

import pytest

from decart_widget import TestPattern, Webcam
from decart_widget.errors import InvalidOptionError
from tests.pure.widgets.test_page_rights import by_page


def test_the_page_s_camera_has_a_name_too(make: Any) -> None:
    widget = make(source=Webcam())
    assert (widget.engine, widget.source) == ("browser", "camera")


def test_the_kernel_carries_the_page_s_source_on_request(make: Any) -> None:
    widget = make(engine="kernel")
    assert (widget.engine, widget.source) == ("kernel", "camera")
    assert widget._controller.engine.source is None
    assert widget._controller.relay.is_chosen
    widget.source = "screen"
    assert (widget.engine, widget.source) == ("kernel", "screen")


def test_a_page_may_choose_what_it_sends_through_the_kernel(make: Any) -> None:
    widget = make(engine="kernel")
    by_page(widget, source="screen")
    assert widget.source == "screen"
    by_page(widget, source="clip.mp4")
    assert widget.source == "screen"


def test_a_source_of_the_kernel_goes_back_to_what_was_asked_for(make: Any) -> None:
    for engine, own in ((None, "browser"), ("kernel", "kernel")):
        widget = make(engine=engine, source=TestPattern())
        assert widget.engine == "kernel"
        widget.source = "camera"
        assert widget.engine == own


@pytest.mark.parametrize(
    "arguments", [{"engine": "cloud"}, {"engine": "browser", "source": TestPattern()}]
)
def test_an_engine_that_can_not_send_this_is_refused(make: Any, arguments: Any) -> None:
    with pytest.raises(InvalidOptionError):
        make(**arguments)
