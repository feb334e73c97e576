"""Records of a sheet as a data frame, as CSV and as Parquet."""

from __future__ import annotations

import io
from typing import Any

import pytest

from decart_widget.explore.folders.tables import to_frame, to_parquet

ROWS: list[dict[str, Any]] = [
    {"style": "ink", "status": "done", "flicker": 0.5, "repeat": 0},
    {"style": "oil 浮世絵", "status": "refused", "flicker": None, "repeat": 1},
]


def test_records_become_a_data_frame() -> None:
    pytest.importorskip("pandas")
    frame = to_frame(ROWS)
    assert list(frame.columns) == ["style", "status", "flicker", "repeat"]
    assert frame["flicker"].mean() == 0.5


def test_records_become_parquet_and_can_be_read_again() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    data = to_parquet(ROWS)
    assert data is not None
    assert parquet.read_table(io.BytesIO(data)).to_pylist() == ROWS
