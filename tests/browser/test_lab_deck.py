"""Prompts that are tried live in JupyterLab: menus of a template, cards, keys, and a reload."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.test_lab_tools import AXE, check_every_theme
from tools.pixels import colourfulness
from tools.widget_view import WidgetView

WIDGET: Final = """from decart_widget import DecartWidget, explore
from decart_widget.sandbox import Faults, serve
server = serve(faults=Faults(moderated_word="famous"))
look = explore.template("{style}, {strength}", style=["greyscale", "thermal", "invert"],
                        strength=explore.scale(["barely", "strongly"]))
w = DecartWidget(template=look, endpoint=server)
w"""

SHOWN: Final = "document.querySelectorAll('.dw-card .dw-thumb:not([hidden])').length >= {}"
"""Whether so many cards have a picture."""


@pytest.mark.new_tab
async def test_prompts_are_tried_by_menu_and_keys_and_their_cards_survive_a_reload(
    open_notebook: OpenNotebook,
) -> None:
    notebook = await open_notebook(WIDGET)
    page, view = notebook.page, WidgetView(notebook.page)
    await view.mounted()
    menu = view.root.get_by_role("combobox", name="style")
    await expect(menu).to_be_visible()
    await view.start()
    grey = await view.picture()
    assert colourfulness(grey.pixels) < 10
    cards = view.root.locator(".dw-card")
    await expect(cards).to_have_count(1)
    await page.wait_for_function(SHOWN.format(1))

    # A menu and a slider change the picture, and the fields in Python with them.
    await menu.select_option("thermal")
    thermal = await view.changed(grey.pixels)
    await notebook.until("w.fields.style == 'thermal' and w.prompt == 'thermal, barely'")
    await expect(cards).to_have_count(2)
    await page.wait_for_function(SHOWN.format(2))
    await notebook.until("w.history[-1]['changed'] and w.history[-1]['effect_s'] >= 0")
    await notebook.execute("w.fields.style_index = 2")
    inverted = await view.changed(thermal.pixels)
    await expect(menu).to_have_value("2")
    await expect(cards).to_have_count(3)
    await page.wait_for_function(SHOWN.format(3))

    # A refused prompt stays with its reason, and the picture as it is.
    await view.prompt.fill("as painted by a famous painter")
    await view.prompt.press("Enter")
    await expect(cards).to_have_count(4)
    await expect(cards.first).to_contain_text("refused")

    # Digits that are typed are text; elsewhere they switch. The oldest of three has the key 3.
    find = view.root.get_by_role("searchbox")
    await find.press_sequentially("3")
    await expect(find).to_have_value("3")
    await expect(cards).to_have_count(0)
    await find.fill("")
    await view.root.locator(".dw-stage").click(position={"x": 200, "y": 150})
    await page.keyboard.press("3")
    await notebook.until("w.applied_prompt == 'greyscale, barely'")
    back = await view.changed(inverted.pixels)
    assert colourfulness(back.pixels) < 10

    # Holding B shows A, and letting go leads back.
    inverting = view.root.locator('.dw-card[data-number="3"]')
    await inverting.hover()
    await inverting.locator(".dw-pin").click()
    await expect(inverting.locator(".dw-pin")).to_have_attribute("aria-pressed", "true")
    await page.keyboard.down("b")
    await view.wait_attribute("data-hold", "true")
    await notebook.until("w.applied_prompt == 'invert, barely'")
    held = await view.changed(back.pixels)
    assert colourfulness(held.pixels) > 10
    await page.keyboard.up("b")
    await notebook.until("w.applied_prompt == 'greyscale, barely'")
    await view.changed(held.pixels)

    await page.add_script_tag(path=AXE)
    await check_every_theme(page, "deck and template")

    # The kernel has all of it, and a page that is loaded again shows it.
    await view.stop()
    await view.wait_attribute("data-state", "disconnected")
    await notebook.until("len(w.session_record) >= 4")
    await notebook.save()
    await page.reload(wait_until="commit")
    await view.mounted()
    await expect(cards).to_have_count(4)
    await page.wait_for_function(SHOWN.format(3))
    await expect(view.root.locator('.dw-card[data-number="3"] .dw-key')).to_have_text("1")
    await expect(menu).to_have_value("2")
