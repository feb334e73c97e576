"""What is wrong with a call is said before anything is billed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decart_widget.errors import (
    ConfigurationError,
    DecartError,
    InvalidKeyError,
    InvalidOptionError,
    InvalidPathError,
    InvalidPromptError,
    SourceError,
    UnknownArgumentError,
)
from decart_widget.explore.sweeps import sweep
from decart_widget.inputs.sources.camera import Camera
from decart_widget.inputs.sources.video_file import VideoFile
from tests.pure.explore.made import SMALL, Runs, finished, planned, port


@pytest.mark.parametrize(
    ("more", "kind", "says"),
    [
        ({"at": [0.5, 2.5]}, InvalidOptionError, "the last moment is 2.5 s"),
        ({"at": []}, InvalidOptionError, "0 moments"),
        ({"at": [-1]}, InvalidOptionError, "at has -1"),
        ({"at": "now"}, InvalidOptionError, "at has 'n'"),
        ({"at": list(range(40)), "seconds": None}, InvalidOptionError, "40 moments"),
        ({"at": [0.7]}, InvalidOptionError, "covers 0.6 s"),
        ({"seconds": 3}, InvalidOptionError, "3 s of it are asked for"),
        ({"seconds": 0}, InvalidOptionError, "seconds is 0"),
        ({"seconds": "1"}, InvalidOptionError, "seconds is '1'"),
        ({"repeats": 0}, InvalidOptionError, "repeats is 0"),
        ({"repeats": 1.5}, InvalidOptionError, "repeats is 1.5"),
        ({"seed": -1}, InvalidOptionError, "seed is -1"),
        ({"sessions": 0}, InvalidOptionError, "sessions is 0"),
        ({"start": 1}, InvalidOptionError, "start is 1"),
        ({"budget": -1}, InvalidOptionError, "budget is -1"),
        ({"budget": "2"}, InvalidOptionError, "budget is"),
        ({"budget": float("nan")}, InvalidOptionError, "budget is nan"),
        ({"budget": "$2"}, InvalidOptionError, "No price is known"),
        ({"executor": "slurm"}, InvalidOptionError, "executor is 'slurm'"),
        ({"score": 3}, InvalidOptionError, ""),
        ({"transprot": "webrtc"}, UnknownArgumentError, "transprot"),
        ({"transport": "tcp"}, InvalidOptionError, "transport"),
        ({"orientation": "up"}, InvalidOptionError, "orientation"),
        ({"endpoint": "decart"}, InvalidKeyError, "no API key"),
        ({"prompts": ["x" * 10_001]}, InvalidPromptError, "10,001 characters"),
        ({"prompts": []}, InvalidOptionError, "axis is empty"),
        ({"folder": "a\0b"}, InvalidPathError, "can't be used"),
    ],
)
def test_what_is_wrong_with_a_call_is_named_before_anything_is_billed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: Any, kind: type[DecartError], says: str
) -> None:
    monkeypatch.delenv("DECART_API_KEY", raising=False)
    runs = Runs()
    with pytest.raises(kind) as caught:
        planned(more.pop("folder", tmp_path / "run"), start=True, runs=runs, **more) if (
            "start" not in more
        ) else planned(tmp_path / "run", runs=runs, **more)
    assert isinstance(caught.value, ConfigurationError)
    assert says in caught.value.message
    assert caught.value.remedy
    assert not runs.jobs


@pytest.mark.parametrize(
    "source",
    [
        Camera(0),
        (np.zeros((48, 64, 3), np.uint8) for _ in range(3)),
        "/no/such/clip.mp4",
        VideoFile("/no/such/clip.mp4"),
        None,
    ],
)
def test_a_source_that_cannot_be_played_again_is_refused(tmp_path: Path, source: Any) -> None:
    with pytest.raises(SourceError) as caught:
        sweep(source, ["oil"], model=SMALL, endpoint="sandbox", folder=tmp_path, _port=port())
    assert caught.value.remedy


def test_frames_of_the_users_own_are_a_clip(tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), i, np.uint8) for i in range(30)]
    args: Any = {"model": SMALL, "endpoint": "sandbox", "folder": tmp_path, "_port": port()}
    sheet = sweep(frames, ["oil"], **args)
    assert sheet.definition.span.seconds == pytest.approx(1)
    other = sweep([frame + 1 for frame in frames], ["oil"], **args)
    assert other.cells[0].key != sheet.cells[0].key


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InvalidPathError, match="is a file"):
            planned(folder)


def test_a_folder_that_cannot_be_made_fails_the_start_before_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    runs = Runs()
    sheet = planned(tmp_path / "run", runs=runs)
    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(InvalidPathError, match="Permission denied"):
        sheet.start()
    assert not runs.jobs
    assert sheet.state == "planned"


def test_the_folder_of_another_sweep_is_refused_unless_its_place_is_taken(tmp_path: Path) -> None:
    finished(planned(tmp_path / "run", ["oil", "ink"]))
    with pytest.raises(InvalidPathError, match="other prompts") as caught:
        planned(tmp_path / "run", ["oil"])
    assert caught.value.code == "other-sweep"
    with pytest.raises(InvalidPathError, match="another clip"):
        planned(tmp_path / "run", ["oil", "ink"], seconds=0.5)
    runs = Runs()
    sheet = finished(planned(tmp_path / "run", ["oil", "pen"], overwrite=True, runs=runs))
    assert [cell.prompt for cell in runs.cells] == ["pen"]
    assert len(sheet.results) == 3


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(InvalidPathError, match="other files"):
        planned(tmp_path)
