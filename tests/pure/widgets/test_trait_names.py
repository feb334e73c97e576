from __future__ import annotations

import pytest
from anywidget import AnyWidget

from decart_widget import DecartViewer, DecartWidget


@pytest.mark.parametrize("widget_class", [DecartWidget, DecartViewer])
def test_no_trait_hides_an_attribute_of_jupyter_widgets(widget_class: type[AnyWidget]) -> None:
    # A trait that is named `model_id`, for instance, breaks every container of the widget.
    own = set(widget_class.class_trait_names()) - set(AnyWidget.class_trait_names())
    assert own & set(dir(AnyWidget)) == set()
