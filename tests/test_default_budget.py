"""The default run does no less than was frozen, so that no time is won by doing less."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("default_budget", FOLDER / "default_budget.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_default_configuration_does_no_less_than_was_frozen(script: ModuleType) -> None:
    frozen = yaml.safe_load((FOLDER / "default_budget.yaml").read_text(encoding="utf-8"))
    assert frozen.pop("standard_errors")["shap"] > 0
    assert script.less(frozen, script.budget()) == []


def test_fewer_cases_rows_and_pictures_are_each_told(script: ModuleType) -> None:
    frozen = {"explain": {"instances": 200}, "rows": {"a": 9, "b": 4}, "pictures": ["x", "y"]}
    now = {"explain": {"instances": 100}, "rows": {"a": 9}, "pictures": ["y"]}
    assert script.less(frozen, now) == [
        "explain.instances is 100, was 200",
        "rows.b is gone",
        "pictures.x is gone",
    ]
