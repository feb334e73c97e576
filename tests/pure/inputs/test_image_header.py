"""Headers of image files: what they state decides, before anything is decoded."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.inputs.image_header import PictureError, check_header, read_header
from tests.pure.inputs.image_bombs import BOMBS, HAS_AVIF, PHOTOGRAPHS, jpeg, png, saved

GROWTH_BYTES = 150_000_000
"""By how much decoding any file may make the process grow at its peak."""


@pytest.mark.skipif(sys.platform == "win32", reason="measures with the module resource")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", ["notebook", "sandbox", "page"])
def test_no_file_takes_more_than_150_mb_to_decode(place: str) -> None:
    command = [sys.executable, "-m", "tests.pure.inputs.image_bombs", place]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    results = json.loads(run.stdout)
    assert set(results) == {*BOMBS, *PHOTOGRAPHS}
    # The peak of a process never falls, so the sum bounds every single file.
    assert sum(result["bytes"] for result in results.values()) <= GROWTH_BYTES, results
    assert not [name for name in BOMBS if results[name]["taken"]]
    refused = [name for name in PHOTOGRAPHS if not results[name]["taken"]]
    assert refused == (["jpeg, 49 megapixels"] if place == "page" else [])


@pytest.mark.parametrize(
    ("data", "format_", "size"),
    [
        (jpeg(70, 50), "JPEG", (70, 50)),
        (jpeg(70, 50, fill=1), "JPEG", (70, 50)),
        (jpeg(70, 50, fill=5), "JPEG", (70, 50)),
        (png(70, 50, 16, 6), "PNG", (70, 50)),
        (saved("WEBP", 70, 50), "WebP", (70, 50)),
        (saved("WEBP", 70, 50, lossless=True), "WebP", (70, 50)),
        (saved("WEBP", 70, 50, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"), "WebP", (70, 50)),
        (saved("GIF", 70, 50), "GIF", (70, 50)),
        (saved("TIFF", 70, 50), "TIFF", (70, 50)),
        (saved("BMP", 70, 50), "BMP", (70, 50)),
        *([(saved("AVIF", 70, 50), "AVIF", (70, 50))] if HAS_AVIF else []),
    ],
)
def test_format_and_size_are_read(data: bytes, format_: str, size: tuple[int, int]) -> None:
    header = read_header(data)
    assert header.format == format_
    assert (header.width, header.height) == size
    check_header(header)


def test_a_jpeg_with_several_scans_counts_the_coefficients_that_its_decoder_keeps() -> None:
    assert read_header(jpeg(800, 600)).buffered_bytes == 0
    # Two bytes for each sample of four components at full size.
    assert read_header(jpeg(800, 600, progressive=True)).buffered_bytes == 800 * 600 * 4 * 2
    photo = saved("JPEG", 800, 600, progressive=True)
    assert read_header(photo).buffered_bytes == 800 * 600 * 3 // 2 * 2, "4:2:0"
    assert read_header(saved("JPEG", 800, 600)).buffered_bytes == 0


def test_sixteen_bits_alpha_and_tiles_count() -> None:
    for data in (png(5900, 5900, 8, 2), png(8000, 6000, 8, 3)):
        with suppress(PictureError):
            check_header(read_header(data), 4)
            pytest.fail("not refused at 4 bytes a pixel")
    check_header(read_header(png(8000, 6000, 8, 0)))
    with pytest.raises(PictureError, match="need 139 MB"):
        check_header(read_header(png(5900, 5900, 8, 2)))


def test_compressed_texts_of_a_png_are_not_read() -> None:
    data = bytearray(png(7, 5, 8, 2))
    bomb = b"Comment\0\0" + b"\x78\xda" + b"no stream of zlib"
    data[33:33] = len(bomb).to_bytes(4, "big") + b"zTXt" + bomb + bytes(4)
    assert read_header(bytes(data))[1:3] == (7, 5)


@given(
    st.binary(max_size=80),
    st.sampled_from(
        [
            b"",
            b"\x89PNG\r\n\x1a\n",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            b"\xff\xd8\xff",
            b"\xff\xd8\xff\xc0",
            b"RIFF....WEBP",
            b"RIFF....WEBPVP8X\x0a\0\0\0",
            b"GIF89a",
            b"II*\0\x08\0\0\0",
            b"BM",
            b"\0\0\0\x18ftypavif",
            b"\0\0\0\x18ftypheic",
        ]
    ),
)
@pytest.mark.filterwarnings("ignore")
def test_no_bytes_crash_the_header_reader(tail: bytes, head: bytes) -> None:
    with suppress(PictureError):
        header = read_header(head + tail)
        assert header.width >= 0
        check_header(header)
