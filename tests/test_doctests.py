"""The examples in the docstrings of pure functions are true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "deepseek_report"
#: Modules of pure functions.
MODULES = [
    *sorted(f"statistics.{file.stem}" for file in (PACKAGE / "statistics").glob("[!_]*.py")),
    *(f"artifacts.{name}" for name in ("estimate", "ids", "message", "rounding")),
    "artifacts.storage.local_paths",
    "wording.numbers",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    module = importlib.import_module(f"deepseek_report.{name}")
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted
