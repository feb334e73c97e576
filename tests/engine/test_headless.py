"""``Session`` and ``transform`` with the local server: frames, recordings, and how they end."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from decart_widget import Session, TestPattern, VideoFile, transform
from decart_widget.errors import (
    AuthenticationError,
    ClosedError,
    InvalidPathError,
    MediaError,
    SourceError,
    UnknownArgumentError,
)
from decart_widget.inputs.sources.webcam import Webcam
from decart_widget.models import RealtimeModel
from decart_widget.sandbox import Sandbox, serve
from tests.engine.clips import probe, write_clip

MODEL = RealtimeModel("lucy-2.1", fps=30, width=320, height=180)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with serve() as server:
        yield server


def session(sandbox: Sandbox, source: object, **options: object) -> Session:
    return Session(MODEL, "grayscale", source=source, endpoint=sandbox, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("transport", ["webrtc", "livekit"])
def test_a_loop_reads_transformed_frames_until_the_source_ends(
    sandbox: Sandbox, transport: str
) -> None:
    pattern = TestPattern(duration=1.0)
    with session(sandbox, pattern, transport=transport) as running:
        assert running.connection_state in ("connected", "generating")
        frames = list(running.frames(every=True))
        assert running.wait().result(20) == "disconnected"
    indices = [-1 if frame.index is None else frame.index for frame in frames]
    assert indices == sorted(set(indices))
    assert frames[-1].exact
    assert frames[-1].index == 29
    red, green, blue = np.moveaxis(frames[-1].array.astype(int), 2, 0)
    assert np.abs(red - green).max() < 12
    assert np.abs(green - blue).max() < 12


async def test_a_coroutine_reads_frames_and_changes_the_prompt(sandbox: Sandbox) -> None:
    async with session(sandbox, TestPattern(), transport="webrtc") as running:
        stream = running.frames()
        await anext(stream)
        assert await running.set(prompt="invert") == "applied"
        assert running.prompt == running.applied_prompt == "invert"
        picture = await running.snapshot()
        assert picture.shape == (180, 320, 3)
        before = await running.snapshot("input")
        assert before.shape == (180, 320, 3)
        assert before.std() > 20, "the pattern has contrasts"
    assert running.connection_state == "disconnected"
    with pytest.raises(ClosedError):
        running.frames()


def test_a_budget_ends_the_session_and_the_loop(sandbox: Sandbox) -> None:
    with session(sandbox, TestPattern(), transport="webrtc", budget=1) as running:
        for _ in running.frames():
            pass
        assert running.error["code"] == "budget-spent"
        assert running.remaining == 0


def test_a_refused_key_raises_before_anything_is_sent(sandbox: Sandbox) -> None:
    wrong = (sandbox.base_url, sandbox.realtime_base_url)
    with (
        pytest.raises(AuthenticationError),
        Session(MODEL, source=TestPattern(), endpoint=wrong, api_key="dct_wrong-key-0000"),
    ):
        raise AssertionError("not reached")


def test_wrong_arguments_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="none"):
        Session(source=tmp_path / "none.mp4", endpoint="sandbox")
    with pytest.raises(SourceError):
        Session(source=None, endpoint="sandbox")
    with pytest.raises(SourceError, match="needs a page"):
        Session(source=Webcam(), endpoint="sandbox")
    with pytest.raises(UnknownArgumentError, match="sorce"):
        Session(source=TestPattern(), sorce=3)  # type: ignore[arg-type]


def test_a_recording_begins_with_the_session_and_keeps_the_sound(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "in.mp4")
    for which, width in (("output", 320), ("both", 640), ("input", 320)):
        done = transform(
            clip,
            tmp_path / f"{which}.mp4",
            prompt="invert",
            which=which,
            model=MODEL,
            transport="webrtc",
            endpoint=sandbox,
            progress=False,
        )
        found = probe(done.path)
        assert done.complete
        assert done.frames == found["frames"]
        assert done.frames + done.lost >= 30
        assert (found["width"], found["height"]) == (width, 180)
        assert found["kinds"] == ["audio", "video"]
        assert found["sound_s"] > 0.5
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "both.mp4",
        "in.mp4",
        "input.mp4",
        "output.mp4",
    ]


def test_what_the_user_s_frames_raise_ends_the_session_with_its_traceback(
    sandbox: Sandbox,
) -> None:
    def broken() -> Iterator[np.ndarray]:
        for _ in range(5):
            yield np.zeros((180, 320, 3), np.uint8)
        raise ZeroDivisionError("mine")

    with (
        pytest.raises(SourceError, match="ZeroDivisionError: mine") as caught,
        session(sandbox, broken(), transport="webrtc") as running,
    ):
        for _ in running.frames(every=True):
            pass
    cause = caught.value.__cause__
    assert isinstance(cause, ZeroDivisionError)
    assert any(entry.name == "broken" for entry in traceback.extract_tb(cause.__traceback__))


def test_an_existing_file_is_kept_and_nothing_is_started(sandbox: Sandbox, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", 5)
    (tmp_path / "out.mp4").write_bytes(b"precious")
    with pytest.raises(InvalidPathError, match="exists"):
        transform(clip, tmp_path / "out.mp4", endpoint=sandbox, progress=False)
    assert (tmp_path / "out.mp4").read_bytes() == b"precious"


def test_a_second_recording_of_one_session_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    with session(sandbox, TestPattern(), transport="webrtc") as running:
        recording = running.record(tmp_path / "out.webm")
        with pytest.raises(MediaError, match="already"):
            running.record(tmp_path / "other.webm")
        next(running.frames())
        assert recording.stop().result(30) == tmp_path / "out.webm"
        assert recording.state == "saved"
    assert probe(tmp_path / "out.webm")["frames"] == recording.frames > 0


def test_prompts_change_at_their_times(sandbox: Sandbox, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", 60, sound=False)
    schedule = tmp_path / "prompts.json"
    schedule.write_text(json.dumps({"0": None, "1": "invert"}))
    done = transform(
        VideoFile(clip),
        tmp_path / "out.mp4",
        prompts=schedule,
        model=MODEL,
        transport="webrtc",
        endpoint=sandbox,
        progress=False,
    )
    assert done.complete
    assert probe(done.path)["kinds"] == ["video"]
    levels = _levels(done.path)
    assert levels[5] < 110, "as the clip is"
    assert levels[-1] > 110, "inverted: the clip's frames there are dark again"


def test_ctrl_c_ends_the_command_with_a_playable_file(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", 30 * 20)
    command = [sys.executable, "-m", "decart_widget.cli", "transform", str(clip)]
    process = subprocess.Popen(
        [*command, str(tmp_path / "out.mp4"), "--endpoint", "sandbox", "--transport", "webrtc"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    shown = ""
    while not re.search(r" [3-9]\d/600", shown) and (more := process.stderr.read(1)):
        shown += more
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=50)
    assert process.returncode == 3, error
    assert "nothing is billed" in shown
    found = probe(tmp_path / "out.mp4")
    assert found["frames"] >= 20
    assert f"{found['frames']} frames" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def _levels(path: Path) -> list[float]:
    import av

    with av.open(str(path)) as container:
        return [float(f.to_ndarray(format="gray").mean()) for f in container.decode(video=0)]
