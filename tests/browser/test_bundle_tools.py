"""Toolbar, menus, comparison and files of a view, used as a person would, in a real browser."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.bundle_host import Host, opened

GREEN: Final = "rgba(0, 160, 0, 1)"
SIDES: Final = """() => {
  const mean = (source) => {
    const canvas = new OffscreenCanvas(32, 18);
    const context = canvas.getContext('2d', {willReadFrequently: true});
    context.drawImage(source, 0, 0, 32, 18);
    const {data} = context.getImageData(0, 0, 32, 18);
    const sum = [0, 0, 0];
    for (let i = 0; i < data.length; i++) if (i % 4 < 3) sum[i % 4] += data[i];
    return sum.map((s) => s / (data.length / 4));
  };
  const root = document.querySelector('.decart-widget');
  return {
    input: mean(root.querySelector('.dw-compare canvas')),
    output: mean(root.querySelector('.dw-remote')),
    clip: getComputedStyle(root.querySelector('.dw-compare canvas')).clipPath,
  };
}"""
"""Mean colours of the picture left and right of the wipe."""

DROP_FILE: Final = """([kind, where, name, type, base64]) => {
  const data = new DataTransfer();
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  data.items.add(new File([bytes], name, {type}));
  const target = document.querySelector(where);
  const options = {bubbles: true, cancelable: true};
  if (kind === 'paste') {
    return target.dispatchEvent(new ClipboardEvent('paste', {...options, clipboardData: data}));
  }
  for (const step of ['dragenter', 'dragover', 'drop']) {
    target.dispatchEvent(new DragEvent(step, {...options, dataTransfer: data}));
  }
}"""
"""Drops or pastes a file on the view."""


@pytest_asyncio.fixture(loop_scope="session")
async def host(page: Page) -> AsyncIterator[Host]:
    async with opened(page) as host:
        yield host


async def generating(host: Host, colour: str = GREEN, **traits: Any) -> None:
    await host.mount(traits, kernel={"colour": colour})
    await host.until("document.querySelector('.dw-choice')")
    await host.start()
    await host.revealed()


def jpeg(width: int = 64, height: int = 48) -> bytes:
    picture = np.full((height, width, 3), (30, 60, 200), np.uint8)
    return bytes(cv2.imencode(".jpg", picture)[1])


def blue_clip(folder: Path) -> Path:
    """Writes a blue clip of one second."""
    clip = folder / "blue.webm"
    with av.open(clip, "w") as sink:
        stream = sink.add_stream("libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(25):
            picture = np.full((180, 320, 3), (10, 10, 220), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return clip


async def drop_file(host: Host, kind: str, where: str, name: str, type_: str, data: bytes) -> None:
    base64 = b64encode(data).decode()  # Playwright takes 10 s for a million numbers
    await host.frame.evaluate(DROP_FILE, [kind, where, name, type_, base64])


async def test_the_wipe_shows_input_beside_output(host: Host) -> None:
    await generating(host, "rgba(220, 0, 0, 0.5)")
    await host.run("h.kernel.service.late = 300")
    await host.view().locator(".dw-wipe").click()
    handle = host.view().locator(".dw-handle")
    await expect(handle).to_be_visible()
    # Within two frames (25/s) of the delay of service, encoder and network.
    await host.until(
        "(() => { const ms = +document.querySelector('.decart-widget').dataset.delayMs;"
        " return ms >= 260 && ms <= 460; })()"
    )
    sides = await host.frame.evaluate(SIDES)
    # The camera's picture has almost no red; the transformed one has.
    assert sides["input"][0] < 60 < 90 < sides["output"][0]
    assert "50%" in sides["clip"]

    await handle.focus()
    for _ in range(5):
        await host.page.keyboard.press("ArrowRight")
    await expect(handle).to_have_attribute("aria-valuenow", "60")
    assert "40%" in (await host.frame.evaluate(SIDES))["clip"]
    box = await host.view().locator(".dw-stage").bounding_box()
    assert box is not None
    await host.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 40)
    await host.page.mouse.down()
    await host.page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 40, steps=4)
    await host.page.mouse.up()
    await expect(handle).to_have_attribute("aria-valuenow", "25")

    await host.view().locator(".dw-wipe").click()
    await expect(handle).to_be_hidden()


async def test_the_small_picture_and_the_large_one_swap(host: Host) -> None:
    await host.mount(kernel={"colour": GREEN})
    await host.until("document.querySelector('.dw-local')")
    local, swap = host.view().locator(".dw-local"), host.view().locator(".dw-swap")
    await expect(local).to_be_hidden()
    await host.start()
    await host.revealed()
    await expect(local).to_be_visible()

    async def width(selector: str) -> float:
        box = await host.view().locator(selector).bounding_box()
        assert box is not None
        return box["width"]

    large = await width(".dw-remote")
    assert await width(".dw-local") < large / 3
    await swap.focus()
    await host.page.keyboard.press("Enter")
    await expect(host.view()).to_have_attribute("data-swapped", "true")
    assert await width(".dw-local") == pytest.approx(large, abs=2)
    assert await width(".dw-remote") < large / 3
    await host.view().locator(".dw-stop").click()
    await expect(host.view()).to_have_attribute("data-swapped", "false")
    await expect(local).to_be_hidden()


async def test_the_menus_show_and_change_the_source(host: Host) -> None:
    await generating(host)
    camera = host.view().get_by_label("Camera", exact=True)
    await host.until(
        "document.querySelector('.dw-choice-camera option')?.textContent.includes('fake')"
    )
    await camera.select_option("source:test-pattern")
    await host.until("h.model.last('cameras').camera?.source === 'test-pattern'")
    await expect(host.view().locator(".dw-choice-camera > span")).to_have_text("Test pattern")
    await expect(host.view()).to_have_attribute("data-camera", "off")
    assert await host.cameras() == ["ended"]
    await host.view().get_by_label("Mirror", exact=True).select_option("on")
    await host.until("h.model.last('cameras').camera?.mirrored === true")
    await host.view().get_by_label("Shape", exact=True).select_option("portrait")
    await host.until("h.model.last('cameras').camera?.height === 640")
    assert await host.run("[h.model.get('mirror'), h.model.get('orientation')]") == [
        "on",
        "portrait",
    ]
    assert await host.run("h.model.count('offer')") == 1


async def test_a_dropped_video_is_sent_and_any_other_file_is_reported(
    host: Host, tmp_path: Path
) -> None:
    clip = blue_clip(tmp_path)
    await generating(host)
    await drop_file(host, "drop", ".dw-stage", "notes.txt", "text/plain", b"notes")
    await host.until("h.model.last('trouble')?.code === 'bad-video'")
    await expect(host.view()).to_have_attribute("data-state", "generating")
    await drop_file(host, "drop", ".dw-stage", "blue.webm", "video/webm", clip.read_bytes())
    await host.until("h.model.last('cameras').camera?.source === 'file'")
    await host.until(
        "(() => { const c = new OffscreenCanvas(2, 2).getContext('2d');"
        " c.drawImage(h.kernel.service.video, 0, 0, 2, 2);"
        " const [r, , b] = c.getImageData(0, 0, 1, 1).data; return b > 150 && r < 60; })()"
    )
    await expect(host.view()).to_have_attribute("data-camera", "off")


@pytest.mark.parametrize("kind", ["drop", "paste"])
async def test_an_image_is_uploaded_to_the_kernel_in_parts(host: Host, kind: str) -> None:
    await host.mount()
    await host.until("document.querySelector('.dw-slotted')")
    data = np.random.default_rng(1).bytes(1_500_000)
    where = ".dw-stage" if kind == "drop" else ".dw-prompt"
    await drop_file(host, kind, where, "photo.jpg", "image/jpeg", data)
    await host.until("h.model.pieces.filter((m) => m.type === 'image').length === 3")
    pieces = await host.run("h.model.pieces.filter((m) => m.type === 'image')")
    assert [piece["bytes"] for piece in pieces] == [700_000, 700_000, 100_000]
    assert {piece["total"] for piece in pieces} == {1_500_000}
    # The kernel answers with a thumbnail, or with an error.
    small = jpeg()
    await host.frame.evaluate(
        "(bytes) => h.model.receive({type: 'image-state', state: 'set', text: ''},"
        " [new DataView(new Uint8Array(bytes).buffer)])",
        list(small),
    )
    slot = host.view().locator(".dw-slotted")
    await expect(slot).to_have_attribute("data-filled", "true")
    await host.view().locator(".dw-clear").click()
    assert (await host.sent("image"))[-1]["total"] == 0
    await host.run(
        "h.model.receive({type: 'image-state', state: 'failed', text: 'That is no image.'})"
    )
    await expect(host.view().locator(".dw-prompt-status")).to_have_text("That is no image.")


async def test_a_model_without_images_says_so(host: Host) -> None:
    size = {"width": 640, "height": 360, "fps": 30, "takes_image": False}
    await host.mount({"_media": size})
    await host.until("document.querySelector('.dw-slotted')")
    await expect(host.view().locator(".dw-slotted")).to_be_disabled()
    await drop_file(host, "drop", ".dw-stage", "photo.jpg", "image/jpeg", jpeg())
    await expect(host.view().locator(".dw-prompt-status")).to_have_text(
        "lucy-latest takes no reference image."
    )
    assert await host.sent("image") == []


async def test_arrow_keys_recall_prompts_and_keep_unfinished_text(host: Host) -> None:
    await host.mount()
    await host.until("document.querySelector('.dw-choice')")
    for prompt in ("first", "second", "second", "third"):
        await host.run("h.model.update({prompt: %s, prompt_status: 'pending'})", prompt)
        await host.run("h.model.update({prompt_status: 'applied'})")
    box = host.view().locator(".dw-prompt")
    await box.fill("being typed")
    seen = []
    for key in ("Up", "Up", "Up", "Up", "Down", "Down", "Down"):
        await box.press(f"Arrow{key}")
        seen.append(await box.input_value())
    assert seen == ["third", "second", "first", "first", "second", "third", "being typed"]
    assert await host.run("h.model.get('prompt')") == "being typed"


async def test_a_still_is_saved_by_the_browser(host: Host) -> None:
    await generating(host)
    async with host.page.expect_download() as download:
        await host.view().locator(".dw-snapshot").click()
    saved = await download.value
    assert saved.suggested_filename.startswith("decart-")
    picture = cv2.imread(str(await saved.path()))
    assert picture is not None
    assert picture.shape == (360, 640, 3)
    blue, green, red = picture.mean(axis=(0, 1))
    assert green > 120
    assert max(red, blue) < 40
    await expect(host.view().locator(".dw-note")).to_have_text(f"saved {saved.suggested_filename}")


async def test_without_a_camera_a_clip_can_be_sent(host: Host, tmp_path: Path) -> None:
    await host.run("""() => {
      navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException('Permission denied', 'NotAllowedError');
      };
    }""")
    await host.mount(kernel={"colour": GREEN})
    await host.until("document.querySelector('.dw-choice')")
    await host.start()
    instead = host.view().locator(".dw-clip")
    await expect(instead).to_be_visible()
    async with host.page.expect_file_chooser() as choosing:
        await instead.click()
    await (await choosing.value).set_files(blue_clip(tmp_path))
    await host.revealed()
    await host.until("h.model.last('cameras').camera?.source === 'file'")
    await expect(host.view()).to_have_attribute("data-camera", "off")
