"""`make demo`: JupyterLab on the quick start, with this environment's own kernel."""

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
        print("No DECART_API_KEY: the widget starts a local server with effects of its own.")
    print("Run the cells, click Start. Ctrl-C here, twice, ends it.\n", flush=True)
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--log-level=WARN"),
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{NOTEBOOK}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    # A kernel of the same name elsewhere on the machine must not win over .venv's.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.chdir(ROOT)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
