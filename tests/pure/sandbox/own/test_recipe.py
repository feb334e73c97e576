"""The examples of docs/own-models.md; the one with PyTorch runs where that is installed."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from decart_widget.sandbox.own.interface import shape_of

PAGE: Final = Path(__file__).parents[4] / "docs" / "own-models.md"
BLOCK: Final = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks() -> list[str]:
    return BLOCK.findall(PAGE.read_text("utf-8"))


@pytest.mark.parametrize("number", range(len(blocks())))
def test_every_example_is_python(number: int) -> None:
    ast.parse(blocks()[number])


def test_the_methods_of_the_class_in_the_docs_are_found() -> None:
    scope: dict[str, Any] = {}
    [source] = [block for block in blocks() if "class MyModel" in block]
    exec(source, scope)
    shape = shape_of(scope["MyModel"])
    assert (shape.method, shape.arguments, shape.batch_size) == ("transform_batch", 2, 4)
    assert shape.has_start
    assert shape.has_warm_up


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_the_recipe_transforms_a_batch() -> None:
    scope: dict[str, Any] = {}
    [source] = [block for block in blocks() if "import torch" in block]
    exec(source, scope)
    assert shape_of(scope["Stylise"]).batch_size == 4
    model = scope["Stylise"]()
    model.warm_up()
    state = model.start("neon", None)
    frames = np.random.default_rng(1).integers(0, 256, (3, 36, 64, 3), np.uint8)
    painted = model.transform_batch(frames, state)
    assert (painted.shape, painted.dtype) == (frames.shape, np.uint8)
