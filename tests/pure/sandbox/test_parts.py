"""The sandbox's small modules: access check, rate limit, images, faults and junk."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from decart_widget.inputs.image_header import read_header
from decart_widget.protocol.rate_limit import RateLimit
from decart_widget.sandbox import junk
from decart_widget.sandbox.effects.registry import EFFECTS
from decart_widget.sandbox.faults import NONE, Faults
from decart_widget.sandbox.guard import refusal
from decart_widget.sandbox.images import ImageError, decode

# --- guard ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "origins", "refused"),
    [
        ("127.0.0.1:80", [], False),
        ("[::1]:80", ["http://[::1]:8888"], False),
        ("localhost", ["https://localhost"], False),
        ("app.localhost:80", ["http://app.localhost"], False),
        (None, [], True),
        ("", [], True),
        ("example.com", [], True),
        ("example.com@127.0.0.1", [], False),
        ("127.0.0.1", ["http://example.com"], True),
        ("127.0.0.1", ["null"], True),
        ("127.0.0.1", ["http://localhost", "http://example.com"], True),
        ("127.0.0.1", ["http://[broken"], True),
    ],
)
def test_requests_are_refused_by_host_and_origin(
    host: str | None, origins: list[str], refused: bool
) -> None:
    assert (refusal(host=host, origins=origins, allow_remote=False) is not None) is refused
    assert refusal(host=host, origins=origins, allow_remote=True) is None


# --- rate -----------------------------------------------------------------------------------------


def test_a_burst_is_accepted_and_a_flood_is_not() -> None:
    limit = RateLimit(burst=10, per_second=2)
    assert [limit.allows(0.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert [limit.allows(1.0) for _ in range(3)] == [True, True, False]
    assert sum(limit.allows(1000.0) for _ in range(50)) == 10


# --- images ---------------------------------------------------------------------------------------

PICTURE = np.full((100, 200, 3), 50, np.uint8)
PICTURE[..., 0] = np.arange(200)[None]
PICTURE[..., 1] = np.arange(100)[:, None]


def encoded(suffix: str, *options: int) -> bytes:
    return cv2.imencode(suffix, cv2.cvtColor(PICTURE, cv2.COLOR_RGB2BGR), options)[1].tobytes()


FILES = {
    "png": encoded(".png"),
    "jpeg": encoded(".jpg"),
    "progressive jpeg": encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "lossy webp": encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 80),
    "lossless webp": encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
}


@pytest.mark.parametrize("name", FILES)
def test_images_are_decoded(name: str) -> None:
    assert read_header(FILES[name])[1:3] == (200, 100)
    image = decode(base64.b64encode(FILES[name]).decode())
    assert image.shape == (100, 200, 3)
    assert np.mean(cv2.absdiff(image, PICTURE)) < 4


def test_the_size_of_an_extended_webp_is_read() -> None:
    file = io.BytesIO()
    Image.new("RGB", (400, 300)).save(file, "WEBP", exif=Image.Exif())
    assert file.getvalue()[12:16] == b"VP8X"
    assert read_header(file.getvalue())[1:3] == (400, 300)


def test_large_images_are_scaled_down() -> None:
    large = cv2.imencode(".png", np.zeros((50, 4000, 3), np.uint8))[1].tobytes()
    assert decode(base64.b64encode(large).decode()).shape == (16, 1280, 3)


def test_an_image_whose_header_states_too_many_pixels_is_not_decoded() -> None:
    bomb = bytearray(FILES["png"])
    bomb[16:24] = struct.pack(">II", 20_000, 20_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    with pytest.raises(ImageError, match="50 megapixels"):
        decode(base64.b64encode(bytes(bomb)).decode())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (7, "base64 text"),
        ("", "JPEG, PNG or WebP"),
        ("===", "base64"),
        ("data:image/png;base64,AAAA", "data:"),
        (base64.b64encode(b"GIF89a" + b"\0" * 50).decode(), "JPEG, PNG or WebP"),
        (base64.b64encode(FILES["png"][:90]).decode(), "cut off"),
        (base64.b64encode(FILES["jpeg"][:2]).decode(), "JPEG, PNG or WebP"),
        ("A" * (10 * 1024 * 1024 * 4 // 3 + 100), "10 MB"),
    ],
)
def test_data_that_is_no_image_is_refused_with_a_reason(data: object, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode(data)


# --- faults and junk ------------------------------------------------------------------------------


def test_faults_are_off_by_default_immutable_and_checked() -> None:
    assert Faults() == NONE
    with pytest.raises(AttributeError):
        NONE.queue_s = 1.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="queue_s"):
        Faults(queue_s=-1)


def test_the_documentation_names_every_effect_and_fault() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
    for effect in EFFECTS:
        words = f"| {effect.name} | {', '.join(effect.exact)} | {', '.join(effect.near)} |"
        assert words in page, effect.name
    for field in fields(Faults):
        assert f"`{field.name}`" in page, field.name


def test_junk_has_many_kinds_of_messages_and_one_of_any_size() -> None:
    assert len(junk.MESSAGES) >= 10
    assert any(isinstance(message, bytes) for message in junk.MESSAGES)
    large = junk.large(5000)
    assert abs(len(large) - 5000) < 5
    assert json.loads(large)["type"] == "large"
