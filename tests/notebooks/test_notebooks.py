"""The notebooks run from top to bottom without a front end, a browser or a key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import nbformat
import pytest
from nbmake.nb_run import NotebookRun

ROOT: Final = Path(__file__).parents[2]
NOTEBOOKS: Final = sorted((ROOT / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Removes the key and the user's Jupyter configuration from the environment."""
    monkeypatch.delenv("DECART_API_KEY", raising=False)
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def test_runs_headless(notebook: Path) -> None:
    result = NotebookRun(notebook, default_timeout=60).execute()
    assert result.error is None, f"{result.error.summary}\n{result.error.trace}"


def test_is_committed_without_outputs(notebook: Path) -> None:
    cells = nbformat.read(notebook, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert code
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_holds_no_key(notebook: Path) -> None:
    assert not re.search(r"\b(dct|ek)_\w{4,}", notebook.read_text())


def test_keeps_no_widget_state(notebook: Path) -> None:
    metadata = nbformat.read(notebook, as_version=4).metadata
    assert "widgets" not in metadata
