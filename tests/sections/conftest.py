"""The small run in which every section finds something to say, and one that holds nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from tests.conftest import SmallRun
from tests.real_runs import small_results


def _findings_conftest() -> ModuleType:
    path = Path(__file__).parents[1] / "findings" / "conftest.py"
    spec = importlib.util.spec_from_file_location("made_up_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made_up = _findings_conftest()


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """A run with nothing in it but the data."""
    return made_up.Run(tmp_path).data()


@pytest.fixture
def full(small_run: SmallRun) -> Results:
    """A real run, in which every section finds something to say."""
    return small_results(small_run)


@pytest.fixture
def score() -> Callable[..., Score]:
    made: Callable[..., Score] = made_up.make_score
    return made
