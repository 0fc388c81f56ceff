"""What tests of findings vary of a real run, and how a finding reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.score import Score
from tests.tiny_runs import TinyRuns
from tests.varied_run import VariedRun


@pytest.fixture
def score(run: VariedRun) -> Callable[..., Score]:
    """A score of the real run with another value, interval and subject."""
    return run.score


@pytest.fixture
def number(tiny_runs: TinyRuns, tmp_path: Path) -> VariedRun:
    """A tiny run on a predicted number with nothing kept of it but the data."""
    return VariedRun(tiny_runs("number"), tiny_runs, tmp_path / "number")


@pytest.fixture
def say() -> Callable[[Finding], str]:
    """All texts of a finding in English, as one string."""
    from tests.worded import all_texts, wording

    return lambda finding: all_texts(wording(), finding)
