"""Pictures for the tests of reference images, and what the service sees of them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from decart_widget.inputs.reference_image import load_image

RNG = np.random.default_rng(7)
PICTURE = RNG.integers(0, 255, (24, 32, 3), dtype=np.uint8)


SMOOTH = np.stack(np.broadcast_arrays(np.arange(32) * 7, np.arange(24)[:, None] * 9, 90), axis=2)
SMOOTH = SMOOTH.astype(np.uint8)


def file_bytes(format_: str = "PNG", picture: Any = PICTURE) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format_)
    return buffer.getvalue()


def seen(source: Any) -> np.ndarray:
    """What the service sees of an image: an RGB array."""
    data = load_image(source).data
    assert data is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
