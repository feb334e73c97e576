"""Pictures of the widget with a template and prompts that were tried, for the documentation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from playwright.async_api import Page, expect

from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.widget_view import WidgetView

MEDIA: Final = ("watercolour", "charcoal", "stained glass", "comic", "neon sign")
"""What the template's first field is set to, one after the other."""

WIDGET: Final = f"""from decart_widget import DecartWidget, explore
look = explore.template("a {{medium}} portrait, {{strength}} changed", medium={list(MEDIA)!r},
                        strength=explore.scale(["barely", "gently", "strongly"]))
w = DecartWidget(template=look, budget=120)
w"""

Shoot = Callable[[Page, WidgetView, str], Awaitable[None]]
"""Takes the pictures of a state, in all widths."""


async def shoot_deck(lab: LabServer, page: Page, shoot: Shoot) -> None:
    """Tries each medium in a new notebook, marks two of them, and takes the pictures.

    Args:
        lab: The server.
        page: An empty tab whose camera works.
        shoot: Takes the pictures.
    """
    notebook = NotebookPage(lab, page)
    await notebook.open(lab.write("deck.ipynb", [WIDGET]))
    await notebook.run_all()
    view = WidgetView(page)
    await view.mounted()
    await view.start()
    await view.picture()
    cards = view.root.locator(".dw-card")
    for index in range(len(MEDIA)):
        await notebook.execute(f"w.fields.medium_index = {index}")
        await expect(cards).to_have_count(index + 1)
        await expect(cards.first.locator(".dw-thumb")).to_be_visible()
    for number, button in ((1, ".dw-star"), (2, ".dw-pin")):
        card = view.root.locator(f'.dw-card[data-number="{number}"]')
        await card.hover()
        await card.locator(button).click()
        await expect(card.locator(button)).to_have_attribute("aria-pressed", "true")
    await shoot(page, view, "deck")
    await view.stop()
    await view.wait_attribute("data-state", "disconnected")
