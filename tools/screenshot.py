"""`make screenshots`: pictures of the widget for the documentation and for review.

A real JupyterLab, a fake camera that plays a photograph, and the widget in nine states, in light
and dark themes, wide and narrow. Six states are produced by using the widget (idle, generating,
comparing, stopped, a refused camera, prompts as cards); the others, which are brief or need a
service that is full or unreachable, by setting the traits.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.async_api import Page, ViewportSize, expect

from tools import browser, camera_clip, deck_screenshots, sheet_screenshots
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.widget_view import WidgetView

OUT: Final = Path(__file__).parent.parent / "docs" / "images"
THEMES: Final = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WIDTHS: Final = {"wide": "", "narrow": "380px"}
VIEWPORT: Final = ViewportSize(width=1120, height=1000)
WIDGET: Final = (
    "from decart_widget import DecartWidget\nw = DecartWidget(prompt='watercolour', budget=120)\nw"
)
SHOWN: Final = {
    "connecting": "connection_state='connecting'",
    "queue": "connection_state='connecting', queue_position=2, queue_size=5",
    "reconnecting": "connection_state='reconnecting', _retry={'attempt': 2, 'of': 5, 'in_s': 4}",
}
"""State -> the traits that show it, for states that are not produced by using the widget."""

REST: Final = "queue_position=None, queue_size=None, _retry={}"
NAME: Final = """
const name = {get: () => 'Front camera'};
Object.defineProperty(MediaStreamTrack.prototype, 'label', name);
Object.defineProperty(MediaDeviceInfo.prototype, 'label', name);
"""
"""Replaces the label of the fake camera, which is the name of its file."""

REFUSE: Final = """() => {
  navigator.mediaDevices.getUserMedia = async () => {
    throw new DOMException('Permission denied', 'NotAllowedError');
  };
}"""


def photograph() -> Path:
    """A photograph of a person, from a package that ships one.

    Raises:
        ModuleNotFoundError: scikit-image isn't installed.
    """
    import skimage

    return Path(skimage.__file__).parent / "data" / "astronaut.png"


async def shoot(page: Page, view: WidgetView, out: Path, state: str, theme: str) -> None:
    for name, width in WIDTHS.items():
        await page.evaluate(
            "(width) => { document.querySelector('.decart-widget').style.maxInlineSize = width; }",
            width,
        )
        await page.mouse.move(0, 0)
        path = out / f"{state}-{theme}{'-narrow' if name == 'narrow' else ''}.jpg"
        await view.root.screenshot(path=path, type="jpeg", quality=88)
        print(path.name, path.stat().st_size, flush=True)


async def set_traits(notebook: NotebookPage, traits: str) -> None:
    code = f"for k, v in {{**dict({REST}), **dict({traits})}}.items(): w.set_trait(k, v)"
    await notebook.execute(code)


async def take(picture: Path, out: Path, theme: str) -> None:
    settings = {"@jupyterlab/apputils-extension/themes": {"theme": THEMES[theme]}}
    with LabServer(settings=settings) as lab, TemporaryDirectory() as folder:
        clip = camera_clip.write(picture, Path(folder) / "camera.mjpeg")
        async with browser.launched(video=clip) as chromium:
            page = await chromium.new_page(viewport=VIEWPORT)
            await page.add_init_script(NAME)
            notebook = NotebookPage(lab, page)
            await notebook.open(lab.write("widget.ipynb", [WIDGET]))
            await notebook.run_all()
            view = WidgetView(page)
            await view.mounted()
            await expect(view.root.locator(".dw-choice").first).to_be_visible()
            await shoot(page, view, out, "idle", theme)

            await view.start()
            await view.picture()
            await notebook.until("w.generation_tick >= 4")
            await shoot(page, view, out, "generating", theme)
            await view.root.locator(".dw-wipe").click()
            await page.wait_for_function("document.querySelector('.decart-widget').dataset.delayMs")
            await shoot(page, view, out, "comparing", theme)
            await view.stop()
            await view.wait_attribute("data-state", "disconnected")
            await shoot(page, view, out, "stopped", theme)

            for state, traits in SHOWN.items():
                await set_traits(notebook, traits)
                wanted = "reconnecting" if state == "reconnecting" else "connecting"
                await view.wait_attribute("data-state", wanted)
                await shoot(page, view, out, state, theme)
            await set_traits(notebook, "connection_state='idle'")
            await view.wait_attribute("data-state", "idle")
            await page.evaluate(REFUSE)
            await view.start()
            await expect(view.root.locator(".dw-notice")).to_be_visible()
            await shoot(page, view, out, "notice", theme)
            decks = await chromium.new_page(viewport=VIEWPORT)
            await decks.add_init_script(NAME)
            await deck_screenshots.shoot_deck(
                lab, decks, lambda page, view, state: shoot(page, view, out, state, theme)
            )
            sheets = await chromium.new_page(viewport=sheet_screenshots.VIEWPORT)
            await sheet_screenshots.shoot_sheets(lab, sheets, out, theme)
            lab.end_kernels()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.screenshot", description=__doc__)
    parser.add_argument("--picture", type=Path, help="picture that the camera shows")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    for theme in THEMES:
        asyncio.run(take(options.picture or photograph(), options.out, theme))


if __name__ == "__main__":
    main()
