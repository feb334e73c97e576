"""A view in a real browser: layout, colours, keys, and what assistive technology reads."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.bundle_host import Host, opened

STATES: Final = (
    "idle",
    "connecting",
    "connected",
    "generating",
    "reconnecting",
    "disconnected",
    "error",
)
ERROR: Final = {"code": "authentication", "message": "The key was refused.", "remedy": "Check it."}

LAYOUT: Final = """() => [...document.querySelectorAll(
  '.decart-widget, .dw-stage, .dw-bar, .dw-prompt, .dw-apply, .dw-prompt-status, .dw-row'
)].map((element) => {
  const { x, y, width, height } = element.getBoundingClientRect();
  return [element.className, ...[x, y, width, height].map((value) => value.toFixed(1))].join(' ');
})"""
"""Positions and sizes of the elements that must not move."""

CONTRAST: Final = """() => {
  const pixel = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const over = (...colours) => {
    pixel.clearRect(0, 0, 1, 1);
    for (const colour of colours) { pixel.fillStyle = colour; pixel.fillRect(0, 0, 1, 1); }
    return [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const root = document.querySelector('.decart-widget');
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility()) continue;
    const backgrounds = [];
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      backgrounds.unshift(style.backgroundColor);
      // The lightest spot of the poster.
      if (style.backgroundImage !== 'none') backgrounds.splice(1, 0, '#1a202b');
    }
    const back = over('#fff', ...backgrounds);
    const front = over(`rgb(${back})`, getComputedStyle(element).color);
    const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    found.push([walk.currentNode.data.trim(), Math.round(100 * ratio) / 100]);
  }
  return found;
}"""
"""Contrast (WCAG 2) of every visible text with its actual background."""


@pytest_asyncio.fixture(loop_scope="session")
async def host(page: Page) -> AsyncIterator[Host]:
    async with opened(page) as host:
        yield host


async def show(host: Host, state: str) -> None:
    await host.run(
        "h.model.update({ connection_state: %s, error: %s, _retry: %s })",
        state,
        ERROR if state == "error" else {},
        {"attempt": 2, "of": 5, "in_s": 60} if state == "reconnecting" else {},
    )
    await expect(host.view()).to_have_attribute("data-state", state)


@pytest.mark.parametrize("width", [760, 340])
async def test_nothing_moves_between_the_states(host: Host, width: int) -> None:
    await host.run("document.body.style.setProperty('--width', %s)", f"{width}px")
    await host.mount({"endpoint": "sandbox", "generation_tick": 42, "budget": 120}, kernel=None)
    await expect(host.view().locator(".dw-choice").first).to_be_visible()
    before = await host.run(LAYOUT)
    for state in STATES:
        await show(host, state)
        assert await host.run(LAYOUT) == before, state


@pytest.mark.parametrize("width", [760, 340])
async def test_every_notice_fits_its_stage(host: Host, width: int) -> None:
    await host.run("document.body.style.setProperty('--width', %s)", f"{width}px")
    await host.mount({"endpoint": "sandbox"}, kernel=None)
    await expect(host.view().locator(".dw-choice").first).to_be_visible()
    for code in ("insecure-origin", "blocked-by-frame", "media-failed", "no-camera"):
        error = {"code": code, "message": "It failed in some way.", "remedy": "Do that instead."}
        await host.run("h.model.update({ connection_state: 'error', error: %s })", error)
        notice = host.view().locator(".dw-notice")
        room = await notice.evaluate(
            "(n) => [n.scrollHeight - n.clientHeight, n.scrollWidth - n.clientWidth]"
        )
        assert room == [0, 0], code
        button = await host.view().locator(".dw-retry").bounding_box()
        stage = await host.view().locator(".dw-stage").bounding_box()
        assert button is not None
        assert stage is not None
        assert button["y"] + button["height"] <= stage["y"] + stage["height"]


@pytest.mark.parametrize("theme", ["light", "dark", "none"])
async def test_every_text_has_sufficient_contrast(host: Host, theme: str) -> None:
    await host.run("() => { document.body.className = %s }", theme)
    await host.mount({"endpoint": "sandbox", "session_id": "8f2c1d", "budget": 120}, kernel=None)
    for state in STATES:
        await show(host, state)
        for status in ("idle", "pending", "applied", "rejected"):
            await host.run("h.model.update({ prompt_status: %s })", status)
            for text, contrast in await host.run(CONTRAST):
                assert contrast >= 4.5, f"{text!r} has {contrast} ({state}, {status})"


async def test_keys_pressed_in_the_widget_stay_in_it(host: Host) -> None:
    await host.mount()
    await host.run("""() => {
      window.leaked = [];
      for (const type of ['keydown', 'keypress', 'keyup'])
        document.addEventListener(type, (event) => leaked.push(event.key));
    }""")
    prompt = host.view().locator("input.dw-prompt")
    await prompt.fill("")
    await prompt.press_sequentially("a dd 00 x")
    await prompt.press("Enter")
    await host.view().locator("input.dw-enrich").press("Space")
    await host.view().locator(".dw-start").press("d")
    assert await host.run("leaked") == []
    assert await host.run("h.model.get('prompt')") == "a dd 00 x"
    assert await host.run("h.model.get('enrich')") is False
    apply = {"prompt": "a dd 00 x", "enrich": True}
    assert [{k: m[k] for k in apply} for m in await host.sent("apply")] == [apply]


async def test_it_can_be_operated_by_keyboard_alone(host: Host) -> None:
    await host.mount()
    await expect(host.view().locator(".dw-choice").first).to_be_visible()
    await host.page.keyboard.press("Tab")
    await expect(host.view().locator(".dw-start")).to_be_focused()
    await host.page.keyboard.press("Enter")
    await expect(host.view().locator(".dw-stop")).to_be_focused()
    await host.revealed()
    await host.page.keyboard.press("Space")
    await expect(host.view().locator(".dw-start")).to_be_focused()
    assert await host.cameras() == ["ended"]
    camera, *others = [f".dw-choice-{name} select" for name in ("camera", "mirror", "shape")]
    inputs = [".dw-slotted", "input.dw-prompt", "input.dw-enrich", ".dw-apply"]
    for control in [*inputs, camera, ".dw-microphone", *others, ".dw-full"]:
        await host.page.keyboard.press("Tab")
        await expect(host.view().locator(control)).to_be_focused()
        outline = (
            await host.view().locator(control).evaluate("(e) => getComputedStyle(e).outlineStyle")
        )
        assert outline == "solid"


async def test_assistive_technology_reads_names_and_roles(host: Host) -> None:
    await host.mount({"endpoint": "sandbox"})
    widget = host.frame.get_by_role("group", name="Decart camera")
    for role, name in (
        ("button", "Start"),
        ("textbox", "Prompt"),
        ("checkbox", "enrich"),
        ("button", "Apply"),
    ):
        await expect(widget.get_by_role(role, name=name)).to_be_visible()  # type: ignore[arg-type]
    await expect(widget.get_by_role("status").first).to_have_text("Ready")
    await host.start()
    await host.revealed()
    await expect(widget.get_by_role("button", name="Stop")).to_be_visible()
    await expect(widget.get_by_role("button", name="Start")).to_be_hidden()


async def test_a_refused_autoplay_offers_a_button(page: Page) -> None:
    await page.add_init_script("""
      const play = HTMLMediaElement.prototype.play;
      let clicked = false;
      addEventListener('click', () => { clicked = true; }, { capture: true });
      HTMLMediaElement.prototype.play = function () {
        if (this.matches('.dw-remote') && !clicked)
          return Promise.reject(new DOMException('Not now', 'NotAllowedError'));
        return play.call(this);
      };
    """)
    async with opened(page) as host:
        await host.mount()
        await host.run("h.kernel.prepare()")
        button = host.view().locator(".dw-play")
        await expect(button).to_be_visible()
        await button.click()
        await expect(button).to_be_hidden()
        await host.revealed()


async def test_the_picture_badge_shows_size_rate_and_round_trip_time(host: Host) -> None:
    await host.mount()
    await host.start()
    await host.revealed()
    await host.until("h.model.count('stats') > 1")
    pill = host.view().locator(".dw-quality")
    await expect(pill).to_have_text(re.compile(r"^640×360 · \d+ fps · \d+ ms$"))
    stats = (await host.sent("stats"))[-1]
    assert stats["attempt"] == 1
    assert stats["fps"] > 0
    assert stats["bitrate"] > 0


async def test_another_page_has_the_session(host: Host) -> None:
    await host.mount({"connection_state": "generating"})
    await host.run("h.kernel.welcome(false)")
    await expect(host.view()).to_have_attribute("data-owner", "false")
    await expect(host.view().locator(".dw-poster")).to_contain_text("Shown in another tab")
    await expect(host.view().locator(".dw-start")).to_have_text("Take over")
    await expect(host.view().locator(".dw-stop")).to_be_hidden()


async def test_reduced_motion_is_respected(page: Page) -> None:
    await page.emulate_media(reduced_motion="reduce")
    async with opened(page) as host:
        await host.mount({"connection_state": "connecting"}, kernel=None)
        moving = await host.run("document.getAnimations().length")
        assert moving == 0
