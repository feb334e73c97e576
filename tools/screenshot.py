"""Pictures of the quick start for the documentation, and for looking at: light and dark.

`python -m tools.screenshot PICTURE --out docs/images/quickstart.png` shows PICTURE to a fake
camera, runs the notebook, clicks Start and takes the page.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import ViewportSize

from tools import browser, camera_clip
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.widget_view import WidgetView

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "01_quickstart.ipynb"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
VIEWPORT = ViewportSize(width=1120, height=1060)


async def take(picture: Path, out: Path, *, theme: str, prompt: str) -> None:
    settings = {"@jupyterlab/apputils-extension/themes": {"theme": THEMES[theme]}}
    with LabServer(settings=settings) as lab, TemporaryDirectory() as folder:
        name = lab.copy(NOTEBOOK)
        clip = camera_clip.write(picture, Path(folder) / "camera.mjpeg")
        async with browser.launched(video=clip) as chromium:
            page = await chromium.new_page(viewport=VIEWPORT)
            notebook = NotebookPage(lab, page)
            await notebook.open(name)
            await notebook.run_all()
            view = WidgetView(page)
            await view.start()
            await view.picture()
            await view.type_prompt(prompt)
            await notebook.until(f"w.applied_prompt == {prompt!r} and w.generation_tick >= 6")
            await view.root.scroll_into_view_if_needed()
            await page.screenshot(path=out)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.screenshot", description=__doc__)
    parser.add_argument("picture", type=Path, help="what the camera sees")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--theme", choices=THEMES, default="light")
    parser.add_argument("--prompt", default="watercolour")
    options = parser.parse_args()
    asyncio.run(take(options.picture, options.out, theme=options.theme, prompt=options.prompt))


if __name__ == "__main__":
    main()
