"""The local server, as a program of its own, for pages of ours and of others alike."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """Where it answers."""

    base_url: str
    realtime_base_url: str


@contextmanager
def service(**faults: float) -> Iterator[Service]:
    """Runs one, with these of its faults; ends it on leaving."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in faults.items()]
    command = [sys.executable, "-m", "decart_widget.sandbox", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = json.loads(process.stdout.readline())
        yield Service(said["base_url"], said["realtime_base_url"])
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
