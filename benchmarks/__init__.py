"""Benchmarks, one module each, for the figures that the project promises.

A benchmark is a module `benchmarks/NAME.py` with a docstring whose first line says what is
measured, `LIMITS` (figure -> largest accepted value), optionally `LEAST` (figure -> smallest
accepted value), and `run()`, which returns figures by name. Its name is listed in `NAMES` or
`LONG`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

NAMES: Final = (
    "startup",
    "idle",
    "ttff",
    "latency",
    "mirror",
    "tap",
    "relay",
    "media",
    "faults",
    "verdict",
    "sweep",
    "scrub",
)
"""Benchmarks that `all` runs, in this order."""

LONG: Final = ("soak",)
"""Benchmarks that take too long for `all`; `--minutes` and `--cycles` set their length."""

Figures = dict[str, Any]
"""Figures by name; a value is a number, a list with one number per run, or figures by transport."""


@dataclass(frozen=True)
class Benchmark:
    """One benchmark: `run()` measures, `limits` and `least` are the promised bounds."""

    name: str
    title: str
    limits: Mapping[str, float]
    least: Mapping[str, float]
    run: Callable[..., Figures]


def load(name: str) -> Benchmark:
    module = importlib.import_module(f"benchmarks.{name}")
    title = (module.__doc__ or name).splitlines()[0]
    return Benchmark(name, title, module.LIMITS, getattr(module, "LEAST", {}), module.run)
