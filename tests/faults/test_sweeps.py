"""A sweep's process is killed again and again; what was finished is kept and never runs twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from decart_widget.sandbox import serve
from tests.explore.sweep_program import PROMPTS
from tests.explore.test_killed_sweep import check_kills
from tests.explore.workers import KEY, know_model


@pytest.mark.fault("sweep-killed")
@pytest.mark.timeout(3600)
async def test_a_sweep_is_killed_twenty_times(tmp_path: Path) -> None:
    know_model()
    with serve(api_key=KEY, marker=True) as sandbox:
        seed = int.from_bytes(os.urandom(4))
        check_kills(tmp_path / "sweep", sandbox, kills=20, count=len(PROMPTS), seed=seed)
