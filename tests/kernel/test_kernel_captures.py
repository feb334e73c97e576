"""Stills, frames and recordings of a widget's session in the kernel; no page is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.clips import probe
from tests.kernel.fake_page import KernelPage
from tests.kernel.test_watching import QUIET, marked_clip

READ = """
from decart_widget.inputs.sources import marker
import cv2
def number(image):
    return marker.read(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)[:image.shape[0]])
"""


@pytest.fixture
async def kernel() -> AsyncIterator[KernelPage]:
    page = await KernelPage().open()
    try:
        yield page
    finally:
        await page.close()


async def printed(kernel: KernelPage, code: str) -> str:
    kernel.printed = ""
    return (await kernel.run(code)).strip()


async def test_a_session_is_captured_without_a_page(kernel: KernelPage, tmp_path: Path) -> None:
    clip = marked_clip(tmp_path / "clip.mp4", 60)
    await kernel.run(
        f"{QUIET}{READ}from decart_widget import VideoFile\n"
        f"clip = VideoFile({str(clip)!r}, loop=True)\n"
        "w = DecartWidget(source=clip, transport='webrtc', model='lucy-2.1')\n"
        "await w.connect()"
    )
    shape = "(720, 1280, 3)"
    code = "for which in ('output', 'input'): image = await w.snapshot(which); print(image.shape)"
    assert (await printed(kernel, code)).split("\n") == [shape, shape]
    code = (
        "found = []\n"
        "async for image, time in w.frames({}):\n"
        "    found.append(number(image))\n"
        "    if len(found) == 5: break\n"
        "print(found == [n for n in found if n is not None])"
    )
    for arguments in ("", "which='input'", "size=(640, 360)"):
        assert await printed(kernel, code.format(arguments)) == "True", arguments
    code = (
        "for frame in w.frames():\n"
        "    print(frame.index == number(frame.array), frame.exact)\n"
        "    break\n"
    )
    assert await printed(kernel, code) == "True True"
    for which in ("output", "input", "both"):
        path = tmp_path / which
        code = f"print((await w.record({str(path)!r}, {which!r}, 1)).name, w.connection_state)"
        assert await printed(kernel, code) == f"{which}.mp4 generating"
        width = 2560 if which == "both" else 1280
        assert probe(path.with_suffix(".mp4")) | {"frames": 0, "sound_s": 0} == {
            "kinds": ["video"],
            "width": width,
            "height": 720,
            "frames": 0,
            "sound_s": 0,
        }
    code = (
        "await w.disconnect()\n"
        "async def read():\n"
        "    try:\n"
        "        async for _ in w.frames(): pass\n"
        "    except Exception as error: return type(error).__name__\n"
        "print(await read())\n"
        "try: await w.snapshot('input')\n"
        "except Exception as error: print(type(error).__name__)"
    )
    assert await printed(kernel, code) == "MediaError\nMediaError"


async def test_frames_end_with_the_source(kernel: KernelPage, tmp_path: Path) -> None:
    clip = marked_clip(tmp_path / "clip.mp4", 30)
    await kernel.run(f"{QUIET}w = DecartWidget(source={str(clip)!r}, transport='webrtc')")
    path = tmp_path / "all.mp4"
    code = (
        "await w.connect()\n"
        f"recording = w.record({str(path)!r})\n"
        "count = 0\n"
        "async for frame in w.frames(): count += 1\n"
        "print(0 < count <= 30, await w.disconnect(), w.error)"
    )
    assert await printed(kernel, code) == "True disconnected {}"
    # A recording without an end of its own ends with the session.
    assert await printed(kernel, "print((await recording).name)") == "all.mp4"
    assert 0 < probe(path)["frames"] <= 30
