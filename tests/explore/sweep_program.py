"""A program that runs one sweep, the same each time; arguments: folder, and the service's URLs."""

from __future__ import annotations

import os
import sys

from decart_widget import explore
from decart_widget.inputs.sources.pattern import TestPattern
from tests.explore.workers import KEY, MODEL, know_model

PROMPTS = ["noir", "invert", "sepia", "neon", "thermal", "mosaic"]


def main() -> int:
    know_model()
    folder, *endpoint = sys.argv[1:]
    sheet = explore.sweep(
        TestPattern("texture"),
        PROMPTS,
        model=MODEL,
        seconds=0.6,
        folder=folder,
        budget=900,  # of a machine that is busy, on which frames come slowly
        endpoint=tuple(endpoint),
        api_key=KEY,
        transport="webrtc",
    )
    state = sheet.wait(progress=False)
    print(state, sheet.error, flush=True)
    return 0 if state == "done" else 1


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(main())
