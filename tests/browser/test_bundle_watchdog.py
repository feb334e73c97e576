"""Pictures that stop in a real browser, and a network that is back: what the page reports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.bundle_host import Host, opened


@pytest_asyncio.fixture(loop_scope="session")
async def host(page: Page) -> AsyncIterator[Host]:
    async with opened(page) as host:
        yield host


async def stalled(host: Host) -> dict[str, Any]:
    """Waits until the page reports that its picture has stopped."""
    await host.until("h.model.sent.some((m) => m.state === 'stalled')")
    return next(m for m in await host.sent("media") if m["state"] == "stalled")


async def test_a_picture_without_new_frames_is_reported_as_stalled(host: Host) -> None:
    await host.mount()
    await host.start()
    await host.revealed()
    await host.run("h.kernel.service.peer.getSenders()[0].replaceTrack(null)")
    message = await stalled(host)
    assert message["attempt"] == 1
    assert message["detail"] == {"reason": "frozen"}
    assert await host.cameras() == ["live"], "the kernel decides what follows"


async def test_a_black_picture_of_a_bright_camera_is_reported_as_stalled(
    host: Host,
) -> None:
    await host.mount(kernel={"colour": "#000"})
    await host.start()
    await host.revealed()
    assert (await stalled(host))["detail"] == {"reason": "black"}


@pytest.mark.parametrize("event", ["online", "visibilitychange"])
async def test_a_network_that_is_back_is_reported_during_a_countdown(
    host: Host, event: str
) -> None:
    await host.mount()
    await host.start()
    await host.revealed()
    context = host.page.context
    await context.set_offline(True)
    await host.until("!navigator.onLine")
    assert await host.cameras() == ["live"]
    await host.run(
        "() => { h.kernel.end('reconnecting', true);"
        " h.model.update({ connection_state: 'reconnecting' }); }"
    )
    if event == "online":
        await context.set_offline(False)
    else:
        await host.run("document.dispatchEvent(new Event('visibilitychange'))")
    await host.until("h.model.count('wake') === 1")
    await context.set_offline(False)


async def test_a_page_that_is_not_the_owner_offers_to_take_over(host: Host) -> None:
    await host.mount()
    await host.run(
        "() => { h.model.receive({ type: 'owner', page_id: 'another page' });"
        " h.model.update({ connection_state: 'generating' }); }"
    )
    button = host.view().locator(".dw-start")
    await expect(button).to_have_text("Take over")
    await button.click()
    assert await host.run("h.model.count('take')") == 1
    assert await host.cameras() == []
