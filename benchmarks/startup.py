"""Costs before a session: import time, bundle size, creating a widget, showing two.

Imports are timed in fresh processes, ours and anywidget's in turn, so that both see the same load
of the machine; `import_ratio` compares `from decart_widget import DecartWidget` with `import
anywidget`, on which it depends. Creating a widget doesn't start the local server; connecting does.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Final

from benchmarks import Figures
from benchmarks.page_weight import weigh

LIMITS: Final = {
    "import_ratio": 1.15,
    "esm_css_bytes": 4_000,
    "main_bytes": 40_000,
    "room_gzip_bytes": 160_000,
    "create_ms": 20.0,
    "second_instance_bytes": 10_000,
    "saved_state_bytes": 60_000,
}

RUNS: Final = 10
IMPORTS: Final = {
    "anywidget": "import anywidget",
    "decart_widget": "from decart_widget import DecartWidget",
    "bare": "import decart_widget",
}
TIMED: Final = "import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
CREATE: Final = """
import json, time
from decart_widget import DecartWidget
took = []
for _ in range(21):
    began = time.perf_counter()
    widget = DecartWidget(endpoint="sandbox")
    took.append(1000 * (time.perf_counter() - began))
from decart_widget.page.chunks import chunk
size = len(widget._esm.encode()) + len(getattr(widget, "_css", "").encode())
chunks = {"main": len(chunk("main").source), "room": len(chunk("room").data)}
print(json.dumps({"took": took, "size": size, **chunks}))
"""


def in_fresh_process(code: str, bytecode: str) -> str:
    """Runs code in a new Python process and returns the last line that it prints.

    Args:
        code: The code.
        bytecode: Folder for the bytecode files. pip compiles what it installs, but a checkout has
            none where the environment forbids to write them.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return result.stdout.splitlines()[-1]


def import_seconds(bytecode: str) -> dict[str, float]:
    """Median import time of each of IMPORTS, in seconds."""
    took: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for turn in range(RUNS + 1):
        for name, code in IMPORTS.items():
            seconds = float(in_fresh_process(TIMED.format(code=code), bytecode))
            if turn:  # the first turn writes the bytecode files
                took[name].append(seconds)
    return {name: statistics.median(times) for name, times in took.items()}


def run() -> Figures:
    with tempfile.TemporaryDirectory() as bytecode:
        imports = import_seconds(bytecode)
        in_fresh_process(CREATE, bytecode)  # writes the bytecode files of what it loads later
        made = json.loads(in_fresh_process(CREATE, bytecode))
    return {
        "import_ratio": round(imports["decart_widget"] / imports["anywidget"], 3),
        "import_bare_ratio": round(imports["bare"] / imports["anywidget"], 3),
        "import_ms": round(1000 * imports["decart_widget"], 1),
        "import_anywidget_ms": round(1000 * imports["anywidget"], 1),
        "esm_css_bytes": made["size"],
        "main_bytes": made["main"],
        "room_gzip_bytes": made["room"],
        "create_ms": round(statistics.median(made["took"][1:]), 2),
        "create_first_ms": round(made["took"][0], 2),
        **weigh(),
    }
