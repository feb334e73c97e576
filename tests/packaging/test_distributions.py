"""Sdist and wheel carry the bundle and its licences, need no Node, and work once installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hatch_build
from decart_widget._version import __version__

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "js" / "node_modules"
BUNDLE = {product.as_posix() for product in hatch_build.products(ROOT)}
LICENSES = "decart_widget/static/THIRD_PARTY_LICENSES"
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
    """Built from the unpacked sdist, with nothing that could build a bundle in reach.

    Of js/ only the list of chunks is left, by which the build knows that the bundle is complete.
    """
    with tarfile.open(sdist) as archive:
        archive.extractall(workspace / "unpacked", filter="data")
    (source,) = (workspace / "unpacked").iterdir()
    chunks = (source / hatch_build.CHUNKS).read_bytes()
    shutil.rmtree(source / "js")
    (source / hatch_build.CHUNKS).parent.mkdir()
    (source / hatch_build.CHUNKS).write_bytes(chunks)
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
    made_from = hatch_build.sources(ROOT)
    assert {path.relative_to(ROOT).as_posix() for path in made_from} <= names
    assert "js/src/index.ts" in names
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
    static = {name for name in names if name.startswith("decart_widget/static/")}
    assert static == BUNDLE
    assert "decart_widget/py.typed" in names
    assert f"{info}licenses/LICENSE" in names
    assert all(name.startswith(("decart_widget/", info)) for name in names)


def packages_in_the_bundle() -> dict[str, str]:
    """Name and version of each npm package that may be in the bundle.

    By the lock file these are all that aren't for development. A build of livekit-client contains
    packages of the versions that LiveKit had installed, which its source map names.
    """
    lock = json.loads((ROOT / "js" / "package-lock.json").read_text(encoding="utf-8"))
    versions = {
        path.removeprefix("node_modules/"): package["version"]
        for path, package in lock["packages"].items()
        if path and not any(package.get(kind) for kind in ("dev", "optional", "peer"))
    }
    source_map = MODULES / "livekit-client" / "dist" / "livekit-client.esm.mjs.map"
    for source in json.loads(source_map.read_text(encoding="utf-8"))["sources"]:
        found = re.search(r"\.pnpm/(@?[^@/]+)@([^/_(]+)", source)
        if found:
            versions[found[1].replace("+", "/")] = found[2]
    return versions


def license_texts(package: str) -> list[str]:
    """The licence files of an npm package."""
    folder = MODULES / package
    files = [p for p in folder.iterdir() if re.match(r"licen[cs]e|notice", p.name, re.IGNORECASE)]
    return [p.read_text(encoding="utf-8").replace("\r\n", "\n").strip() for p in files]


def license_entries(text: str) -> dict[tuple[str, str], str]:
    """The licence texts in THIRD_PARTY_LICENSES, by name and version of the package."""
    rule = "=" * 80
    parts = re.split(rf"^{rule}\n(\S+) (\S+)\nLicense: .+\n{rule}\n", text, flags=re.MULTILINE)
    names, versions, entries = parts[1::3], parts[2::3], parts[3::3]
    return dict(zip(zip(names, versions, strict=True), entries, strict=True))


def test_wheel_and_sdist_carry_the_licence_of_every_bundled_package(
    wheel: Path, sdist: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(LICENSES).decode()
        as_metadata = f"decart_widget-{__version__}.dist-info/licenses/{LICENSES}"
        assert archive.read(as_metadata).decode() == text
    with tarfile.open(sdist) as archive:
        (member,) = [m for m in archive.getmembers() if m.name.endswith(f"/{LICENSES}")]
        file = archive.extractfile(member)
        assert file is not None
        assert file.read().decode() == text
    packages = packages_in_the_bundle()
    assert {"livekit-client", "@bufbuild/protobuf", "webrtc-adapter", "jose"} <= packages.keys()
    entries = license_entries(text)
    assert sorted(entries) == sorted(packages.items())
    for (package, _), entry in entries.items():
        assert all(license_text in entry for license_text in license_texts(package))
        assert "copyright" in entry.lower()
        assert len(entry) > 500


def test_a_package_without_a_licence_file_has_the_standard_text_and_its_copyright(
    wheel: Path,
) -> None:
    package = "@bufbuild/protobuf"
    assert license_texts(package) == []
    with zipfile.ZipFile(wheel) as archive:
        entries = license_entries(archive.read(LICENSES).decode())
    entry = entries[package, packages_in_the_bundle()[package]]
    for part in ("Copyright 2008 Google Inc.", "Buf Technologies", "END OF TERMS AND CONDITIONS"):
        assert part in entry
    assert "Redistributions in binary form must reproduce" in entry


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
    assert set(seen["chunks"]) == {"main", "room", "capture", "tools", "take", "kernel", "deck"}
