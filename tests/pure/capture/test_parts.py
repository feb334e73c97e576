"""The files of a clip that is being recorded: what limits them, and which are kept."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from decart_widget.capture import parts as parts_module
from decart_widget.capture.parts import RESERVE_BYTES, Parts, disk_error, page_text
from decart_widget.errors import InvalidPathError, MediaError
from decart_widget.files import written_whole


def free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Makes the disk have so many free bytes."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=count))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_data_is_written_to_numbered_files_and_empty_ones_are_removed(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "a.mp4")
    parts.begin()
    parts.begin()
    assert names(tmp_path) == ["a.mp4.part1"], "nothing was written, so no other file begins"
    parts.write(b"one")
    parts.begin()
    parts.write(b"second")
    parts.begin()
    assert parts.bytes == 9
    assert [path.read_bytes() for path in parts.close()] == [b"one", b"second"]
    assert names(tmp_path) == ["a.mp4.part1", "a.mp4.part2"]
    assert parts.close() == [tmp_path / "a.mp4.part1", tmp_path / "a.mp4.part2"]


def test_neither_an_old_file_nor_a_link_is_written_to(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "a.mp4.part1").symlink_to(victim)
    (tmp_path / "a.mp4.part2").symlink_to(tmp_path / "nowhere")
    parts = Parts(tmp_path / "a.mp4")
    parts.write(b"data")
    assert parts.close() == [tmp_path / "a.mp4.part3"]
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "nowhere").exists()


def test_a_clip_leaves_space_for_its_copy_and_a_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, RESERVE_BYTES - 1)
    with pytest.raises(MediaError, match="disk is full") as full:
        Parts(tmp_path / "a.mp4")
    assert "Free disk space" in (full.value.remedy or "")
    assert names(tmp_path) == []
    free(monkeypatch, RESERVE_BYTES + 30)
    parts = Parts(tmp_path / "a.mp4")
    parts.write(bytes(10))
    free(monkeypatch, RESERVE_BYTES + 20)
    with pytest.raises(MediaError, match="disk is full"):
        parts.write(bytes(10))
    assert parts.close()[0].stat().st_size == 10


def test_a_clip_has_a_limit_in_bytes_and_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Parts(tmp_path / "a.mp4", 10)
    parts.write(bytes(8))
    with pytest.raises(MediaError, match="no more may be recorded"):
        parts.write(bytes(8))
    monkeypatch.setattr(parts_module, "MAX_PARTS", 1)
    with pytest.raises(MediaError, match="begun anew"):
        parts.begin()
    parts.close()


def test_a_short_write_is_continued_and_a_full_disk_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Parts(tmp_path / "a.mp4")
    real, calls = os.write, 0

    def write(file: int, data: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data[:4])

    monkeypatch.setattr(os, "write", write)
    parts.write(b"12345678")
    with pytest.raises(MediaError, match="No space left") as full:
        parts.write(b"more")
    assert str(tmp_path / "a.mp4.part1") in (full.value.remedy or "")
    monkeypatch.undo()
    assert parts.close()[0].read_bytes() == b"12345678"


def test_a_folder_that_can_not_be_written_to_is_an_error_and_a_page_is_told_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InvalidPathError, match="Permission denied") as refused:
        Parts(tmp_path / "a.mp4")
    errors = [refused.value, disk_error(OSError(28, "No space left"), [tmp_path / "a.mp4.part1"])]
    for error in errors:
        assert str(tmp_path) in str(error)
        assert str(tmp_path) not in page_text(error)
        assert "ecord" in page_text(error)


# --- files that are written as a whole ------------------------------------------------------------


def test_a_file_appears_whole_and_with_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    with written_whole(tmp_path / "a", overwrite=False) as temporary:
        temporary.write_bytes(b"half")
        assert not (tmp_path / "a").exists()
        temporary.write_bytes(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert names(tmp_path) == ["a", "usual"]


def test_a_link_at_the_target_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "a").symlink_to(tmp_path / "victim")
    with written_whole(tmp_path / "a", overwrite=True) as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "a").is_symlink()


@pytest.mark.parametrize("has_hard_links", [True, False])
def test_a_file_that_was_made_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_hard_links: bool
) -> None:
    if not has_hard_links:

        def unsupported(*_: Any) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", unsupported)
        with written_whole(tmp_path / "b", overwrite=False) as temporary:
            temporary.write_bytes(b"mine")
        assert (tmp_path / "b").read_bytes() == b"mine"

    def write() -> None:
        with written_whole(tmp_path / "a", overwrite=False) as temporary:
            temporary.write_bytes(b"mine")
            (tmp_path / "a").write_bytes(b"somebody else's")

    with pytest.raises(FileExistsError):
        write()
    assert (tmp_path / "a").read_bytes() == b"somebody else's"
    assert not [name for name in names(tmp_path) if name.startswith(".")]
