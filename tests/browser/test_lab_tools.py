"""Accessibility in every state, a reference image, and the Record button, in JupyterLab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
import pytest
from playwright.async_api import Page, expect

from decart_widget.capture.containers import SUFFIXES
from tests.browser.conftest import OpenNotebook
from tools.widget_view import WidgetView

AXE: Final = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
CHECK: Final = """async () => {
  const {violations} = await axe.run(document.querySelector('.decart-widget'), {
    resultTypes: ['violations'],
  });
  return violations.map(({id, nodes}) => [id, ...nodes.map(({html, any}) =>
    `${html.slice(0, 200)} ${(any[0]?.message ?? '').slice(0, 200)}`)]);
}"""
"""Violations that axe finds in the widget: the rule, and the elements."""

WIDGET: Final = (
    'from decart_widget import DecartWidget\nw = DecartWidget(prompt="greyscale", budget=60)\nw'
)
SETTLED: Final = """(theme) => document.body.dataset.jpThemeName === theme
  && !document.getElementById('jupyterlab-splash')"""
"""True when JupyterLab has changed its theme: a change while its splash screen is shown fails."""

THEMES: Final = ("JupyterLab Light", "JupyterLab Dark")
WIDTHS: Final = ("", "380px")
NARROW: Final = (
    "(width) => { document.querySelector('.decart-widget').style.maxInlineSize = width; }"
)


async def check_every_theme(page: Page, state: str) -> None:
    """Asserts that there are no violations in both themes, wide and narrow."""
    for theme in THEMES:
        await page.evaluate(
            "(theme) => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        await page.wait_for_function(SETTLED, arg=theme)
        for width in WIDTHS:
            await page.evaluate(NARROW, width)
            found: list[Any] = await page.evaluate(CHECK)
            assert found == [], (
                f"{state}, {theme}, {width or 'wide'}: {json.dumps(found, indent=1)}"
            )
    await page.evaluate(NARROW, "")


@pytest.mark.new_tab
async def test_every_state_is_accessible_in_both_themes_wide_and_narrow(
    open_notebook: OpenNotebook,
) -> None:
    notebook = await open_notebook(WIDGET)
    page, view = notebook.page, WidgetView(notebook.page)
    await view.mounted()
    await expect(view.root.locator(".dw-choice").first).to_be_visible()
    await page.add_script_tag(path=AXE)
    # Proof that the check works: a picture without a name is a violation.
    await page.evaluate("document.querySelector('.dw-bar').append(document.createElement('img'))")
    assert [rule for rule, *_ in await page.evaluate(CHECK)] == ["image-alt"]
    await page.evaluate("document.querySelector('.dw-bar > img').remove()")
    await check_every_theme(page, "idle")
    await view.start()
    await view.picture()
    await expect(view.root.locator(".dw-local")).to_be_visible()
    await check_every_theme(page, "generating")
    await view.root.locator(".dw-microphone").click()
    await expect(view.root.locator(".dw-speaker")).to_be_visible()
    await check_every_theme(page, "heard")
    await view.root.locator(".dw-microphone").click()
    await expect(view.root.locator(".dw-mic")).to_have_text("mic muted")
    await check_every_theme(page, "muted")
    await view.root.locator(".dw-wipe").click()
    await expect(view.root.locator(".dw-handle")).to_be_visible()
    await check_every_theme(page, "comparing")
    await view.root.locator(".dw-wipe").click()
    await view.stop()
    await view.wait_attribute("data-state", "disconnected")
    await check_every_theme(page, "stopped")
    # Each state is shown by setting traits.
    await notebook.execute(
        "w.set_trait('connection_state', 'connecting'); w.set_trait('queue_position', 2);"
        " w.set_trait('queue_size', 5)"
    )
    await view.wait_attribute("data-state", "connecting")
    await check_every_theme(page, "in the queue")
    await notebook.execute(
        "w.set_trait('_retry', {'attempt': 2, 'of': 5, 'in_s': 2});"
        " w.set_trait('connection_state', 'reconnecting')"
    )
    await view.wait_attribute("data-state", "reconnecting")
    await check_every_theme(page, "reconnecting")
    await notebook.execute(
        "w.set_trait('error', {'code': 'at-capacity', 'message': 'No place.', 'remedy': 'Wait.'});"
        " w.set_trait('connection_state', 'error')"
    )
    await view.wait_attribute("data-state", "error")
    await check_every_theme(page, "error")


DROP_FILE: Final = """([name, type, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, {type}));
  const options = {dataTransfer: data, bubbles: true, cancelable: true};
  document.querySelector('.dw-stage').dispatchEvent(new DragEvent('drop', options));
}"""


async def test_a_dropped_image_is_used_and_any_other_file_changes_nothing(
    open_notebook: OpenNotebook,
) -> None:
    notebook = await open_notebook("from decart_widget import DecartWidget\nw = DecartWidget()\nw")
    page, view = notebook.page, WidgetView(notebook.page)
    await view.mounted()
    slot, status = view.root.locator(".dw-slotted"), view.root.locator(".dw-prompt-status")
    await expect(slot).to_be_enabled()
    await view.start()
    before = await view.picture()
    await page.evaluate(DROP_FILE, ["notes.jpg", "image/jpeg", list(b"not a picture at all")])
    await expect(status).to_contain_text("is no image")
    await view.wait_attribute("data-state", "generating")
    await expect(slot).to_have_attribute("data-filled", "false")

    photo = np.full((600, 900, 3), (40, 40, 220), np.uint8)
    data = bytes(cv2.imencode(".png", photo)[1])
    await page.evaluate(DROP_FILE, ["photo.png", "image/png", list(data)])
    await expect(slot).to_have_attribute("data-filled", "true")
    await notebook.until("w.prompt_status == 'applied'")
    await view.changed(before.pixels)
    await view.root.locator(".dw-clear").click()
    await expect(slot).to_have_attribute("data-filled", "false")
    # An image that Python sets is shown too, also in a page that is opened later.
    await notebook.execute(f"import base64; await w.set(image=base64.b64decode({_text(data)!r}))")
    await expect(slot).to_have_attribute("data-filled", "true")


def _text(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode("ascii")


async def test_the_record_button_writes_a_clip_beside_the_notebook(
    open_notebook: OpenNotebook,
) -> None:
    notebook = await open_notebook(WIDGET)
    view = WidgetView(notebook.page)
    await view.mounted()
    await view.start()
    await view.picture()
    record, note = view.root.locator(".dw-record"), view.root.locator(".dw-note")
    await record.click()
    await expect(record).to_have_text("Stop 0:02")
    await record.click()
    await expect(note).to_contain_text("saved decart-")
    name = (await note.text_content() or "").removeprefix("saved ")
    folder = Path(
        json.loads(await notebook.execute("import os, json; print(json.dumps(os.getcwd()))"))
    )
    assert folder.joinpath(name).suffix in SUFFIXES
    with av.open(folder / name) as clip:
        assert clip.duration is not None
        assert clip.duration > 0
    folder.joinpath(name).unlink()
