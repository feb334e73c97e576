"""Figures that the project promises, each measured by one module of this package.

A benchmark is a module `benchmarks/NAME.py` with a docstring whose first line says what is
measured, `LIMITS` (figure -> the most that is accepted), where there are any `LEAST` (figure -> the
least), and `run()`, which returns figures by name.
Whoever adds one adds its name to `NAMES`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

NAMES: Final = ("startup", "idle", "ttff", "latency", "mirror", "tap", "faults")
"""In the order in which `all` runs them."""

LONG: Final = ("soak",)
"""Those that take too long for it, and how long can be said: `--minutes`, `--cycles`."""

Figures = dict[str, Any]
"""By name; a figure that consists of figures (each transport's) or of several runs is one too."""


@dataclass(frozen=True)
class Benchmark:
    """One benchmark: `run()` measures, `limits` and `least` are what was promised."""

    name: str
    title: str
    limits: Mapping[str, float]
    least: Mapping[str, float]
    run: Callable[..., Figures]


def load(name: str) -> Benchmark:
    module = importlib.import_module(f"benchmarks.{name}")
    title = (module.__doc__ or name).splitlines()[0]
    return Benchmark(name, title, module.LIMITS, getattr(module, "LEAST", {}), module.run)
