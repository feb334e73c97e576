"""The page's camera, from the encoded frames that a page sends."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.marker import read, write
from decart_widget.inputs.sources.reader import Target
from decart_widget.inputs.sources.webcam_reader import (
    MAX_WAITING,
    WebcamFrame,
    WebcamReader,
    encoded_frame,
)

WIDTH, HEIGHT = 320, 176
TARGET = Target(WIDTH, HEIGHT, 30.0, mirror=True)


def picture(number: int) -> Any:
    """An I420 picture that carries a number."""
    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    write(planes, number)
    return planes


def jpeg(number: int) -> bytes:
    frame = av.VideoFrame.from_ndarray(picture(number), format="yuv420p")
    file = io.BytesIO()
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(file, "JPEG", quality=95)
    return file.getvalue()


def h264(count: int, *, key_every: int = 1000) -> list[tuple[bool, bytes]]:
    """Pictures that carry 0, 1, ... in H.264: whether each is a keyframe, and its bytes."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.time_base, codec.gop_size = Fraction(1, 30), key_every
    codec.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "10"}
    packets = []
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(picture(number), format="yuv420p")
        frame.pts = number
        packets += codec.encode(frame)
    return [(packet.is_keyframe, bytes(packet)) for packet in packets]


class Camera:
    """A reader, and what it reported."""

    def __init__(self, **options: Any) -> None:
        self.taken: list[tuple[int, bool]] = []
        self.reader = WebcamReader(TARGET, lambda *what: self.taken.append(what), **options)

    def put(self, number: int, codec: str, key: bool, data: bytes, at_ms: float = 0.0) -> None:
        at_ms = at_ms or 1_790_000_000_000 + 40 * number
        self.reader.put(encoded_frame(number, codec, key, at_ms, data))

    def read(self) -> WebcamFrame:
        frame = self.reader.read()
        assert isinstance(frame, WebcamFrame)
        return frame


@pytest.fixture
def camera() -> Iterator[Camera]:
    camera = Camera()
    yield camera
    camera.reader.close()


def test_h264_is_decoded_frame_by_frame_without_delay(camera: Camera) -> None:
    seen = []
    for number, (key, data) in enumerate(h264(6)):
        camera.put(number, "h264", key, data)
        frame = camera.read()
        seen.append((read(frame.picture[:HEIGHT]), frame.index, round(frame.source_time, 3)))
    assert seen == [(n, n, round(0.04 * n, 3)) for n in range(6)]
    assert camera.taken == [(n, False) for n in range(6)]


def test_a_jpeg_file_replaces_those_that_wait_and_is_not_mirrored_again(camera: Camera) -> None:
    for number in range(3):
        camera.put(number, "jpeg", True, jpeg(number))
    assert camera.taken == [(0, False), (1, False)]
    frame = camera.read()
    assert read(frame.picture[:HEIGHT]) == 2
    assert frame.picture.shape == (HEIGHT * 3 // 2, WIDTH)


def test_after_damaged_data_a_keyframe_is_needed_and_shown(camera: Camera) -> None:
    packets = h264(4, key_every=3)
    assert [key for key, _ in packets] == [True, False, False, True]
    camera.put(0, "h264", True, b"\x00\x00\x00\x01\x67junk")
    camera.put(1, "h264", False, packets[1][1])
    reading = threading.Thread(target=lambda: seen.append(camera.read()))
    seen: list[WebcamFrame] = []
    reading.start()
    while len(camera.taken) < 2:
        reading.join(0.001)
    assert sorted(camera.taken) == [(0, True), (1, True)]
    camera.put(2, "h264", False, packets[2][1])
    camera.put(3, "h264", True, packets[3][1])
    reading.join()
    assert read(seen[0].picture[:HEIGHT]) == 3
    assert camera.taken[2:] == [(2, True), (3, False)]


def test_after_a_frame_that_is_missing_a_keyframe_is_needed(camera: Camera) -> None:
    packets = h264(4)
    camera.put(0, "h264", True, packets[0][1])
    camera.put(1, "h264", False, packets[1][1])
    assert [read(camera.read().picture[:HEIGHT]) for _ in range(2)] == [0, 1]
    camera.put(3, "h264", False, packets[3][1])
    assert camera.taken[2:] == [(3, True)]


def test_a_reader_that_is_late_asks_for_a_keyframe_and_keeps_few_frames(camera: Camera) -> None:
    packets = h264(MAX_WAITING + 2)
    for number, (key, data) in enumerate(packets):
        camera.put(number, "h264", key, data)
    assert camera.taken == [(n, True) for n in range(MAX_WAITING + 2)]


def test_a_huge_picture_is_not_decoded(camera: Camera) -> None:
    file = io.BytesIO()
    Image.new("L", (16_000, 16_000)).save(file, "JPEG")
    camera.put(0, "jpeg", True, file.getvalue())
    camera.put(1, "jpeg", True, file.getvalue())
    reading = threading.Thread(target=camera.reader.read)
    reading.start()
    while len(camera.taken) < 2:
        reading.join(0.001)
    assert camera.taken[1] == (1, True)
    camera.reader.close()
    reading.join()


def test_times_rise_when_the_clock_of_the_page_is_set_back(camera: Camera) -> None:
    times = []
    for number, at_ms in enumerate((5000.0, 5040.0, 80.0, 120.0)):
        camera.put(number, "jpeg", True, jpeg(number), at_ms)
        times.append(round(camera.read().source_time, 3))
    assert times == [0.0, 0.04, 0.041, 0.081]


def test_closing_ends_a_reader_that_waits_for_its_first_frame() -> None:
    camera = Camera()
    closing = threading.Timer(0.01, camera.reader.close)
    closing.start()
    with pytest.raises(SourceError):
        camera.reader.open()
    assert camera.reader.read() is None


def test_indices_go_on_behind_those_of_the_worker_before() -> None:
    camera = Camera(after=41)
    camera.put(0, "jpeg", True, jpeg(1))
    assert camera.reader.open().read().index == 42  # type: ignore[union-attr]
