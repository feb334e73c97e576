"""A clip is completed on a disk that becomes full, here with the limit of a file's size."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from decart_widget.capture.containers import join
from tests.pure.capture.test_clips import clip

FILES = Path("/proc/self/fd")


@pytest.mark.skipif(not FILES.is_dir(), reason="the open files are counted in /proc")
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_clip_that_no_longer_fits_is_an_error_and_its_file_is_closed(
    tmp_path: Path, suffix: str
) -> None:
    import resource

    clip(tmp_path / "a.part1")
    join([tmp_path / "a.part1"], tmp_path / f"fits{suffix}")
    whole = (tmp_path / f"fits{suffix}").stat().st_size
    opened = len(list(FILES.iterdir()))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for fitting in range(0, whole, whole // 8):
        resource.setrlimit(resource.RLIMIT_FSIZE, (fitting, limits[1]))
        try:
            with pytest.raises(OSError) as full:  # noqa: PT011 (as of a full disk, by its number)
                join([tmp_path / "a.part1"], tmp_path / f"clip{suffix}")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert full.value.errno == errno.EFBIG
    assert len(list(FILES.iterdir())) == opened
