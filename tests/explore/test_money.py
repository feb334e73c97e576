"""What an exploration costs, by the local server's ledger and the dated list prices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from decart_widget import explore
from decart_widget.prices import IMAGE_PRICES, PRICES
from decart_widget.sandbox import Sandbox
from tests.explore.conftest import CLIP, LIMIT_S
from tests.explore.workers import MODEL

EFFECTS = ("invert", "sepia", "noir", "mosaic", "watercolour", "cartoon", "sketch", "neon")


def test_a_hundred_prompts_on_a_still_and_the_best_nine_live_cost_two_dollars_at_most(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    prompts = [f"{EFFECTS[n % len(EFFECTS)]}, variant {n}" for n in range(100)]
    still = np.indices((90, 160)).sum(axis=0).astype(np.uint8)[..., None].repeat(3, axis=2)
    looks = explore.preview(prompts, still, endpoint=sandbox, budget="$1", at_once=4)
    looks.wait(LIMIT_S)
    assert looks.cost == pytest.approx(1.0)

    best = sorted(range(100), key=lambda n: -looks.results[n].scores["structure"])[:9]
    sheet = looks.sweep(
        CLIP,
        best,
        model=MODEL,
        seconds=0.6,
        folder=tmp_path / "best",
        endpoint=sandbox,
        transport="webrtc",
        start=True,
    )
    assert sheet.wait(LIMIT_S) == "done"

    entries = sandbox.ledger()
    pictures = [entry["cost"] for entry in entries if entry["kind"] == "image"]
    seconds = sum(entry["seconds"] for entry in entries if entry["kind"] == "session")
    assert sum(pictures) == pytest.approx(100 * IMAGE_PRICES["480p"])
    # As long as cells of 3 s would be: each has 2.4 s more, and the same lead-in.
    cells = len(best) + 1
    assert sum(pictures) + (seconds + 2.4 * cells) * PRICES["lucy"] <= 2.0
