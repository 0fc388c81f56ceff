"""A small run as the exports read it."""

from __future__ import annotations

from typing import Any

import pytest

from deepseek_report.extensions.exports.exported_run import ExportedRun
from tests.real_runs import small_results


@pytest.fixture
def exported(small_run: Any) -> ExportedRun:
    libraries = {"python": "3.11.7", "numpy": "2.4.6"}
    return ExportedRun(small_results(small_run), "0" * 64, libraries)
