"""Taps of a running session in Chromium: frames, which a worker encodes, and snapshots."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.browser.bundle_host import Host, opened

RED: Final = "rgba(200, 0, 0, 1)"
"""Fills the transformed picture; Chromium's fake camera is green."""
KEEP_PIECES: Final = """(() => {
  const send = h.model.send.bind(h.model);
  h.kept = [];
  h.model.send = (content, callbacks, buffers) => {
    if (content.type === 'piece') h.kept.push(buffers[0].slice(0));
    return send(content, callbacks, buffers);
  };
})()"""
"""Keeps the data of each piece that the page sends."""

PICTURE: Final = """async (parts) => {
  const picture = await createImageBitmap(new Blob(parts));
  const context = new OffscreenCanvas(1, 1).getContext('2d');
  context.drawImage(picture, 0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return {size: [picture.width, picture.height], colour: [red, green, blue]};
}"""
"""Size in pixels and mean colour of the picture file that the parts make up."""

PRESENTED: Final = """new Promise((resolve) => {
  const video = document.querySelector('video.dw-remote');
  const count = (left) => left ? video.requestVideoFrameCallback(() => count(left - 1)) : resolve();
  count(%s);
})"""
"""Settles when the view has shown so many more frames."""


@pytest_asyncio.fixture(loop_scope="session")
async def host(page: Page) -> AsyncIterator[Host]:
    """A session whose transformed picture is red, and which keeps the pieces that it sends."""
    async with opened(page) as host:
        await host.mount(kernel={"colour": RED})
        await host.start()
        await host.revealed()
        await host.run(KEEP_PIECES)
        yield host


async def tap(host: Host, what: str, which: str = "output", **options: Any) -> None:
    message = {"type": "tap", "id": 7, "what": what, "which": which, **options}
    await host.run("h.model.receive({...%s, page_id: h.kernel.pageId})", message)


async def until_state(host: Host, state: str) -> None:
    await host.until(
        f"h.model.sent.some((m) => m.type === 'tapped' && m.id === 7 && m.state === '{state}')"
    )


async def credit(host: Host, frames: int) -> None:
    await host.run("h.model.receive({type: 'credit', id: 7, frames: %s})", frames)


async def details(host: Host) -> list[dict[str, Any]]:
    return [piece["detail"] for piece in await host.sent("piece")]


def is_red(colour: list[int]) -> bool:
    red, green, blue = colour
    return red > 150 and green < 60 and blue < 60


async def test_as_many_frames_are_sent_as_there_is_credit_for(host: Host) -> None:
    await tap(host, "frames", width=320, height=180)
    await until_state(host, "began")
    await credit(host, 2)
    await host.until("h.kept.length === 2")
    await host.run(PRESENTED, 8)
    assert await host.run("h.kept.length") == 2
    await credit(host, 1)
    await host.until("h.kept.length === 3")
    first, second, third = await details(host)
    assert first["at"] < second["at"] < third["at"]
    assert third["dropped"] > second["dropped"], "frames without credit are counted"
    picture = await host.run(f"({PICTURE})([h.kept[2]])")
    assert picture["size"] == [320, 180]
    assert is_red(picture["colour"])


async def test_frames_keep_their_own_size_and_those_not_due_are_not_counted(host: Host) -> None:
    await tap(host, "frames", fps=4)
    await until_state(host, "began")
    await credit(host, 100)
    await host.until("h.kept.length >= 5")
    first, *_, last = (await details(host))[:5]
    assert last["dropped"] == first["dropped"], "frames between are not due"
    picture = await host.run(f"({PICTURE})([h.kept[0]])")
    assert picture["size"] == await host.run(
        "(({videoWidth, videoHeight}) => [videoWidth, videoHeight])"
        "(document.querySelector('video.dw-remote'))"
    )


async def test_after_its_end_a_tap_sends_nothing_more(host: Host) -> None:
    await tap(host, "frames")
    await until_state(host, "began")
    await credit(host, 1)
    await host.until("h.kept.length === 1")
    await host.run("h.model.receive({type: 'untap', id: 7})")
    await until_state(host, "ended")
    await credit(host, 5)
    await host.run(PRESENTED, 8)
    assert await host.run("h.kept.length") == 1


@pytest.mark.parametrize("which", ["input", "output"])
async def test_a_snapshot_is_one_whole_picture(host: Host, which: str) -> None:
    await tap(host, "snapshot", which)
    await until_state(host, "ended")
    pieces = await host.sent("piece")
    assert [piece["last"] for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    picture = await host.run(f"({PICTURE})(h.kept)")
    assert is_red(picture["colour"]) == (which == "output")
