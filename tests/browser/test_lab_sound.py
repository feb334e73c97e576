"""The microphone in JupyterLab: on, muted, on again, off; judged by the sound that is received."""

from __future__ import annotations

import json
import wave
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import REMEMBER_TRACKS, OpenNotebook
from tools import browser as chromium
from tools.notebook_page import NotebookPage
from tools.widget_view import WidgetView

HERTZ, RATE = 600, 48_000

LISTEN: Final = """
(() => {
  let context, analyser, from, last = [0, 0];
  setInterval(() => {
    const track = document.querySelector('.dw-remote')?.srcObject?.getAudioTracks()[0];
    if (!track) return void (last = [-1, 0]);
    if (track !== from) {
      from = track;
      context ??= new AudioContext();
      analyser = Object.assign(context.createAnalyser(), {fftSize: 8192, smoothingTimeConstant: 0});
      context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    }
    const wave = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(wave);
    const power = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(power);
    const loud = Math.max(...wave.map(Math.abs)) > 0.01;
    const peak = power.indexOf(Math.max(...power)) * context.sampleRate / analyser.fftSize;
    const heard = loud ? Math.round(peak) : 0;
    last = [heard, Math.abs(heard - last[0]) < 15 ? last[1] + 1 : 1];
  }, 100);
  window.dwHeard = () => last;
})();
"""
"""Listens to what comes back: `dwHeard()` says the loudest frequency, 0 for silence, and how many
times in a row it was that.
"""

TONE: Final = f"dwHeard()[0] > {HERTZ - 15} && dwHeard()[0] < {HERTZ + 15}"
SILENCE: Final = "dwHeard()[0] === 0 && dwHeard()[1] > 12"
"""Silence in 13 readings, 100 ms apart: longer than the pause of 0.3 s between two tones."""

TRACKS: Final = "kind => dwTracks.filter((t) => t.kind === kind).map((t) => t.readyState)"
"""A function of the page: the state of each track of a kind that `getUserMedia` has returned."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browsers(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[chromium.Relaunched]:
    """Chromium whose microphone plays tones with pauses: a constant tone counts as noise."""
    path = tmp_path_factory.mktemp("microphone") / "tones.wav"
    times = np.arange(RATE * 6) / RATE
    tones = np.sin(times * HERTZ * 2 * np.pi) * (times % 0.6 < 0.3) * 20_000
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(tones.astype(np.int16).tobytes())
    async with chromium.relaunched(audio=path) as browsers:
        yield browsers


@pytest.fixture(scope="module")
def page_scripts() -> Sequence[str]:
    return (REMEMBER_TRACKS, LISTEN)


async def ask(notebook: NotebookPage, expression: str) -> Any:
    return json.loads(await notebook.execute(f"import json; print(json.dumps({expression}))"))


async def until(notebook: NotebookPage, condition: str) -> None:
    await notebook.page.wait_for_function(condition, timeout=30_000)


async def tracks(notebook: NotebookPage, kind: str) -> list[str]:
    return list(await notebook.page.evaluate(TRACKS, kind))


async def started(
    open_notebook: OpenNotebook, transport: str, more: str
) -> tuple[NotebookPage, WidgetView]:
    notebook = await open_notebook(
        "from decart_widget import DecartWidget\n"
        f"w = DecartWidget(prompt='greyscale', transport={transport!r}{more})\nw"
    )
    view = WidgetView(notebook.page)
    await view.mounted()
    await expect(view.root.locator(".dw-microphone")).to_be_visible()
    await view.start()
    await view.picture()
    return notebook, view


def sound_of(path: Path) -> tuple[float, float]:
    """A clip's loudest frequency in Hz, and the seconds of its sound."""
    with av.open(path) as clip:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        parts = [
            one.to_ndarray()[0]
            for frame in clip.decode(audio=0)
            for one in resampler.resample(frame)
        ]
    heard = np.concatenate(parts).astype(float)
    spectrum = np.abs(np.fft.rfft(heard))
    return float(np.argmax(spectrum) * RATE / len(heard)), len(heard) / RATE


@pytest.mark.parametrize("transport", ["livekit", "webrtc"])
async def test_it_is_sent_muted_and_switched_off_while_the_picture_continues(
    open_notebook: OpenNotebook, tmp_path: Path, transport: str
) -> None:
    notebook, view = await started(open_notebook, transport, ", microphone=True")
    microphone, mark = view.root.locator(".dw-microphone"), view.root.locator(".dw-mic")
    await until(notebook, TONE)
    await expect(mark).to_have_text("mic on")
    await expect(microphone).to_have_attribute("aria-pressed", "true")
    assert await tracks(notebook, "audio") == ["live"]

    await microphone.click()
    await until(notebook, SILENCE)
    assert await ask(notebook, "[w.microphone, w.muted]") == [True, True]
    await expect(mark).to_have_text("mic muted")
    await notebook.execute("w.muted = False")
    await until(notebook, TONE)
    assert await tracks(notebook, "audio") == ["live"], "muted and heard again without a question"

    speaker = view.root.locator(".dw-speaker")
    assert await notebook.page.evaluate("document.querySelector('.dw-remote').muted")
    await speaker.click()
    await expect(speaker).to_have_attribute("aria-pressed", "true")
    assert not await notebook.page.evaluate("document.querySelector('.dw-remote').muted")

    path = tmp_path / "clip.mp4"
    await notebook.execute(f"r = w.record({str(path)!r}, seconds=3)")
    await notebook.until("r.done()")
    hertz, seconds = sound_of(path)
    assert abs(hertz - HERTZ) < 5
    assert seconds > 0

    await notebook.execute("w.microphone = False")
    await expect(mark).to_be_hidden()
    await until(notebook, SILENCE)
    assert await tracks(notebook, "audio") == ["ended"]
    assert await tracks(notebook, "video") == ["live"]
    await view.picture()
    await notebook.execute("w.microphone = True")
    await until(notebook, TONE)
    assert await ask(notebook, "[w.connection_state, w.error]") == ["generating", {}]

    await view.stop()
    await view.wait_attribute("data-state", "disconnected")
    assert await tracks(notebook, "audio") == ["ended", "ended"]
    assert await tracks(notebook, "video") == ["ended"]


async def test_in_a_room_it_may_join_while_the_session_runs(open_notebook: OpenNotebook) -> None:
    notebook, view = await started(open_notebook, "livekit", "")
    assert await notebook.page.evaluate("dwHeard()[0]") == -1, "no sound before there is one"
    assert await tracks(notebook, "audio") == []
    attempt = await notebook.page.evaluate(
        "document.querySelector('.decart-widget').decart.attempt"
    )
    await view.root.locator(".dw-microphone").click()
    await until(notebook, TONE)
    assert await ask(notebook, "[w.microphone, w.connection_state]") == [True, "generating"]
    assert attempt == await notebook.page.evaluate(
        "document.querySelector('.decart-widget').decart.attempt"
    )


async def test_a_viewer_may_hear_it_too(open_notebook: OpenNotebook) -> None:
    notebook = await open_notebook(
        "from decart_widget import DecartViewer, DecartWidget\n"
        "w = DecartWidget(prompt='greyscale', microphone=True)\nw",
        "0",
    )
    view, viewer = WidgetView(notebook.page), WidgetView(notebook.page, 1)
    await view.mounted()
    await view.start()
    await view.picture()
    await until(notebook, TONE)
    await notebook.page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.model.sharedModel.getCell(1)"
        ".setSource('DecartViewer(w.subscribe_token)')"
    )
    await notebook.run_cell(1)
    await viewer.mounted()
    speaker = viewer.root.locator(".dw-speaker")
    await expect(speaker).to_have_attribute("aria-pressed", "false")
    await speaker.click()
    await expect(speaker).to_have_attribute("aria-pressed", "true")
    assert [
        await notebook.page.evaluate("i => document.querySelectorAll('.dw-remote')[i].muted", index)
        for index in (0, 1)
    ] == [True, False]
    await expect(viewer.root.locator(".dw-microphone")).to_have_count(0)


async def test_a_connection_without_a_section_for_it_sends_it_after_the_next_start(
    open_notebook: OpenNotebook,
) -> None:
    notebook, view = await started(open_notebook, "webrtc", "")
    await view.root.locator(".dw-microphone").click()
    await notebook.until("w.error.get('code') == 'microphone-later'")
    assert await tracks(notebook, "audio") == [], "nobody listens to what can't be sent"
    await expect(view.root.locator(".dw-prompt-status")).to_contain_text("without a microphone")
    await view.wait_attribute("data-state", "generating")
    await view.stop()
    await view.wait_attribute("data-state", "disconnected")
    await view.start()
    await view.picture()
    await until(notebook, TONE)


async def test_without_one_the_session_continues_with_a_notice(open_notebook: OpenNotebook) -> None:
    notebook = await open_notebook(
        "from decart_widget import DecartWidget\n"
        "w = DecartWidget(prompt='greyscale', microphone=True)\nw"
    )
    await notebook.page.evaluate("""() => {
      const {mediaDevices} = navigator;
      const real = mediaDevices.getUserMedia.bind(mediaDevices);
      mediaDevices.getUserMedia = async (wanted) => {
        if (wanted.audio) throw new DOMException('none', 'NotFoundError');
        return real(wanted);
      };
    }""")
    view = WidgetView(notebook.page)
    await view.mounted()
    await view.start()
    await view.picture()
    await notebook.until("w.error.get('code') == 'microphone-failed'")
    assert await ask(notebook, "[w.microphone, w.connection_state]") == [False, "generating"]
    await expect(view.root.locator(".dw-mic")).to_be_hidden()
