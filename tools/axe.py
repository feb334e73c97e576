"""axe-core in a page: which rules for accessibility an element breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

SOURCE: Final = Path(__file__).parents[1] / "js" / "node_modules" / "axe-core" / "axe.min.js"
TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ABOUT_PAGES: Final = {
    name: {"enabled": False}
    for name in ("region", "landmark-one-main", "page-has-heading-one", "heading-order", "bypass")
}
"""Rules about a page as a whole, which is the notebook's."""

EXPERIMENTAL: Final = {"label-content-name-mismatch": {"enabled": False}}
"""Rules that axe-core itself calls experimental: this one wants every figure of a cell in its name,
in the order of the screen, where ours is a sentence."""

RUN: Final = """async ([selector, tags, rules]) => {
  const {violations} = await axe.run(selector, {runOnly: {type: 'tag', values: tags}, rules});
  return violations.map(({id, nodes}) => [id, nodes.map((n) => [n.html, n.failureSummary])]);
}"""


async def violations(page: Page, selector: str) -> list[str]:
    """What axe-core finds within an element: WCAG 2.2 A and AA, and best practice.

    Args:
        page: The page; whatever its security policy allows.
        selector: Of the element.

    Returns:
        A text for each place: the rule, the element and what is wrong.
    """
    # In an evaluated script no policy of the page forbids it.
    await page.evaluate(SOURCE.read_text(encoding="utf-8"))
    found: list[Any] = await page.evaluate(RUN, [selector, TAGS, ABOUT_PAGES | EXPERIMENTAL])
    return [f"{rule}: {node[0][:200]} {node[1]}" for rule, nodes in found for node in nodes]
