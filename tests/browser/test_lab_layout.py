"""The width of views in every container of ipywidgets, in a wide and in a narrow page."""

from __future__ import annotations

from typing import Any, Final

import pytest
from playwright.async_api import Error, Page

from tests.browser.conftest import OpenNotebook

CONTAINERS: Final = """
import ipywidgets as W
from IPython.display import display
from decart_widget import DecartViewer, DecartWidget

def others(count=1):
    return [W.IntSlider(layout=W.Layout(width="200px")) for _ in range(count)]

# Nothing answers there: a viewer without a picture.
nowhere = ("http://127.0.0.1:9", "ws://127.0.0.1:9")
viewer = DecartViewer("eyJyb29tX25hbWUiOiAieCJ9", api_key="dct_of_nobody", endpoint=nowhere)
containers = {
    "VBox": W.VBox([DecartWidget(), *others()]),
    "HBox": W.HBox([DecartWidget(), *others()]),
    "HBox of a viewer": W.HBox([viewer, *others()]),
    "HBox of two": W.HBox([DecartWidget(), DecartWidget()]),
    "HBox of a VBox": W.HBox([W.VBox([DecartWidget(), *others()]), *others()]),
    "Box": W.Box([DecartWidget(), *others()]),
    "Tab": W.Tab([W.HBox([DecartWidget(), *others()])]),
    "Accordion": W.Accordion([W.HBox([DecartWidget(), *others()])], selected_index=0),
    "Stack": W.Stack([W.HBox([DecartWidget(), *others()])], selected_index=0),
    "GridBox": W.GridBox(
        [DecartWidget(), *others()], layout=W.Layout(grid_template_columns="auto 200px")
    ),
    "GridBox of fractions": W.GridBox(
        [DecartWidget(), *others()], layout=W.Layout(grid_template_columns="2fr 1fr")
    ),
    "AppLayout": W.AppLayout(center=DecartWidget(), right_sidebar=others()[0]),
    "TwoByTwoLayout": W.TwoByTwoLayout(
        top_left=DecartWidget(), top_right=others()[0], bottom_left=others()[0],
        bottom_right=others()[0],
    ),
}
for name, container in containers.items():
    container.add_class("place")
    container.add_class("place-" + name.replace(" ", "-"))
    display(container)
"""

WIDTHS: Final = """() => Object.fromEntries([...document.querySelectorAll('.place')].map((place) =>
{
  const name = [...place.classList].find((one) => one.startsWith('place-')).slice(6);
  const {right} = place.closest('.jp-OutputArea-output').getBoundingClientRect();
  const views = [...place.querySelectorAll('.decart-widget')].map((v) => v.getBoundingClientRect());
  return [name, {
    widths: views.map((view) => Math.round(view.width)),
    outside: Math.max(...views.map((view) => Math.round(view.right - right))),
  }];
}))"""
"""Of each container: the widths of its views, and how far one exceeds the cell's output, in px."""

NARROWEST_PX: Final = 140
"""The least width of a view beside a slider of 200 px in a cell of 430 px."""


async def widths(page: Page, count: int, least: int) -> dict[str, Any]:
    """Waits until all views are laid out with at least this width; returns what there is."""
    await page.wait_for_function(f"document.querySelectorAll('.decart-widget').length === {count}")
    wide = f"Object.values(({WIDTHS})()).every(({{widths}}) => widths.every((w) => w >= {least}))"
    try:
        await page.wait_for_function(wide, timeout=10_000)
    except Error as error:
        raise AssertionError(await page.evaluate(WIDTHS)) from error
    seen: dict[str, Any] = await page.evaluate(WIDTHS)
    return seen


@pytest.mark.new_tab
async def test_a_view_has_its_natural_width_in_every_container(open_notebook: OpenNotebook) -> None:
    notebook = await open_notebook(CONTAINERS)
    page = notebook.page
    # JupyterLab renders outputs that were never scrolled to only when it is idle.
    await page.set_viewport_size({"width": 1600, "height": 9000})
    wide = await widths(page, 14, 300)
    assert {name for name, seen in wide.items() if seen["outside"] > 0} == set()
    for name in ("VBox", "HBox", "HBox-of-a-viewer", "HBox-of-a-VBox", "Box", "Tab", "Accordion"):
        assert wide[name]["widths"] == [760], name
    one, other = wide["HBox-of-two"]["widths"]
    assert one == other
    await page.set_viewport_size({"width": 520, "height": 9000})
    narrow = await widths(page, 14, NARROWEST_PX)
    assert {name for name, seen in narrow.items() if seen["outside"] > 0} == set()
