"""Installs packages with uv, which takes a seventh of pip's time, or else with pip.

``python tools/install.py PYTHON ARGUMENT...`` stands for ``PYTHON -m pip install ARGUMENT...``. It
needs nothing but the standard library, because it fills the first environment. uv does not read
pip's settings: those that say where packages come from are handed over. Where uv fails, pip
installs.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import Final

UV: Final = "uv>=0.5"
"""The first release whose `pip install` takes every option that is used here."""

PASSED_ON: Final = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
"""Setting of pip to variable of uv."""


def pip_settings(listing: str) -> dict[str, str]:
    """The settings that hold for `pip install`, from what `pip config list` printed.

    Args:
        listing: Lines like ``global.cert='/etc/ca.crt'``; the environment's section is ``:env:``.

    Returns:
        Name of the setting to its value; the environment's win over those of `install`, and those
        over the global ones.
    """
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        key, _, quoted = line.partition("=")
        section, _, name = key.partition(".")
        if section in found:
            found[section][name] = str(ast.literal_eval(quoted))
    return {name: value for section in found.values() for name, value in section.items()}


def uv_environment(settings: dict[str, str]) -> dict[str, str]:
    """This process's environment with pip's settings in uv's variables, unless uv's own are set."""
    environment = dict(os.environ)
    for name, variable in PASSED_ON.items():
        if value := settings.get(name):
            environment.setdefault(variable, " ".join(value.split()))
    return environment


def uv_installs(python: str, arguments: list[str]) -> bool:
    """Whether uv came into this interpreter's environment and installed the packages."""
    pip = [sys.executable, "-m", "pip"]
    brought = subprocess.run([*pip, "install", "--quiet", UV], capture_output=True, check=False)
    if brought.returncode:
        return False
    listing = subprocess.run(
        [*pip, "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    done = subprocess.run(
        [*uv, *arguments],
        env=uv_environment(pip_settings(listing)),
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def main(python: str, *arguments: str) -> int:
    """Installs the packages, and returns the exit status."""
    if uv_installs(python, ["--compile-bytecode", *arguments]):
        return 0
    pip = [python, "-m", "pip", "install", "--quiet"]
    return subprocess.run([*pip, *arguments], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
