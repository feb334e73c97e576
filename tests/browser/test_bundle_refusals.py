"""When no camera is available, the browser's errors become notices with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.browser.bundle_host import UNTRUSTED, Host, opened
from tools import browser as chromium


async def refused(host: Host) -> str:
    """Clicks Start and returns the notice's code, which the kernel has to receive as well."""
    await host.mount()
    await host.start()
    await host.until("h.model.count('refused') === 1")
    notice = host.view().locator(".dw-notice")
    await expect(notice).to_be_visible()
    await expect(host.view()).to_have_attribute("data-state", "error")
    await expect(host.view()).to_have_attribute("data-camera", "off")
    code = await notice.get_attribute("data-code")
    (message,) = await host.sent("refused")
    assert (message["attempt"], message["reason"]) == (1, code)
    return str(code)


async def test_on_an_insecure_origin_the_notice_prints_the_ssh_line(page: Page) -> None:
    async with opened(page, UNTRUSTED) as host:
        assert await refused(host) == "insecure-origin"
        words = await host.view().locator(".dw-notice").inner_text()
        assert "ssh -L 8888:localhost:8888 notebooks.example" in words
        assert "http://localhost:8888" in words
        (hello, *_) = await host.sent("hello")
        assert hello["page"]["secure"] is False
        assert hello["page"]["host"] == "notebooks.example:8888"


async def test_a_frame_without_camera_permission_has_its_own_notice(page: Page) -> None:
    async with opened(page, path="frame.html") as host:
        assert await refused(host) == "blocked-by-frame"


FAKE_DEVICE, FAKE_ANSWER = "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"


@pytest.mark.parametrize(
    ("without", "instead", "code"),
    [
        (FAKE_DEVICE, [f"{FAKE_DEVICE}=device-count=0"], "no-camera"),
        (FAKE_ANSWER, ["--deny-permission-prompts"], "permission-denied"),
    ],
)
async def test_no_camera_and_no_permission_have_different_notices(
    browser_path: Path, without: str, instead: list[str], code: str
) -> None:
    arguments = [a for a in chromium.launch_arguments() if not a.startswith(without)]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=browser_path, args=[*arguments, *instead]
        )
        async with opened(await browser.new_page()) as host:
            assert await refused(host) == code
        await browser.close()


async def test_retry_requests_the_camera_again(page: Page) -> None:
    await page.add_init_script("""
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        let asked = 0;
        navigator.mediaDevices.getUserMedia = async (constraints) => {
          if (asked++ === 0) throw new DOMException('In use', 'NotReadableError');
          return open(constraints);
        };
    """)
    async with opened(page) as host:
        assert await refused(host) == "camera-busy"
        await host.view().locator(".dw-retry").click()
        await host.revealed()
        await expect(host.view().locator(".dw-notice")).to_be_hidden()
