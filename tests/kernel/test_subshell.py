"""The private method of ipykernel's comms that the widgets replace is still called by ipykernel."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.kernel.fake_page import KernelPage, WidgetPage
from tests.kernel.sessions import IMPORT

COUNT = """
calls = []
def route(data, default, replaced=w.comm._reply_subshell_for):
    calls.append((default, replaced(data, default)))
    return replaced(data, default)
w.comm._reply_subshell_for = route
"""


@pytest.fixture
async def kernel() -> AsyncIterator[KernelPage]:
    page = await KernelPage().open()
    try:
        yield page
    finally:
        await page.close()


async def test_a_page_s_message_stays_on_the_subshell_that_it_names(kernel: KernelPage) -> None:
    await kernel.run(f"{IMPORT}w = DecartWidget(prompt='greyscale')")
    has_method = "print(hasattr(type(w.comm), '_reply_subshell_for'))"
    if (await kernel.run(has_method)).strip() == "False":
        pytest.skip("this ipykernel (before 7.4) takes messages on the subshell that they name")
    await kernel.run(COUNT)
    page = WidgetPage(kernel)
    try:
        await page.hello()
    finally:
        await page.close()
    printed = await kernel.run("print(calls[-1])")
    assert printed.splitlines()[-1] == f"('{kernel.subshell}', '{kernel.subshell}')"
