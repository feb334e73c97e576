"""The image and the batch endpoint with the service's Python client."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from decart_widget.explore.folders.cell_files import write_clip
from tests.conformance.clients import HERE, interpreter, run_client


async def test_a_picture_and_a_clip_are_transformed(sandbox, tmp_path: Path) -> None:
    picture, clip = tmp_path / "picture.png", tmp_path / "clip.mp4"
    frame = np.full((48, 64, 3), (200, 50, 40), np.uint8)
    cv2.imwrite(str(picture), frame)
    write_clip(clip, [frame] * 3, [0.0, 0.04, 0.08])
    client = [interpreter(decart="0.2.4"), HERE / "generate_client.py", sandbox.base_url]
    seen = await run_client([*client, picture, clip], sandbox)
    assert seen["image"] == "ffd8ff"  # JPEG
    assert seen["statuses"][0] == "pending"
    assert seen["statuses"][-1] == "completed"
    assert seen["clip"] == "ftyp"
    assert seen["failed"] == "failed"
