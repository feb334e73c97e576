"""Small files that decode to very large images, and the memory that it takes to decode files.

Run as a program, it decodes each of ``BOMBS`` and ``PHOTOGRAPHS`` with one of the package's
decoders, and prints by how many bytes the process grew at its peak and which files were decoded.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import resource
import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any

HAS_AVIF = importlib.util.find_spec("PIL.AvifImagePlugin") is not None
"""Whether this Pillow can read AVIF files (from 11.3 on)."""

CHANNELS = {0: 1, 2: 3, 3: 1, 6: 4}
"""Channels of a PNG file by colour type."""


def zeros(count: int) -> bytes:
    """A zlib stream of so many zero bytes, made without them."""
    block = 1 << 20
    packer = zlib.compressobj(9, wbits=-15)
    packed = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, wbits=-15)
    tail = rest.compress(bytes(count % block)) + rest.flush()
    adler = (count % 65521) << 16 | 1
    return b"\x78\xda" + packed * (count // block) + tail + struct.pack(">I", adler)


def png(width: int, height: int, depth: int, colour_type: int) -> bytes:
    """A black PNG file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    row = 1 + (width * depth * CHANNELS[colour_type] + 7) // 8
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(3)) if colour_type == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + palette
        + chunk(b"IDAT", zeros(row * height))
        + chunk(b"IEND", b"")
    )


def jpeg(width: int, height: int, *, fill: int = 0, progressive: bool = False) -> bytes:
    """A grey JPEG file: each block is coded in two bits; ``fill`` 0xFF bytes precede the tables."""
    components = 4 if progressive else 1
    parts = b"".join(bytes((number, 0x11, 0)) for number in range(1, components + 1))
    marker = 0xFFC2 if progressive else 0xFFC0
    frame = struct.pack(">HHBHHB", marker, 8 + len(parts), 8, height, width, components) + parts
    tables = b"".join(
        struct.pack(">HHB", 0xFFC4, 20, kind) + bytes((1, *[0] * 15, 0)) for kind in (0, 0x10)
    )
    quantities = struct.pack(">HHB", 0xFFDB, 67, 0) + bytes([1] * 64)
    scan = struct.pack(">HHB", 0xFFDA, 6 + 2 * components, components)
    scan += b"".join(bytes((number, 0)) for number in range(1, components + 1))
    scan += bytes((0, 0 if progressive else 63, 0))
    blocks = -(-width // 8) * -(-height // 8) * components
    data = bytes(blocks // (8 if progressive else 4) + 1)
    return b"\xff\xd8" + b"\xff" * fill + quantities + frame + tables + scan + data + b"\xff\xd9"


def saved(format_: str, width: int, height: int, mode: str = "RGB", **options: Any) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, format_, **options)
    return file.getvalue()


BOMBS: dict[str, Callable[[], bytes]] = {
    "png, 16 bit, 50 megapixels": lambda: png(7071, 7071, 16, 6),
    "png, 1 bit, 1 gigapixel": lambda: png(32700, 32700, 1, 3),
    "png, 8 bit, 900 megapixels": lambda: png(30000, 30000, 8, 0),
    "png, 16 bit RGB, 40 megapixels": lambda: png(8000, 5000, 16, 2),
    "jpeg, 1 gigapixel": lambda: jpeg(32700, 32700),
    "jpeg with fill bytes": lambda: jpeg(32700, 32700, fill=2),
    "jpeg, progressive, four components": lambda: jpeg(7000, 7000, progressive=True),
}
"""Files that every decoder refuses."""

PHOTOGRAPHS: dict[str, Callable[[], bytes]] = {
    "jpeg, 49 megapixels": lambda: jpeg(7000, 7000),
    "jpeg, 18 megapixels": lambda: jpeg(5200, 3500),
    "png, 8 bit, 18 megapixels": lambda: png(5200, 3500, 8, 2),
    "png with alpha": lambda: png(5200, 3500, 8, 6),
}
"""Files that may be refused by a decoder that needs much memory for them."""


def grown(decode: Callable[[bytes], Any], files: dict[str, Callable[[], bytes]]) -> dict[str, Any]:
    """By how many bytes each file makes this process grow; None for those that are refused."""
    unit = 1 if sys.platform == "darwin" else 1024
    result: dict[str, Any] = {}
    for name, make in files.items():
        data = make()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            decode(data)
            taken = True
        except ValueError:
            taken = False
        except Exception as error:
            taken = False
            if type(error).__name__ != "MediaError":
                raise
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result[name] = {"taken": taken, "bytes": (after - before) * unit}
    return result


def decoder(name: str) -> Callable[[bytes], Any]:
    """The decoder for one of the places from which files come."""
    if name == "notebook":
        from decart_widget.inputs.reference_image import load_image

        return load_image
    if name == "sandbox":
        from decart_widget.sandbox.images import decode

        return lambda data: decode(base64.b64encode(data).decode())
    import asyncio

    from decart_widget.capture.pictures import to_array

    return lambda data: asyncio.run(to_array(data))


if __name__ == "__main__":
    chosen = decoder(sys.argv[1])
    for small in (jpeg(64, 64), png(64, 64, 8, 6), png(64, 64, 8, 2)):
        chosen(small)  # loads the libraries
    print(json.dumps(grown(chosen, BOMBS | PHOTOGRAPHS)))
