"""Code of a notebook's author: when it is called, and where what it raises is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.fake_page import LIMIT, KernelPage, WidgetPage
from tests.kernel.sessions import IMPORT

IPYKERNEL_6 = Path(__file__).parents[2] / ".venv-ipykernel6" / "bin" / "python"

WIDGET = f"""{IMPORT}
import threading, time
from decart_widget.session.background import Background
w = DecartWidget(transport='webrtc', endpoint='sandbox')
seen = []
def publish(**values):
    "Sets traits as the controller does: on the background thread."
    done = threading.Event()
    Background.get().call(lambda: (w._publish(values), done.set()))
    assert done.wait(20)
"""


class Outputs(KernelPage):
    """Keeps what the kernel shows, by the request of the cell under which it appears."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[str, str, str]] = []

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["header"]["msg_type"], message["content"]
        below = message["parent_header"].get("msg_id", "")
        if kind == "error":
            self.shown.append((below, content["ename"], "\n".join(content["traceback"])))
        elif kind == "stream":
            self.shown.append((below, content["name"], content["text"]))
        super()._take(message)

    def errors(self) -> list[tuple[str, str, str]]:
        return [each for each in self.shown if each[1] not in ("stdout", "stderr")]


@pytest.fixture(params=["ipykernel", "ipykernel-6"])
async def kernel(request: pytest.FixtureRequest) -> AsyncIterator[Outputs]:
    six = request.param == "ipykernel-6"
    if six and not IPYKERNEL_6.exists():
        pytest.skip("no environment with ipykernel 6: `make kernel` makes it")
    page = Outputs()
    await page.open(str(IPYKERNEL_6) if six else None)
    try:
        yield page
    finally:
        await page.close()


async def test_what_an_observer_raises_is_shown_once_below_the_cell_of_its_widget(
    kernel: Outputs,
) -> None:
    cell = kernel.begin(WIDGET)
    await kernel.finish(cell)
    await kernel.run(
        "def fail(change):\n"
        "    print('observed', change.new)\n"
        "    raise RuntimeError('in an observer')\n"
        "w.observe(fail, 'queue_position')"
    )
    for position in (1, 2):
        await kernel.run(f"publish(queue_position={position})")
    await kernel.until(lambda: "observed 2" in kernel.printed)
    await kernel.run("print('the end')")
    assert [(below, name) for below, name, _ in kernel.errors()] == [(cell, "RuntimeError")]
    shown = kernel.errors()[0][2]
    assert "in an observer" in shown
    assert "user_code.py" not in shown
    assert "traitlets" not in shown
    printed = [below for below, _, text in kernel.shown if "observed" in text]
    assert set(printed) == {cell}
    assert next(below for below, _, text in kernel.shown if "the end" in text) != cell


async def test_an_observer_that_calls_exit_ends_nothing(kernel: Outputs) -> None:
    await kernel.run(WIDGET)
    await kernel.run("import sys\nw.observe(lambda change: sys.exit(3), 'queue_position')")
    await kernel.run("publish(queue_position=1)")
    await kernel.until(kernel.errors)
    assert kernel.errors()[0][1] == "SystemExit"
    assert (await kernel.run("print(w.queue_position)")).strip().endswith("1")


async def test_a_cell_that_blocks_sees_the_values_and_delays_the_observers(
    kernel: Outputs,
) -> None:
    await kernel.run(WIDGET)
    await kernel.run(
        "w.observe(lambda c: seen.append((c.new, threading.current_thread().name)),"
        " 'connection_state')"
    )
    # The cell polls until the background thread has changed the value.
    await kernel.run(
        "Background.get().loop.call_soon_threadsafe(\n"
        "    Background.get().loop.call_later, 0.1,\n"
        "    lambda: w._publish({'connection_state': 'connecting'}))\n"
        "while w.connection_state != 'connecting': time.sleep(0.01)\n"
        "publish(connection_state='connected')\n"
        "print('seen in the cell:', w.connection_state, seen)"
    )
    assert "seen in the cell: connected []" in kernel.printed
    await kernel.run("print('seen later:', seen)")
    assert "seen later: [('connected', 'MainThread')]" in kernel.printed


async def test_an_observer_is_called_before_an_awaited_operation_returns(kernel: Outputs) -> None:
    await kernel.run(WIDGET)
    await kernel.run(
        "w.observe(lambda c: seen.append(c.new['code'] if c.new else ''), 'error')\n"
        "print(await w.connect(timeout=0.2), w.error['code'], seen[-1:])"
    )
    assert "no-frontend no-frontend ['no-frontend']" in kernel.printed


async def test_what_a_page_sets_is_observed_on_the_main_thread(kernel: Outputs) -> None:
    await kernel.run(WIDGET)
    page = WidgetPage(kernel)
    try:
        await page.hello()
        await kernel.run(
            "w.observe(lambda c: seen.append((c.new, threading.current_thread().name)), 'prompt')"
        )
        page.set(prompt="typed in the page")
        await kernel.run(
            "import asyncio\nwhile not seen: await asyncio.sleep(0.01)\nprint('seen:', seen)"
        )
        assert "seen: [('typed in the page', 'MainThread')]" in kernel.printed
    finally:
        await page.close()


async def test_a_function_that_fails_leaves_the_picture_and_is_shown_once_below_its_cell(
    kernel: Outputs,
) -> None:
    cell = kernel.begin(
        f"{IMPORT}\n"
        "def effect(frame, prompt, image):\n"
        "    raise ZeroDivisionError('in an effect')\n"
        "w = DecartWidget(prompt='x', transport='webrtc', endpoint=effect)"
    )
    await kernel.finish(cell)
    page = WidgetPage(kernel)
    try:
        await page.hello()
        page.say("start")
        await page.until(connection_state="generating")
        await kernel.until(lambda: page.traits["error"].get("code") == "function-failed")
        assert "ZeroDivisionError: in an effect" in page.traits["error"]["message"]
        for _ in range(20):
            await asyncio.wait_for(page.camera.next_picture(), LIMIT)
        await kernel.until(kernel.errors)
        await kernel.run("print(w.connection_state)")
        assert [(below, name) for below, name, _ in kernel.errors()] == [
            (cell, "ZeroDivisionError")
        ]
        assert "user_function.py" not in kernel.errors()[0][2]
        assert page.traits["connection_state"] == "generating"
    finally:
        await page.close()
