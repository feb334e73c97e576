"""Where a recording may be written: checked before anything is billed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from decart_widget import TestPattern, VideoFile
from decart_widget.cli import main
from decart_widget.engine.output import checked_output, sound_of
from decart_widget.errors import InvalidPathError


def refused(path: Any, match: str, source: Any = None, *, overwrite: bool = False) -> None:
    with pytest.raises(InvalidPathError, match=match):
        checked_output(path, source, overwrite=overwrite)


def test_a_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert checked_output("out.MP4", None, overwrite=False) == tmp_path / "out.MP4"


def test_what_can_not_be_written_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "there.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    refused(tmp_path / "out.avi", r"No format is known for .out\.avi")
    refused(tmp_path / "out", "No format")
    refused(tmp_path / "none" / "out.mp4", "no folder")
    refused(tmp_path / "folder.mp4", "is a folder")
    refused(tmp_path / "there.mp4", "exists")
    refused(3.5, "can't be used")
    refused("a\0b.mp4", "can't be used")
    assert checked_output(tmp_path / "there.mp4", None, overwrite=True)


def test_the_file_that_is_read_is_never_the_output(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    (tmp_path / "link.mp4").symlink_to(clip)
    for name in ("clip.mp4", "link.mp4"):
        refused(tmp_path / name, "file that is read", VideoFile(clip), overwrite=True)


def test_only_a_file_that_is_played_once_has_sound(tmp_path: Path) -> None:
    clip = VideoFile(tmp_path / "clip.mp4", start=1.0, end=2.0)
    sound = sound_of(clip)
    assert sound is not None
    assert (sound.path, sound.start_s, sound.end_s) == (str(clip.path), 1.0, 2.0)
    assert sound_of(VideoFile(tmp_path / "clip.mp4", loop=True)) is None
    assert sound_of(TestPattern()) is None


def test_the_command_says_what_is_wrong_and_ends_with_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transform", str(tmp_path / "none.mp4"), str(tmp_path / "out.mp4")]) == 1
    captured = capsys.readouterr()
    assert "none.mp4" in captured.err
    assert captured.err.startswith("decart-widget: ")
    assert list(tmp_path.iterdir()) == []


def test_the_command_names_its_own_option_for_a_file_that_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(VideoFile, "check", lambda _self: None)
    (tmp_path / "out.mp4").touch()
    assert main(["transform", str(tmp_path / "in.mp4"), str(tmp_path / "out.mp4")]) == 1
    assert "or --overwrite." in capsys.readouterr().err
