"""The lock of a folder: one at a time, and none that outlives its process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from decart_widget.errors import InvalidPathError
from decart_widget.explore.folders.lock import FolderLock

HOLDS = """
import sys
from pathlib import Path
from decart_widget.explore.folders.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_lock_of_one_process_is_refused_until_the_first_is_released(
    tmp_path: Path,
) -> None:
    first = FolderLock(tmp_path)
    with pytest.raises(InvalidPathError, match="running in") as caught:
        FolderLock(tmp_path)
    assert caught.value.code == "folder-in-use"
    first.release()
    first.release()
    FolderLock(tmp_path).release()


def test_another_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(InvalidPathError, match="running in"):
            FolderLock(tmp_path)
        process.kill()
    FolderLock(tmp_path).release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_hold_the_folder(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    (begun, begins), (ends, end) = os.pipe(), os.pipe()
    if (child := os.fork()) == 0:
        os.write(begins, b"x")
        os.read(ends, 1)  # until the parent has looked
        os._exit(0)
    assert os.read(begun, 1) == b"x"
    lock.release()
    try:
        FolderLock(tmp_path).release()
    finally:
        os.write(end, b"x")
        os.waitpid(child, 0)
        for descriptor in (begun, begins, ends, end):
            os.close(descriptor)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".lock").symlink_to(elsewhere)
    with pytest.raises(InvalidPathError, match="can't be written"):
        FolderLock(folder)
