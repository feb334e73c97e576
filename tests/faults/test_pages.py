"""The page is closed, reloaded, or one of several: there is one camera and one session at most."""

from __future__ import annotations

import os
import signal
import time
from typing import Final

import psutil
import pytest
from playwright.async_api import async_playwright

from decart_widget.sandbox import Sandbox
from tests.browser.conftest import REMEMBER_TRACKS
from tests.faults.conftest import Begin, Measured
from tests.faults.scene import CAMERAS, CLONES_TOO, TRANSPORTS, Scene, eventually
from tools import browser as chromium
from tools.notebook_page import NotebookPage
from tools.probes import open_probes
from tools.widget_view import WidgetView

both = pytest.mark.parametrize("transport", TRANSPORTS)

UNATTENDED_S: Final = 25.0
"""Seconds within which an unattended session has to end."""


@both
@pytest.mark.fault("page-reloaded")
async def test_the_page_is_reloaded(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    await (
        scene.notebook.save()
    )  # as JupyterLab's autosave does: unsaved output is lost by the reload
    since = time.time()
    await scene.page.reload(wait_until="commit")
    await scene.probes.moved(since, attempt=2)
    await scene.page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context?.isReady")
    measured(await scene.recovers(since), transport)
    assert len(scene.sessions()) == 1, "the old session is not billed beside the new one"
    await scene.stop()


@both
@pytest.mark.fault("page-closed")
async def test_the_page_is_closed(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = time.time()
    await scene.page.close(run_before_unload=False)
    await eventually(lambda: not scene.sessions(), "the session ends", 2 * UNATTENDED_S)
    measured(time.time() - since, transport)


@both
@pytest.mark.fault("browser-killed")
async def test_the_browser_is_killed(
    show: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    async with async_playwright() as playwright:
        before = set(psutil.Process().children(recursive=True))
        other = await playwright.chromium.launch(
            executable_path=chromium.require(), args=chromium.launch_arguments()
        )
        tab = await other.new_page(viewport=chromium.VIEWPORT)
        await tab.add_init_script(REMEMBER_TRACKS)
        scene = await show(sandbox, transport, tab=tab)
        await scene.begin()
        since = time.time()
        for process in set(psutil.Process().children(recursive=True)) - before:
            if "chrom" in process.name():
                process.kill()
        await eventually(lambda: not scene.sessions(), "the session ends", 2 * UNATTENDED_S)
        measured(time.time() - since, transport)


@both
@pytest.mark.fault("notebook-closed")
async def test_the_notebooks_tab_is_closed(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    await scene.notebook.save()
    since = time.time()
    await scene.page.evaluate("window.jupyterapp.shell.currentWidget.close()")
    await scene.camera_off()
    await scene.service_idle()
    measured(time.time() - since, transport)


@both
@pytest.mark.fault("output-cleared")
async def test_the_output_is_cleared(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = time.time()
    await scene.notebook.command("notebook:clear-all-cell-outputs")
    await scene.camera_off()
    await scene.service_idle()
    measured(time.time() - since, transport)


@both
@pytest.mark.fault("output-back")
async def test_the_output_is_cleared_and_shown_again(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport, "w")
    await scene.notebook.command("notebook:clear-all-cell-outputs")
    await scene.view.root.wait_for(state="detached")
    since = time.time()
    await scene.notebook.run_cell(1)
    measured(await scene.recovers(since, attempt=1), transport)
    assert await scene.notebook.execute("w._controller.attempt") == "1"
    await scene.stop()


@both
@pytest.mark.fault("two-views")
async def test_the_first_of_two_views_is_removed(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport, "w")
    second = await open_probes(scene.page, 1)
    await second.moved(0.0)
    cameras = await scene.cameras()
    cell = "window.jupyterapp.shell.currentWidget.content"
    await scene.page.evaluate(f"{cell}.activeCellIndex = 0")
    since = time.time()
    await scene.notebook.command("notebook:clear-cell-output")
    await WidgetView(scene.page, 1).root.wait_for(state="detached")
    measured(await scene.recovers(since, attempt=1), transport)
    assert await scene.cameras() == cameras, "one camera for both"
    await scene.stop()


async def second_tab(scene: Scene) -> Scene:
    """The same notebook, with the same kernel, in another tab."""
    tab = await scene.page.context.new_page()
    await tab.add_init_script(REMEMBER_TRACKS)
    await tab.add_init_script(CLONES_TOO)
    notebook = NotebookPage(scene.notebook.lab, tab)
    name = scene.page.url.partition("/tree/")[2].partition("?")[0]
    await notebook.open(name)
    other = Scene(notebook, WidgetView(tab), scene.transport, scene.sandbox)
    await other.view.mounted()
    return other


@both
@pytest.mark.fault("taken-over")
async def test_a_second_tab_takes_over(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    await scene.notebook.save()
    other = await second_tab(scene)
    await other.view.wait_attribute("data-owner", "false")
    other.probes = await open_probes(other.page)
    since = time.time()
    await other.view.root.locator(".dw-start").filter(has_text="Take over").click()
    measured(await other.recovers(since), transport)
    await scene.camera_off()
    await scene.view.wait_attribute("data-owner", "false")
    assert len(scene.sessions()) == 1
    await other.stop()
    await other.page.close()


@pytest.mark.parametrize("transport", ["livekit"])  # the fault does not concern media
@pytest.mark.fault("browser-asleep")
async def test_the_browser_is_suspended_too_long(
    show: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    async with async_playwright() as playwright:
        before = set(psutil.Process().children(recursive=True))
        other = await playwright.chromium.launch(
            executable_path=chromium.require(), args=chromium.launch_arguments()
        )
        tab = await other.new_page(viewport=chromium.VIEWPORT)
        await tab.add_init_script(REMEMBER_TRACKS)
        await tab.add_init_script(CLONES_TOO)
        scene = await show(sandbox, transport, tab=tab)
        await scene.begin()
        suspended = [
            process
            for process in set(psutil.Process().children(recursive=True)) - before
            if "chrom" in process.name()
        ]
        since = time.time()
        for process in suspended:
            os.kill(process.pid, signal.SIGSTOP)
        try:
            await eventually(lambda: not scene.sessions(), "the session ends", 2 * UNATTENDED_S)
            measured(time.time() - since, transport)
        finally:
            for process in suspended:
                os.kill(process.pid, signal.SIGCONT)
        await tab.wait_for_function(f"{CAMERAS} === 0")
        await scene.notebook.until("w.error['code'] == 'unattended'")
        await scene.view.root.locator(".dw-notice[data-code='unattended']").wait_for()
        await other.close()


@both
@pytest.mark.fault("cell-again")
async def test_the_cell_that_created_the_widget_is_run_again(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = time.time()
    await scene.notebook.run_cell(0)
    await scene.camera_off()
    await scene.service_idle()
    measured(time.time() - since, transport)
    again = WidgetView(scene.page)
    await again.mounted()
    assert await again.state() == "idle"
