"""`make demo`: JupyterLab with the quick start, with this environment's kernel."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
NOTEBOOK: Final = "notebooks/01_quickstart.ipynb"


def main() -> None:
    if os.environ.get("DECART_API_KEY"):
        print("DECART_API_KEY is set: the notebook talks to Decart, and sessions are billed.")
    else:
        print("No DECART_API_KEY: the widget starts a local server with simple effects.")
    print("Run the cells and click Start. Press Ctrl-C here twice to end it.\n", flush=True)
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--log-level=WARN"),
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{NOTEBOOK}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    # Kernels of .venv take precedence over those of the same name elsewhere on the machine.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.chdir(ROOT)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
