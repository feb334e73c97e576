"""The sdist and the wheel carry the bundle, need no Node, and work once installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from decart_widget._version import __version__

ROOT = Path(__file__).parents[2]
BUNDLE = {f"decart_widget/static/{name}.js" for name in ("loader", "main", "peer", "room")}
PROBE = """
import json, warnings
import decart_widget
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from decart_widget import DecartWidget
    widget = DecartWidget()
print(json.dumps({
    "version": decart_widget.__version__,
    "file": decart_widget.__file__,
    "esm": len(widget._esm),
    "chunks": list(widget._chunks),
}))
"""


def run(*command: str | Path, cwd: Path, path: str | None = None) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    if path is not None:
        environment["PATH"] = path
    result = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{command} failed:\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dist")


@pytest.fixture(scope="module")
def sdist(workspace: Path) -> Path:
    run(sys.executable, "-m", "build", "--sdist", "--outdir", workspace, ROOT, cwd=workspace)
    (file,) = workspace.glob("*.tar.gz")
    return file


@pytest.fixture(scope="module")
def wheel(sdist: Path, workspace: Path) -> Path:
    """Built from the unpacked sdist, with nothing that could build a bundle in reach."""
    with tarfile.open(sdist) as archive:
        archive.extractall(workspace / "unpacked", filter="data")
    (source,) = (workspace / "unpacked").iterdir()
    shutil.rmtree(source / "js")
    empty = workspace / "empty"
    empty.mkdir()
    run(
        sys.executable,
        *("-m", "build", "--wheel", "--outdir", str(workspace), str(source)),
        cwd=workspace,
        path=str(empty),
    )
    (file,) = workspace.glob("*.whl")
    return file


def test_the_sdist_carries_the_bundle_and_its_sources(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= BUNDLE
    assert names >= {"pyproject.toml", "hatch_build.py", "LICENSE", "README.md", "PKG-INFO"}
    assert {"js/package.json", "js/package-lock.json", "js/src/index.ts"} <= names
    folders = {name.partition("/")[0] for name in names if "/" in name}
    assert folders == {"decart_widget", "js"}
    assert not any("node_modules" in name or "__pycache__" in name for name in names)


def test_the_wheel_carries_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        sizes = {name: archive.getinfo(name).file_size for name in names}
    info = f"decart_widget-{__version__}.dist-info/"
    assert names >= BUNDLE
    assert all(sizes[name] > 0 for name in BUNDLE)
    assert "decart_widget/py.typed" in names
    assert f"{info}licenses/LICENSE" in names
    assert all(name.startswith(("decart_widget/", info)) for name in names)


def test_every_module_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    tracked = run("git", "ls-files", "decart_widget", cwd=ROOT).split()
    with zipfile.ZipFile(wheel) as archive:
        assert set(tracked) <= set(archive.namelist())


def test_installed_into_a_fresh_environment_it_makes_a_widget(wheel: Path, workspace: Path) -> None:
    fresh = workspace / "fresh"
    run(sys.executable, "-m", "venv", fresh, cwd=workspace)
    python = fresh / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=workspace)
    seen = json.loads(run(python, "-c", PROBE, cwd=workspace).splitlines()[-1])
    assert seen["version"] == __version__
    assert Path(seen["file"]).is_relative_to(fresh)
    assert seen["esm"] > 1000
    assert sorted(seen["chunks"]) == ["capture", "main", "room", "tools", "take"]
