"""A clip for Chromium's fake camera, made of one picture: a slow pan and zoom that loops.

A photograph (scikit-image's astronaut, scikit-learn's flower) is closer to a camera's picture than
Chromium's green test picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np

FRAMES: Final = 180
"""Frames of a clip; Chromium repeats concatenated JPEGs (.mjpeg) at 30 frames/s."""


def write(picture: Path, clip: Path, *, width: int = 1280, height: int = 720) -> Path:
    """Writes `clip` (.mjpeg), `width` x `height`, six seconds whose end matches their beginning.

    Raises:
        ValueError: OpenCV can't read `picture`.
    """
    image = cv2.imread(str(picture))
    if image is None:
        raise ValueError(f"OpenCV can't read {picture}.")
    rows, columns = image.shape[:2]
    scale = min(columns / width, rows / height)
    with clip.open("wb") as out:
        for turn in np.linspace(0, 2 * np.pi, FRAMES, endpoint=False):
            zoom = 0.94 + 0.05 * np.cos(turn)
            w, h = zoom * width * scale, zoom * height * scale
            x = (columns - w) * (0.5 + 0.4 * np.sin(turn))
            y = (rows - h) * (0.08 + 0.06 * np.sin(turn))
            window = np.array([[x, y], [x + w, y], [x, y + h]], np.float32)
            corners = np.array([[0, 0], [width, 0], [0, height]], np.float32)
            transform = cv2.getAffineTransform(window, corners)
            frame = cv2.warpAffine(image, transform, (width, height), flags=cv2.INTER_CUBIC)
            ok, jpeg = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 92])
            if not ok:
                raise ValueError(f"OpenCV couldn't encode a frame of {picture}.")
            out.write(jpeg.tobytes())
    return clip
