"""Installs ipykernel 6 into an empty environment that otherwise uses this one's packages."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from tools import install


def main(environment: Path) -> None:
    """Installs ipykernel 6 and a .pth file that adds this environment's packages.

    Args:
        environment: Folder of a virtual environment without packages.
    """
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment.resolve())}))
    if install.main(sys.executable, "--no-deps", "--target", str(own), "ipykernel<7"):
        raise SystemExit("ipykernel 6 can't be installed")
    here = sysconfig.get_path("purelib")
    (own / "shared.pth").write_text(f"import site; site.addsitedir({here!r})\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
