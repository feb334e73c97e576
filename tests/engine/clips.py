"""Short video files for tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT, FPS = 320, 180, 30


def write_clip(path: Path, frames: int = 30, *, sound: bool = True) -> Path:
    """Writes a clip whose brightness rises from frame to frame, with a tone of 440 Hz."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio: Any = container.add_stream("aac", rate=48_000) if sound else None
        for index in range(frames):
            picture = np.full((HEIGHT, WIDTH, 3), 40 + 4 * (index % 40), np.uint8)
            for packet in video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        if sound:
            time_s = np.arange(48_000 * frames // FPS) / 48_000
            wave = (np.sin(2 * np.pi * 440 * time_s) * 0.3).astype(np.float32)
            for start in range(0, len(wave), 1024):
                part = np.ascontiguousarray(np.vstack([wave[start : start + 1024]] * 2))
                samples = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
                samples.rate, samples.pts = 48_000, start
                samples.time_base = Fraction(1, 48_000)
                for packet in audio.encode(samples):
                    container.mux(packet)
            for packet in audio.encode(None):
                container.mux(packet)
        for packet in video.encode(None):
            container.mux(packet)
    return path


def probe(path: Path) -> dict[str, Any]:
    """What a player finds: frames, width, height, the kinds of streams, and sound in seconds."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        found = {
            "kinds": sorted(stream.type for stream in container.streams),
            "width": video.width,
            "height": video.height,
        }
        found["frames"] = sum(1 for _ in container.decode(video=0))
    with av.open(str(path)) as container:
        samples = 0
        if container.streams.audio:
            samples = sum(frame.samples for frame in container.decode(audio=0))
        found["sound_s"] = samples / 48_000
    return found
