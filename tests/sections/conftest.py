"""The small run in which every section finds something to say."""

from __future__ import annotations

import pytest

from deepseek_report.artifacts.results import Results
from tests.conftest import SmallRun
from tests.real_runs import small_results


@pytest.fixture
def full(small_run: SmallRun) -> Results:
    """A real run, in which every section finds something to say."""
    return small_results(small_run)
