"""A program that runs one sweep, the same each time.

Arguments: the folder, how many prompts, and the service's URLs.
"""

from __future__ import annotations

import os
import sys

from decart_widget import explore
from decart_widget.inputs.sources.pattern import TestPattern
from tests.explore.workers import KEY, MODEL, know_model

PROMPTS = [f"{look} {at}" for at in "abcd" for look in ("noir", "invert", "sepia", "neon", "oil")]
"""Of a long sweep; a short one has the first of them."""


def main() -> int:
    know_model()
    folder, count, *endpoint = sys.argv[1:]
    sheet = explore.sweep(
        TestPattern("texture"),
        PROMPTS[: int(count)],
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
