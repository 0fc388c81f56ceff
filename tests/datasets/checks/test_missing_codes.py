"""Numbers that probably mean "missing" are found, and numbers that are measurements are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepseek_report.datasets.checks.code_checks import suspected_codes
from tests.datasets.loading import issues_of, table_of
from tests.worded import say

NODATA = float(np.finfo(np.float32).min)
#: Draws of measurements as they come: skewed, counted, with heavy tails, rounded, in few values.
WORLDS = {
    "normal": lambda r, n: r.normal(size=n),
    "amounts": lambda r, n: np.exp(r.normal(8, 1.5, n)).round(),
    "counts with zeros": lambda r, n: np.where(r.random(n) < 0.9, 0, r.poisson(30, n)),
    "heavy tails": lambda r, n: np.floor(r.pareto(1.0, n) * 10),
    "ages": lambda r, n: r.integers(18, 95, n),
    "a limit that many reach": lambda r, n: np.minimum(np.exp(r.normal(3, 1, n)).round(), 100),
    "few levels": lambda r, n: r.choice([0, 1, 2, 3, 100], n),
}


@pytest.mark.parametrize("world", WORLDS)
def test_measurements_are_seldom_suspected(world: str) -> None:
    """Of 500 columns of 300 rows at most one in a hundred; in benign worlds none."""
    random = np.random.default_rng(1)
    wrong = sum(bool(suspected_codes(WORLDS[world](random, 300).astype(float))) for _ in range(500))
    assert wrong <= 5


@pytest.mark.parametrize("code", [NODATA, -999.0, -9999.0, 99999.0, 1e30])
def test_a_code_in_two_rows_is_found(code: float) -> None:
    random = np.random.default_rng(2)
    values = random.normal(20, 5, 300)
    values[[3, 40]] = code
    assert suspected_codes(values) == [(code, 2)]


def test_two_codes_one_behind_the_other_are_both_found() -> None:
    values = np.append(np.arange(50.0), [NODATA, -9999.0, -9999.0, np.nan])
    assert suspected_codes(values) == [(NODATA, 1), (-9999.0, 2)]


def test_nothing_is_suspected_where_there_is_nothing() -> None:
    assert suspected_codes(np.array([])) == []
    assert suspected_codes(np.full(5, np.nan)) == []
    assert suspected_codes(np.array([-999.0, -999.0])) == []


def test_a_table_with_a_nodata_value_has_the_issue_in_words(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"x": random.normal(size=200), "label": np.arange(200) % 2})
    frame.loc[frame.index % 20 == 7, "x"] = NODATA
    issue = issues_of(table_of(frame, tmp_path, target="label"))["missing_codes"]
    assert issue.severity == "high"
    assert "−3.40 × 10³⁸ stands in 10 rows" in say(issue.text).replace("\u00a0", " ")
    assert "dataset.missing_values" in say(issue.recommendation)
