"""How a page gets the front end: sent or requested, once, with a placeholder until then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.bundle_host import Host, opened

BOXES: Final = """() => [...document.querySelectorAll('#views > div')].map((view) => {
  const { x, y, width, height } = view.firstElementChild.getBoundingClientRect();
  return [x, y, width, height].map((value) => Math.round(value * 2) / 2);
})"""
"""Positions and sizes of the views."""

STYLES: Final = "document.querySelectorAll('style[data-decart-widget]').length"


@pytest_asyncio.fixture(loop_scope="session")
async def host(page: Page) -> AsyncIterator[Host]:
    async with opened(page) as host:
        yield host


@pytest.mark.parametrize("width", [760, 340])
@pytest.mark.parametrize(
    "state",
    [{}, {"endpoint": "sandbox"}, {"_media": {"width": 1280, "height": 704, "fps": 30}}],
    ids=["plain", "sandbox", "704"],
)
async def test_the_placeholder_has_the_size_of_the_view(
    host: Host, width: int, state: dict[str, Any]
) -> None:
    await host.run("document.body.style.setProperty('--width', %s)", f"{width}px")
    await host.mount(state, views=2, main="never")
    await expect(host.frame.locator(".decart-loading")).to_have_count(2)
    before = await host.run(BOXES)
    await host.run("h.model.push('main')")
    await expect(host.view(1)).to_be_visible()
    await expect(host.frame.locator(".decart-loading")).to_have_count(0)
    assert await host.run(BOXES) == before
    # Filling the slots moves nothing either.
    await host.run("h.model.push('tools')")
    await expect(host.view(1).locator(".dw-choice").first).to_be_visible()
    assert await host.run(BOXES) == before


async def test_a_page_without_the_front_end_requests_it(host: Host) -> None:
    await host.mount(main="asked")
    await expect(host.view()).to_be_visible()
    # A busy machine may send a request again before the answer has come.
    needs = list(dict.fromkeys((n["name"], n["hash"]) for n in await host.sent("need")))
    names = ("main", "peer", "capture", "tools", "take")
    hashes = await host.run("h.model.state._chunks")
    assert needs == [(name, hashes[name]) for name in names]
    await host.start()
    await host.revealed()


async def test_without_a_kernel_the_page_says_what_is_missing(host: Host) -> None:
    await host.mount(main="never")
    words = host.frame.locator(".decart-loading")
    await expect(words).to_have_text("Run the cell to see it live.")


async def test_all_widgets_of_a_page_share_it(host: Host) -> None:
    await host.mount(views=2)
    await host.run("(async () => { window.other = await mount({}, { main: 'asked' }) })()")
    await expect(host.view(2)).to_be_visible()
    assert await host.run("other.model.count('need')") == 0
    await expect(host.view(2).locator(".dw-choice").first).to_be_visible()
    assert await host.run(STYLES) == 2, "the view's and the tools's, once each"


async def test_a_view_in_a_shadow_root_has_its_styles(host: Host) -> None:
    await host.mount()
    style = await host.run("""async () => {
      const outer = document.createElement('div');
      const shadow = outer.attachShadow({ mode: 'open' });
      const el = document.createElement('div');
      // The host fills the element first and shows it later.
      await h.definition.render({ model: h.model, el, signal: new AbortController().signal });
      shadow.append(el);
      document.body.append(outer);
      while (shadow.querySelectorAll('style[data-decart-widget]').length < 2)
        await new Promise(requestAnimationFrame);
      return getComputedStyle(el.querySelector('.dw-stage')).backgroundColor;
    }""")
    assert style == "rgb(11, 13, 16)"


async def test_a_chunk_whose_hash_does_not_fit_is_not_run(page: Page) -> None:
    async with opened(page) as host:
        await host.mount(main="never")
        await host.run("""() => {
          const bytes = new TextEncoder().encode("window.hasRun = true; export default () => ({})");
          const hash = h.model.state._chunks.main;
          h.model.receive({ type: "chunk", name: "main", hash, encoding: "none" }, [bytes]);
        }""")
        words = host.frame.locator(".decart-loading")
        await expect(words).to_contain_text("Another version")
        assert await host.run("window.hasRun ?? false") is False
        # The right one is taken nevertheless, by the models of the page that come later.
        await host.run("(async () => { window.other = await mount({}, { main: 'asked' }) })()")
        await expect(host.view(0)).to_be_visible()
        host.errors.clear()


async def test_pages_whose_policy_forbids_it_show_a_notice(page: Page) -> None:
    policy = "script-src 'self'"
    async with opened(page, policy=policy) as host:
        await host.mount(main="never")
        await host.run("h.model.push('main')")
        words = host.frame.locator(".decart-loading")
        await expect(words).to_contain_text("does not let the widget load")
        assert all("Content Security Policy" in e or "did not load" in e for e in host.errors)
        host.errors.clear()
